"""What a training run says while it works. Nothing here prints."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from videoexpert.train.learner import StepLosses


@dataclass(frozen=True, slots=True)
class Looked:
    """Videos are looked at: `done` of `total` records are ready or left out."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that nothing is learnt from. why: one line that begins with its `file:line`."""

    why: str


@dataclass(frozen=True, slots=True)
class Started:
    """Training begins. groups: what is trained, and how many numbers it holds. step: steps done in earlier runs."""

    groups: tuple[tuple[str, int], ...]
    examples: int
    left_out: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was done. per_second: examples."""

    step: int
    steps: int
    epoch: float
    losses: StepLosses
    per_second: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The validation data was looked at. value: of the metric that counts; better: whether it is the best so far."""

    step: int
    metric: str
    value: float
    better: bool


Ending = Literal["finished", "early", "interrupted"]
"""Why a run ended: its steps were done, nothing got better any more, or it was asked to stop."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The run ended; the model is written, unless it was interrupted. step: steps done. best: of the metric, None
    without validation data."""

    ending: Ending
    step: int
    best: float | None


Report = Looked | LeftOut | Started | Stepped | Evaluated | Ended

OnReport = Callable[[Report], None]
"""Called in the main process, in the thread that trains."""


def unheard(report: Report) -> None:
    """The listener where nobody wants to know."""
