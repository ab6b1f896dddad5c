"""How the frames of a video follow each other: evenly or not, and how many a second."""

from array import array
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

GRID_TOLERANCE = 0.002
"""Seconds by which a frame may miss the even grid: containers round times to milliseconds."""

RATE_TOLERANCE = 0.01
"""Part by which a rate that the file states may differ from the measured one."""

NEATNESS = 0.001
"""Part by which a measured rate may be changed for the sake of small numbers."""


def is_variable(times: "array[float]") -> bool:
    """Whether the frames lie off an even grid from the first to the last of `times` (seconds, rising)."""
    if len(times) < 3:
        return False
    first = times[0]
    step = (times[-1] - first) / (len(times) - 1)
    tolerance = min(GRID_TOLERANCE, step / 4)
    return any(abs(time - first - index * step) > tolerance for index, time in enumerate(times))


def average_rate(times: "array[float]", last_duration: float, *, stated: Sequence[Fraction]) -> Fraction:
    """Frames a second: the first of the `stated` rates that the frame times bear out, else the measured one.

    last_duration: how long the last frame is shown, seconds, > 0. stated: rates > 0 that the file gives.
    """
    if len(times) < 2:
        return stated[0] if stated else _neat(Fraction(1 / last_duration))
    measured = Fraction((len(times) - 1) / (times[-1] - times[0]))
    for rate in stated:
        if abs(rate / measured - 1) <= RATE_TOLERANCE:
            return rate
    return _neat(measured)


def _neat(rate: Fraction) -> Fraction:
    """A rate in small numbers, where that changes it little."""
    neat = rate.limit_denominator(1001)
    return neat if abs(neat / rate - 1) <= NEATNESS else rate


def largest_gap(times: "array[float]", *, first: float, end: float) -> float:
    """The longest time without one of `times` (rising) between `first` and `end`, seconds."""
    edges = [first, *times, end]
    return max(late - early for early, late in pairwise(edges))
