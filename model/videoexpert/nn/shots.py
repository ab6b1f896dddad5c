"""Where one shot of a video ends and the next begins, by what a classifier says of its frames."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from torch import Tensor

_APART = 4.0
"""What two neighbouring shots differ by at least: Ward's distance of their frames, where a frame is the square roots of
its class posterior, so that two frames that have nothing in common are 2 apart."""

_SHORTEST = 3
"""Fewer frames than these are no shot but a part of a neighbour's."""


def find_shots(chances: Tensor) -> list[range]:
    """The frames of each shot, in order. chances: [T, C], the class posterior of each frame.

    Neighbours are joined, the most alike first (Ward's method), until all that are left differ.
    """
    roots = chances.float().sqrt()
    alike = (roots @ roots.t()).double().cpu().numpy()
    sums = np.pad(alike, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    cuts = list(range(len(alike) + 1))
    apart = [_distance(sums, *cuts[i : i + 3]) for i in range(len(cuts) - 2)]
    while apart:
        join = int(np.argmin(apart))
        if apart[join] > _APART:
            short = [i for i, length in enumerate(np.diff(cuts)) if length < _SHORTEST]
            if not short:
                break
            join = min(_borders(short[0], len(apart)), key=apart.__getitem__)
        del cuts[join + 1], apart[join]
        for i in _borders(join, len(apart)):
            apart[i] = _distance(sums, *cuts[i : i + 3])
    return [range(start, end) for start, end in pairwise(cuts)]


def _borders(shot: int, borders: int) -> Iterator[int]:
    """The borders on the left and on the right of a shot."""
    return (i for i in (shot - 1, shot) if 0 <= i < borders)


def _distance(sums: npt.NDArray[np.float64], start: int, cut: int, end: int) -> float:
    """Ward's distance of the frames start .. cut from those of cut .. end, by sums of the frames' products."""

    def product(a: int, b: int, c: int, d: int) -> float:
        return float(sums[b, d] - sums[a, d] - sums[b, c] + sums[a, c]) / ((b - a) * (d - c))

    first, second = cut - start, end - cut
    squared = product(start, cut, start, cut) + product(cut, end, cut, end) - 2 * product(start, cut, cut, end)
    return first * second / (first + second) * squared
