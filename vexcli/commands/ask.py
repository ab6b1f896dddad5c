"""`vex ask`: why, what, who, and where is the evidence?"""

from typing import TYPE_CHECKING, Annotated

import typer

from vexcli.asking import ask_videos, split_words
from vexcli.options import Inputs, MaxTokens, Queries, QueriesFile, Seed, Temperature, TopP

if TYPE_CHECKING:
    from videoexpert.features import EncodedVideo
    from videoexpert.predictor import Predictor
    from videoexpert.progress import OnStep
    from videoexpert.timeline import Timeline

Options = Annotated[
    list[str] | None, typer.Option("--option", metavar="TEXT", help="An answer to choose from. Repeatable, 2 to 26.")
]
TopK = Annotated[int, typer.Option("--top-k", "-k", metavar="N", min=1, help="The most moments shown as evidence.")]


def ask(
    context: typer.Context,
    inputs: Inputs,
    option: Options = None,
    query: Queries = None,
    queries: QueriesFile = None,
    top_k: TopK = 3,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
) -> None:
    """Ask a question, with or without answers to choose from.

    The answer, and the moments it rests on. The last word is the question, unless -q or --queries gives some.

    \b
    Examples:
      vex ask talk.mp4 "Why do they laugh?"
      vex ask talk.mp4 "Who speaks first?" --option "the host" --option "a guest"
    """
    from videoexpert.options import GenerationOptions, GroundingOptions

    videos, words = split_words(inputs, query, queries)
    options = GenerationOptions(max_new_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed)
    evidence = GroundingOptions(top_k=top_k)

    def task(predictor: "Predictor", video: "EncodedVideo", listen: "OnStep") -> "list[Timeline]":
        return predictor.ask(video, words, choices=option or (), evidence=evidence, options=options, on_step=listen)

    ask_videos(context, videos, task)
