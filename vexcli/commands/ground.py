"""`vex ground`: when does this happen?"""

from typing import TYPE_CHECKING, Annotated

import typer

from vexcli.asking import ask_videos, split_words
from vexcli.options import Inputs, Queries, QueriesFile

if TYPE_CHECKING:
    from videoexpert.features import EncodedVideo
    from videoexpert.predictor import Predictor
    from videoexpert.progress import OnStep
    from videoexpert.timeline import Timeline

TopK = Annotated[int, typer.Option("--top-k", "-k", metavar="N", min=1, help="The most moments for each query.")]
MinScore = Annotated[
    float | None,
    typer.Option(
        "--min-score", metavar="SCORE", min=0, max=1, help="Leave out moments below this score; else the model's own."
    ),
]
Nms = Annotated[
    float, typer.Option("--nms", metavar="IOU", min=0.01, max=1, help="Moments that overlap this much are one.")
]


def ground(
    context: typer.Context,
    inputs: Inputs,
    query: Queries = None,
    queries: QueriesFile = None,
    top_k: TopK = 5,
    min_score: MinScore = None,
    nms: Nms = 0.5,
) -> None:
    """When does this happen?

    Moments for each query, best first, with a score from 0 to 1. The last word is the query, unless -q or --queries
    gives some. Each video is looked at once, however many queries there are.

    \b
    Examples:
      vex ground talk.mp4 "someone laughs"
      vex ground footage/ -q "a dog" -q "a car" --jsonl > found.jsonl
      vex ground talk.mp4 "someone laughs" --json | vex clip - --top 3
    """
    from videoexpert.options import GroundingOptions

    videos, words = split_words(inputs, query, queries)
    options = GroundingOptions(top_k=top_k, min_score=min_score, iou=nms)

    def task(predictor: "Predictor", video: "EncodedVideo", listen: "OnStep") -> "list[Timeline]":
        return predictor.ground(video, words, options=options, on_step=listen)

    ask_videos(context, videos, task)
