"""SODA: tell a story in order (Fujita et al., ECCV 2020). The best one-to-one alignment that keeps the order."""

import numpy as np

from videoexpert.metrics.scores import FloatArray


def alignment(worth: FloatArray) -> float:
    """The most that pairs of [g, p] can be worth together where no two pairs cross and none shares an end."""
    best = np.zeros(worth.shape[1] + 1)
    for row in worth:
        paired = best.copy()
        paired[1:] = np.maximum(best[1:], best[:-1] + row)
        best = np.maximum.accumulate(paired)
    return float(best[-1])
