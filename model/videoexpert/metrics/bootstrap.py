"""How sure a score is, and whether two runs differ: drawings of the samples, all from one seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from videoexpert.metrics.scores import FloatArray, Scores

LEVEL = 0.95
"""The part of the drawings that lies inside an interval."""

_NUMBERS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a score lies with 95 % confidence: percentiles of the drawings, percent."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one run is than another.

    value: first minus second, percent; interval: of the paired bootstrap; p: of a paired randomisation test, how likely
    a difference at least this large is, either way, where it does not matter which run a sample came from.
    """

    value: float
    interval: Interval
    p: float


def intervals(scores: Scores, *, draws: int, seed: int = 0) -> dict[str, Interval]:
    """The confidence interval of every metric, from `draws` drawings of the samples with replacement."""
    drawn = [scores.drawn(weights) for weights in _weights(len(scores.samples), draws, seed)]
    return {name: _interval(np.concatenate([part[name] for part in drawn])) for name in scores.names}


def compare(first: Scores, second: Scores, *, draws: int, seed: int = 0) -> dict[str, Difference]:
    """The difference of two runs over the same samples, for every metric that both have.

    Raises ValueError where the samples are not the same.
    """
    if first.samples != second.samples:
        raise ValueError("two runs can be compared only over the same samples")
    ours, theirs = first.summary(), second.summary()
    names = [name for name in ours if name in theirs]
    apart: dict[str, list[FloatArray]] = {name: [] for name in names}
    by_chance: dict[str, list[FloatArray]] = {name: [] for name in names}
    for weights in _weights(len(first.samples), draws, seed):
        one, other = first.drawn(weights), second.drawn(weights)
        for name in names:
            apart[name].append(one[name] - other[name])
    both = _joined(first, second, names)
    for swapped in _swaps(len(first.samples), draws, seed):
        one, other = both.drawn(np.hstack([1 - swapped, swapped])), both.drawn(np.hstack([swapped, 1 - swapped]))
        for name in names:
            by_chance[name].append(one[name] - other[name])
    differences = {}
    for name in names:
        value = ours[name] - theirs[name]
        chance = np.abs(np.concatenate(by_chance[name]))
        as_large = np.count_nonzero(chance >= abs(value) - 1e-9)
        p = (1 + as_large) / (1 + draws)
        differences[name] = Difference(value, _interval(np.concatenate(apart[name])), p)
    return differences


def _joined(first: Scores, second: Scores, names: list[str]) -> Scores:
    """Both runs' samples one after the other, so that a drawing can take each sample from either."""
    shared = [name for name in first.values if name in second.values]
    values = {name: np.concatenate([first.values[name], second.values[name]]) for name in shared}
    derived = {name: first.derived[name] for name in first.derived if name in names}
    return Scores(first.samples + second.samples, values, derived)


def _weights(samples: int, draws: int, seed: int) -> Iterator[FloatArray]:
    generator = np.random.default_rng(seed)
    for count in _chunks(samples, draws):
        yield generator.multinomial(samples, np.full(samples, 1 / samples), size=count).astype(np.float64)


def _swaps(samples: int, draws: int, seed: int) -> Iterator[FloatArray]:
    generator = np.random.default_rng([seed, 1])
    for count in _chunks(samples, draws):
        yield generator.integers(0, 2, size=(count, samples)).astype(np.float64)


def _chunks(samples: int, draws: int) -> Iterator[int]:
    most = max(1, _NUMBERS_AT_ONCE // max(1, samples))
    for start in range(0, draws, most):
        yield min(most, draws - start)


def _interval(drawn: FloatArray) -> Interval:
    counted = drawn[np.isfinite(drawn)]
    if not counted.size:
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(counted, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
