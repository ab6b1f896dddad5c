"""`vex caption`: what happens, and when?"""

from typing import TYPE_CHECKING

import typer

from vexcli.asking import ask_videos
from vexcli.options import Inputs, MaxTokens, Seed, Temperature, TopP

if TYPE_CHECKING:
    from videoexpert.features import EncodedVideo
    from videoexpert.predictor import Predictor
    from videoexpert.progress import OnStep
    from videoexpert.timeline import Timeline


def caption(
    context: typer.Context,
    inputs: Inputs,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
) -> None:
    """What happens, and when?

    A sentence for each event, in order of time.

    \b
    Examples:
      vex caption talk.mp4
      vex caption footage/ -f srt -o subtitles/
    """
    from videoexpert.options import GenerationOptions

    options = GenerationOptions(max_new_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed)

    def task(predictor: "Predictor", video: "EncodedVideo", listen: "OnStep") -> "list[Timeline]":
        return [predictor.caption(video, options=options, on_step=listen)]

    ask_videos(context, inputs, task)
