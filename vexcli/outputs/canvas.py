"""What every frame of a reel is like: its size, its rate, and how a picture of another shape fits into it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from vexcli.outputs.cuts import Cut

SAMPLE_RATE = 48_000
"""Samples of sound a second, in stereo."""

HIGHEST_RATE = Fraction(60)
"""Frames a second that a reel has at most, unless the user asks for more."""

_USUAL_RATES = tuple(map(Fraction, ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")))


@dataclass(frozen=True, slots=True)
class Canvas:
    """width, height: pixels, square and even in number; rate: frames a second."""

    width: int
    height: int
    rate: Fraction

    def __post_init__(self) -> None:
        if self.width < 2 or self.height < 2 or self.width % 2 or self.height % 2:
            raise ValueError(f"a reel needs even sizes, got {self.width}x{self.height}")
        if not 0 < self.rate <= 1000:
            raise ValueError(f"a reel's rate must be above 0 and at most 1000 frames a second, got {self.rate}")

    def frames(self, cut: Cut) -> int:
        """How many frames a cut has at this rate, at least one."""
        return max(1, round(Fraction(cut.duration) * self.rate))

    def starts(self, cuts: Iterable[Cut]) -> list[float]:
        """When each cut begins in the reel, seconds."""
        frames = accumulate((self.frames(cut) for cut in cuts), initial=0)
        return [float(count / self.rate) for count in frames][:-1]

    def samples(self, frames: int) -> int:
        """How much sound goes with so many frames."""
        return round(frames / self.rate * SAMPLE_RATE)

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The largest even size inside the canvas that has the shape of `width` x `height`."""
        scale = min(Fraction(self.width, width), Fraction(self.height, height))
        return min(self.width, _even(width * scale)), min(self.height, _even(height * scale))


def choose_canvas(cuts: Sequence[Cut], *, size: tuple[int, int] | None = None, rate: Fraction | None = None) -> Canvas:
    """The size that most seconds of the cuts have, so that few are scaled; the highest rate, up to 60, so that no
    frame is dropped. size, rate: what the user wants instead."""
    seconds: dict[tuple[int, int], float] = {}
    for cut in cuts:
        shown = cut.footage.info.width, cut.footage.info.height
        seconds[shown] = seconds.get(shown, 0.0) + cut.duration
    width, height = size or max(seconds, key=lambda shown: seconds[shown])
    fastest = max(_rate(cut) for cut in cuts)
    return Canvas(_even(width), _even(height), rate or min(fastest, HIGHEST_RATE))


def _rate(cut: Cut) -> Fraction:
    """The rate of a cut's video; of one that varies, the usual rate nearest to its usual distance of frames."""
    info = cut.footage.info
    if not info.variable_frame_rate:
        return info.fps
    usual = 1 / cut.footage.step
    return min(_USUAL_RATES, key=lambda rate: abs(float(rate) - usual))


def _even(pixels: float | Fraction) -> int:
    return max(2, 2 * round(pixels / 2))
