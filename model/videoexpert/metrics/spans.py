"""Overlap of spans given as raw numbers, in every way that the field computes it."""

from collections.abc import Sequence

import numpy as np

from videoexpert.metrics.protocols import Union
from videoexpert.metrics.scores import FloatArray

Ends = tuple[float, float]
"""Start and end in seconds, as somebody wrote them: not necessarily in this order, nor inside a video."""

EPSILON = 1e-8
"""What some evaluators add to the union, so that an IoU of exactly one half is a little less."""


def as_spans(spans: Sequence[Ends]) -> FloatArray:
    """[n, 2], also where there are none."""
    return np.asarray(spans, dtype=np.float64).reshape(-1, 2)


def overlaps(
    predicted: FloatArray, truth: FloatArray, *, union: Union, epsilon: float = 0.0, negative: bool = False
) -> FloatArray:
    """IoU of each of [p, 2] with each of [g, 2]: [p, g]. Where the union is 0, 0/0 is NaN; nothing else is.

    union: "true" is the sum of the lengths minus the intersection, "hull" from the first start to the last end, "min"
    the hull or the sum of the lengths, whichever is less. negative: the gap between disjoint spans counts below 0.
    """
    starts, ends = predicted[:, None, 0], predicted[:, None, 1]
    inside = np.minimum(ends, truth[:, 1]) - np.maximum(starts, truth[:, 0])
    if not negative:
        inside = np.maximum(inside, 0.0)
    hull = np.maximum(ends, truth[:, 1]) - np.minimum(starts, truth[:, 0])
    lengths = (ends - starts) + (truth[:, 1] - truth[:, 0])
    whole = {"true": lengths - inside, "hull": hull, "min": np.minimum(hull, lengths)}[union] + epsilon
    empty = np.where(inside == 0, np.nan, np.copysign(np.inf, inside))
    overlap: FloatArray = np.divide(inside, whole, out=empty, where=whole != 0)
    return overlap
