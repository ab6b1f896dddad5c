"""Which frames of a video to look at: pure functions from frame times to frame indices."""

from array import array
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from videoexpert.timeline import Span
from videoexpert.video.rate import is_variable

Rule = Literal["videoexpert", "uniform"]
"""`videoexpert`: evenly spaced over first..last frame, both taken; what the published model was trained with.
`uniform`: the middles of `count` equal parts; by time where the frame rate varies."""

ROUNDING = 1e-6
"""Seconds by which the ends of a span may miss a frame's time."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many frames, by which rule, and of which part of the video (None: all of it)."""

    count: int = 100
    rule: Rule = "videoexpert"
    span: Span | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count}")
        if self.rule not in get_args(Rule):
            raise ValueError(f"rule must be one of {', '.join(get_args(Rule))}, got {self.rule!r}")


def sample_indices(times: NDArray[np.float64], end: float, sampling: Sampling) -> NDArray[np.int64]:
    """The frames to look at: int64 [count], never falling, repeated where there are fewer frames than asked for.

    times [n]: seconds at which the frames appear, rising, n >= 1. end: when the last one disappears.
    Raises ValueError where the span begins at or after `end`.
    """
    first, stop = _frames_of(times, end, sampling.span)
    if sampling.rule == "videoexpert":
        return first + _first_to_last(stop - first, sampling.count)
    if not is_variable(array("d", times[first:stop].tobytes())):
        return first + _middles(stop - first, sampling.count)
    begin = float(times[0]) if sampling.span is None else max(float(times[0]), sampling.span.start)
    finish = end if sampling.span is None else min(end, sampling.span.end)
    moments = begin + (np.arange(sampling.count) + 0.5) * (finish - begin) / sampling.count
    return np.maximum(np.searchsorted(times, moments, side="right") - 1, 0)


def _frames_of(times: NDArray[np.float64], end: float, span: Span | None) -> tuple[int, int]:
    """The frames [first, stop) that appear during the span; where none does, the one that is being shown."""
    if span is None:
        return 0, len(times)
    if span.start >= end:
        raise ValueError(f"the span begins at {span.start} s but the video ends at {end} s")
    first = int(np.searchsorted(times, span.start - ROUNDING))
    stop = int(np.searchsorted(times, span.end - ROUNDING))
    if first < stop:
        return first, stop
    shown = max(0, first - 1)
    return shown, shown + 1


def _first_to_last(frames: int, count: int) -> NDArray[np.int64]:
    """floor(k * (frames - 1) / (count - 1)), k = 0 .. count-1, in whole numbers."""
    return np.arange(count, dtype=np.int64) * (frames - 1) // max(1, count - 1)


def _middles(frames: int, count: int) -> NDArray[np.int64]:
    """floor((k + 1/2) * frames / count), k = 0 .. count-1, in whole numbers."""
    return (2 * np.arange(count, dtype=np.int64) + 1) * frames // (2 * count)
