"""What the temporal head says, turned into moments and saliency in seconds. Pure: arrays in, values out.

The head looks at one stretch of video (`looked_at`) through T frames and gives, for each [LOC], a class score and a
window at each of T grid points. This is the one place, beside the training targets, where fractions of a stretch are
known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videoexpert.config import Decoding
from videoexpert.timeline import Moment, Saliency, Span

FloatArray = NDArray[np.float64]

STEP = 2.0
"""Seconds that one score of a saliency curve stands for, as in QVHighlights."""

REGION = 0.6
"""The part of its peak that a region's scores have at least."""

SHORTEST = 1e-3
"""Seconds: what is shorter than subtitles can express is empty."""


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What the temporal head says of one [LOC].

    looked_at: the stretch of video that was shown to the model. scores [T]: the class scores in [0, 1]. windows [T, 2]:
    start and end as fractions of `looked_at`, unclipped. Point i of the grid lies at the fraction (i + 1) / T.
    decoding: what moments are made of, see `rank_moments`.
    """

    looked_at: Span
    scores: FloatArray
    windows: FloatArray
    decoding: Decoding = "windows"

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or not len(self.scores) or self.windows.shape != (len(self.scores), 2):
            raise ValueError(f"scores [T] and windows [T, 2] expected, got {self.scores.shape}, {self.windows.shape}")
        if not (np.isfinite(self.scores).all() and np.isfinite(self.windows).all()):
            raise ValueError("scores and windows must be finite")

    def grid(self) -> FloatArray:
        """The times of the grid points [T], in seconds of the video, rising; the last is the end of `looked_at`."""
        count = len(self.scores)
        return self.looked_at.start + self.looked_at.duration * np.arange(1, count + 1) / count


class Spans:
    """Spans that another one is compared with at once. room: how many there will be at most."""

    def __init__(self, room: int) -> None:
        self._starts, self._ends, self._count = np.empty(room), np.empty(room), 0

    def add(self, span: Span) -> None:
        self._starts[self._count], self._ends[self._count] = span.start, span.end
        self._count += 1

    def shared(self, span: Span) -> FloatArray:
        """Seconds that `span` shares with each."""
        starts, ends = self._starts[: self._count], self._ends[: self._count]
        seconds: FloatArray = np.maximum(np.minimum(ends, span.end) - np.maximum(starts, span.start), 0.0)
        return seconds

    def iou(self, span: Span) -> FloatArray:
        """`Span.iou` of `span` with each."""
        shared = self.shared(span)
        return shared / (span.duration + (self._ends - self._starts)[: self._count] - shared)


def rank_moments(located: Located) -> tuple[Moment, ...]:
    """The moments inside `looked_at`, best class score first; empty ones are left out.

    Of windows: that of each grid point. Of equal scores the earlier grid point comes first. There are up to T moments,
    most of them much alike: `suppress`. Of regions: see `_regions`; no two of them overlap.
    """
    if located.decoding == "regions":
        return _regions(located)
    ends = np.clip(located.windows, 0.0, 1.0)
    seconds = np.minimum(located.looked_at.start + located.looked_at.duration * ends, located.looked_at.end)
    order = np.argsort(-located.scores, kind="stable")
    return tuple(
        Moment(Span(float(seconds[i, 0]), float(seconds[i, 1])), float(located.scores[i]))
        for i in order
        if seconds[i, 1] - seconds[i, 0] >= SHORTEST
    )


def _regions(located: Located) -> tuple[Moment, ...]:
    """The run of grid points around the highest score that are at least REGION of it, then the same of what is left.

    A grid point stands for the time since the one before it. Where the picture cuts, scores fall within a point or two,
    so a run ends where the shot does.
    """
    count, first = len(located.scores), located.looked_at.start
    step = located.looked_at.duration / count
    left, moments = located.scores.copy(), []
    while left[best := int(np.argmax(left))] > 0:
        peak, start, end = left[best], best, best + 1
        while start > 0 and left[start - 1] >= REGION * peak:
            start -= 1
        while end < count and left[end] >= REGION * peak:
            end += 1
        left[start:end] = -1.0
        stop = located.looked_at.end if end == count else first + end * step
        if stop - (first + start * step) >= SHORTEST:
            moments.append(Moment(Span(first + start * step, stop), float(peak)))
    return tuple(moments)


def suppress(moments: Sequence[Moment], *, iou: float) -> tuple[Moment, ...]:
    """Leave out each moment whose overlap with an earlier, kept one is an IoU of `iou` or more. The order stays."""
    kept: list[Moment] = []
    spans = Spans(len(moments))
    for moment in moments:
        if not (spans.iou(moment.span) >= iou).any():
            kept.append(moment)
            spans.add(moment.span)
    return tuple(kept)


def select(moments: Sequence[Moment], *, top_k: int | None, min_score: float) -> tuple[Moment, ...]:
    """The first `top_k` (None: all) of the moments whose score, where they have one, is at least `min_score`."""
    return tuple(moment for moment in moments if moment.score is None or moment.score >= min_score)[:top_k]


def step_edges(duration: float) -> FloatArray:
    """The borders [N + 1] of a video's saliency steps: 0, 2, 4, ... and its duration, which ends the last step."""
    count = max(1, math.ceil((duration - SHORTEST) / STEP))
    return np.append(np.arange(count) * STEP, duration)


def step_means(located: Located, edges: FloatArray) -> FloatArray:
    """The mean class score [N] over the part of each step that was looked at; 0 where no part of a step was.

    Between grid points the score is taken as linear, and before the first one as constant; the mean is the exact one of
    that curve. So a step with many grid points hears them all, and one between two grid points is interpolated.
    """
    grid, window = located.grid(), located.looked_at
    borders = np.clip(edges, window.start, window.end)
    knots = np.union1d(grid, borders)
    curve = np.interp(knots, grid, located.scores)
    areas = np.concatenate([[0.0], np.cumsum(np.diff(knots) * (curve[:-1] + curve[1:]) / 2)])
    lengths = np.diff(borders)
    sums = np.diff(areas[np.searchsorted(knots, borders)])
    means = np.divide(sums, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return np.clip(means, located.scores.min(), located.scores.max()) * (lengths > 0)


def salient_moments(saliency: Saliency, duration: float, *, ratio: float) -> tuple[Moment, ...]:
    """The runs of steps whose saliency is at least `ratio` times the peak, the best first.

    A moment's score is the highest saliency in it; of equal ones the longer comes first, then the earlier. A curve
    whose peak is 0 has no moments.
    """
    peak = max(saliency.scores, default=0.0)
    if peak <= 0:
        return ()
    moments: list[Moment] = []
    first: int | None = None
    ends = (*saliency.times[1:], duration)
    for index, score in enumerate((*saliency.scores, -math.inf)):
        if score >= ratio * peak:
            first = index if first is None else first
        elif first is not None:
            span = Span(saliency.times[first], ends[index - 1])
            moments.append(Moment(span, max(saliency.scores[first:index])))
            first = None
    return tuple(sorted(moments, key=lambda moment: (-(moment.score or 0.0), -moment.span.duration, moment.span)))
