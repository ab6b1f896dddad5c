"""Scores: what every sample got, and what that makes together.

All values are percent. A sample that a metric does not count (no window of that length, no answer) holds NaN there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Derived:
    """A metric that is made of other metrics: their mean, or the harmonic mean of two."""

    kind: Literal["mean", "harmonic"]
    parts: tuple[str, ...]

    def of(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """The metric, for any number of drawings of the samples at once."""
        parts = [values[part] for part in self.parts]
        if self.kind == "mean":
            return np.asarray(np.mean(parts, axis=0))
        total = parts[0] + parts[1]
        return np.asarray(np.divide(2 * parts[0] * parts[1], total, out=np.zeros_like(total), where=total != 0))


@dataclass(frozen=True, slots=True)
class Scores:
    """What a run scored.

    samples: what each sample is called. values: for each metric [samples], percent or NaN. derived: the metrics that
    are made of others, each after its parts. notes: what a reader of the scores should know.
    """

    samples: tuple[str, ...]
    values: Mapping[str, FloatArray]
    derived: Mapping[str, Derived] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, values in self.values.items():
            if values.shape != (len(self.samples),):
                raise ValueError(f"{name} has {values.shape} values for {len(self.samples)} samples")

    @staticmethod
    def of(
        samples: Sequence[str],
        fractions: Mapping[str, Sequence[float] | FloatArray],
        *,
        derived: Mapping[str, Derived] | None = None,
        notes: Sequence[str] = (),
    ) -> "Scores":
        """Scores from values in [0, 1]."""
        values = {name: 100 * np.asarray(column, dtype=np.float64) for name, column in fractions.items()}
        return Scores(tuple(samples), values, dict(derived or {}), tuple(notes))

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics that were counted for at least one sample, the derived ones last."""
        return tuple(self.summary())

    def summary(self) -> dict[str, float]:
        """Every metric over all samples, percent; one that no sample counts for is left out."""
        everyone = np.ones((1, len(self.samples)))
        return {name: float(value[0]) for name, value in self.drawn(everyone).items() if np.isfinite(value[0])}

    def drawn(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Every metric where sample i counts `weights[:, i]` times; weights [draws, samples], values [draws]."""
        means = {name: _mean(column, weights) for name, column in self.values.items()}
        for name, derived in self.derived.items():
            means[name] = derived.of(means)
        return means


def _mean(column: FloatArray, weights: FloatArray) -> FloatArray:
    counted = np.isfinite(column)
    total = weights @ np.where(counted, column, 0.0)
    share = weights @ counted.astype(np.float64)
    return np.divide(total, share, out=np.full_like(total, np.nan), where=share != 0)
