"""What a request may ask for beside its words: how moments are chosen, text is generated, long videos are covered.

These are a caller's choices; what the model is made of stands in `config`. Each value checks itself and raises
ValueError.
"""

import math
from dataclasses import dataclass
from typing import Literal

DeviceName = Literal["auto", "cuda", "mps", "cpu"]
DtypeName = Literal["auto", "float32", "float16", "bfloat16"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _require_score(min_score: float | None) -> None:
    _require(min_score is None or 0 <= min_score <= 1, f"min_score must lie in 0 .. 1, got {min_score}")


@dataclass(frozen=True, slots=True)
class GroundingOptions:
    """Which moments are kept. top_k: how many at most, None for all. min_score: the least class score, 0 .. 1; None:
    what the model is calibrated to.

    iou: moments that overlap by this IoU or more are one (non-maximum suppression), 0 < iou <= 1; 1 drops only copies.
    """

    top_k: int | None = 5
    min_score: float | None = None
    iou: float = 0.5

    def __post_init__(self) -> None:
        _require(self.top_k is None or self.top_k >= 1, f"top_k must be at least 1, got {self.top_k}")
        _require_score(self.min_score)
        _require(0 < self.iou <= 1, f"iou must lie in 0 .. 1 and not be 0, got {self.iou}")


@dataclass(frozen=True, slots=True)
class HighlightOptions:
    """Which moments a saliency curve forms: the runs of steps at `ratio` (0 < ratio <= 1) of its peak or more.

    top_k: how many at most, None for all. min_score: the least peak of a run, 0 .. 1; None: what the model is
    calibrated to.
    """

    ratio: float = 0.5
    top_k: int | None = None
    min_score: float | None = None

    def __post_init__(self) -> None:
        _require(0 < self.ratio <= 1, f"ratio must lie in 0 .. 1 and not be 0, got {self.ratio}")
        _require(self.top_k is None or self.top_k >= 1, f"top_k must be at least 1, got {self.top_k}")
        _require_score(self.min_score)


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How text is written: at most `max_new_tokens`, each the likeliest one where the temperature is 0 (greedy).

    With a temperature above 0 tokens are drawn: from the likeliest ones that hold `top_p` of the probability, 0 < top_p
    <= 1, by a generator that starts from `seed`, so that the same seed gives the same text on the same machine.
    """

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.max_new_tokens >= 1, f"max_new_tokens must be at least 1, got {self.max_new_tokens}")
        _require(0 <= self.temperature < math.inf, f"temperature must be 0 or more, got {self.temperature}")
        _require(0 < self.top_p <= 1, f"top_p must lie in 0 .. 1 and not be 0, got {self.top_p}")

    @property
    def drawn_with(self) -> int | None:
        """The seed where tokens are drawn, None where generation is greedy and needs none."""
        return self.seed if self.temperature > 0 else None


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """How a long video is covered.

    length: seconds of a window; None: what the model was trained for. overlap: seconds that neighbours share; None: a
    quarter of the length, so that what is shorter than that is seen whole by some window. whole: look at every video
    in one piece.
    """

    length: float | None = None
    overlap: float | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        _require(self.length is None or 1 <= self.length < math.inf, f"a window lasts 1 s or more, got {self.length}")
        _require(self.overlap is None or 0 <= self.overlap < math.inf, f"overlap must be 0 or more, got {self.overlap}")
        _require(
            not self.whole or self.length is self.overlap is None, "whole leaves no window length or overlap to choose"
        )
