"""What a predictor is doing, told while it works. Nothing here prints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["decode", "encode", "prefill", "generate"]
"""`decode`: frames are read. `encode`: they become visual tokens. `prefill`: the language model reads them and the
questions. `generate`: it writes."""


@dataclass(frozen=True, slots=True)
class Step:
    """One report. window: which of the `windows` of the video is worked on, from 1. done of total: how far this stage
    is in this window, in frames (decode, encode), questions (prefill) or tokens of the longest text (generate, where
    `total` is a bound: a text may end before it). `done` is 0 where the stage begins."""

    stage: Stage
    window: int
    windows: int
    done: int
    total: int


OnStep = Callable[[Step], None]
"""Called in the thread that does the work; what it raises ends the work."""


def unheard(step: Step) -> None:
    """The listener where nobody wants to know."""
