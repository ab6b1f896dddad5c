"""Scores of clips against their labels: HL-mAP and HIT@1, as QVHighlights defines them."""

import numpy as np
from numpy.typing import NDArray

from videoexpert.metrics.scores import FloatArray

LEVELS = {"Fair": 2, "Good": 3, "VeryGood": 4}
"""The least score of a worker that makes a clip a highlight; papers quote the last."""

BoolArray = NDArray[np.bool_]


def clip_scores(ratings: FloatArray, predicted: FloatArray) -> dict[str, float]:
    """Everything about one query, in [0, 1]. ratings [clips, workers]: 0 .. 4; predicted [any length]: scores of clips.

    HL-mAP is the mean over the workers; HIT@1 asks whether any of them agrees about the best clip.
    """
    row = {}
    for name, least in LEVELS.items():
        labels = ratings >= least
        row[f"HL-min-{name}-mAP"] = float(np.mean([clip_precision(column, predicted) for column in labels.T]))
        row[f"HL-min-{name}-Hit1"] = hit(np.asarray(labels.any(axis=1)), predicted)
    return row


def clip_precision(labels: BoolArray, predicted: FloatArray) -> float:
    """Average precision of one labelling [clips]: 0 without any highlight, 1 where all clips are highlights.

    The unweighted mean of the precision envelope over the recall levels that the distinct scores reach. Scores for
    more clips than there are do not count; clips without a score have 0, which is more than a negative score.
    """
    if not labels.any() or labels.all():
        return float(labels.all())
    scores = np.zeros(len(labels))
    given = predicted[: len(labels)]
    scores[: len(given)] = given
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    found = np.cumsum(labels[order])[last_of_tie]
    precision = found / (np.flatnonzero(last_of_tie) + 1)
    new_level = np.diff(found, prepend=0) > 0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[new_level].mean())


def hit(labels: BoolArray, predicted: FloatArray) -> float:
    """Is the clip with the highest score a highlight? The first of several; one past the end is none."""
    best = int(np.argmax(predicted))
    return float(best < len(labels) and labels[best])
