"""Ranked windows against true ones: R@k, mIoU and mAP, as QVHighlights defines them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoexpert.metrics.scores import FloatArray
from videoexpert.metrics.spans import Ends, as_spans, overlaps

RECALL_AT = (0.3, 0.5, 0.7)
PRECISION_AT = tuple(step / 100 for step in range(50, 100, 5))
DEPTHS = (1, 5)
LARGEST_RANKING = 10
"""How many windows count for mAP: the first ones listed."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Windows that were predicted for one query, as listed. scores: higher is better, one for each window."""

    windows: tuple[Ends, ...]
    scores: tuple[float, ...]


def best_overlaps(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """For each of [p, 2], its best IoU with any of [g, 2], over the hull; 0 where the hull is empty."""
    if not len(truth):
        return np.zeros(len(predicted))
    return np.asarray(np.nan_to_num(overlaps(predicted, truth, union="hull"), nan=0.0).max(axis=1))


def average_precision(ranked: Ranked, truth: FloatArray, thresholds: Sequence[float]) -> list[float]:
    """AP at each IoU threshold: the area under the precision envelope over the recall steps, in [0, 1].

    The first 10 windows as listed, by score; equal scores keep their order. Each takes the free true window with the
    highest IoU, of equal ones the last. An IoU of 0/0 is above every threshold, as in the official code.
    """
    count = min(len(ranked.windows), LARGEST_RANKING)
    order = np.argsort(-np.asarray(ranked.scores[:count]), kind="stable")
    iou = overlaps(as_spans(ranked.windows[:count])[order], truth, union="true")
    preference = np.argsort(iou, axis=1, kind="stable")[:, ::-1]
    return [_average_precision(iou, preference, threshold) for threshold in thresholds]


def _average_precision(iou: FloatArray, preference: np.ndarray[tuple[int, ...], np.dtype[np.intp]], t: float) -> float:
    taken: set[int] = set()
    precisions: list[float] = []
    for rank, row in enumerate(iou):
        free = (int(window) for window in preference[rank] if window not in taken and not row[window] < t)
        found = next(free, None)
        if found is not None:
            taken.add(found)
        precisions.append(len(taken) / (rank + 1) if found is not None else 0.0)
    envelope, area = 0.0, 0.0
    for precision in reversed(precisions):
        envelope = max(envelope, precision)
        area += envelope if precision else 0.0
    return area / int(iou.shape[1])


def ranked_scores(ranked: Ranked, truth: Sequence[Ends]) -> dict[str, float]:
    """Everything about one query, in [0, 1]: `R1@0.5`, `R5@0.5`, `mIoU`, `mAP@0.5`, `mAP`.

    R@k takes windows as listed, whatever their scores. Without any true window every number is NaN; without any
    predicted one it is 0.
    """
    true = as_spans(truth)
    if not len(true):
        return dict.fromkeys(names(), float("nan"))
    if not ranked.windows:
        return dict.fromkeys(names(), 0.0)
    iou = best_overlaps(as_spans(ranked.windows), true)
    row = {f"R{k}@{t:g}": float(iou[:k].max() >= t) for k in DEPTHS for t in recall_thresholds()}
    row["mIoU"] = float(iou[0])
    precisions = average_precision(ranked, true, PRECISION_AT)
    row |= {f"mAP@{t:g}": value for t, value in zip(PRECISION_AT, precisions, strict=True)}
    row["mAP"] = float(np.mean(precisions))
    return row


def recall_thresholds() -> tuple[float, ...]:
    """0.3, and every threshold of mAP."""
    return (RECALL_AT[0], *PRECISION_AT)


def names() -> tuple[str, ...]:
    """The metrics that `ranked_scores` gives, in its order."""
    recall = [f"R{k}@{t:g}" for k in DEPTHS for t in recall_thresholds()]
    return (*recall, "mIoU", *(f"mAP@{t:g}" for t in PRECISION_AT), "mAP")


def columns(rows: Iterable[Mapping[str, float]], *, prefix: str = "") -> dict[str, list[float]]:
    """What every query got, turned into one list for each metric."""
    table: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            table.setdefault(prefix + name, []).append(value)
    return table
