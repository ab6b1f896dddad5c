"""`vex highlights`: which parts matter?"""

from typing import TYPE_CHECKING, Annotated

import typer

from vexcli.asking import ask_videos, split_optional_word
from vexcli.options import Inputs, Queries

if TYPE_CHECKING:
    from videoexpert.features import EncodedVideo
    from videoexpert.predictor import Predictor
    from videoexpert.progress import OnStep
    from videoexpert.timeline import Timeline

TopK = Annotated[
    int | None, typer.Option("--top-k", "-k", metavar="N", min=1, help="The most moments; all without it.")
]
Ratio = Annotated[
    float, typer.Option("--ratio", metavar="PART", min=0.01, max=1, help="What is near the peak: this part of it.")
]


def highlights(
    context: typer.Context, inputs: Inputs, query: Queries = None, top_k: TopK = None, ratio: Ratio = 0.5
) -> None:
    """Which parts matter, in general or for a query?

    A score for every 2 seconds, and the moments that the highest ones form. Without a query, what matters
    in general.

    \b
    Examples:
      vex highlights match.mp4
      vex highlights match.mp4 "a goal" --json | vex reel - -o goals.mp4
    """
    from videoexpert.options import HighlightOptions

    options = HighlightOptions(ratio=ratio, top_k=top_k)
    videos, words = split_optional_word(inputs, query)

    def task(predictor: "Predictor", video: "EncodedVideo", listen: "OnStep") -> "list[Timeline]":
        return predictor.highlights(video, words, options=options, on_step=listen)

    ask_videos(context, videos, task)
