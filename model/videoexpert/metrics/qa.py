"""Answers and the evidence for them: IoU and IoP of one span with several true ones, as NExT-GQA defines them."""

from collections.abc import Sequence
from dataclasses import dataclass

from videoexpert.metrics.spans import Ends

GROUNDED_AT = 0.5
"""The IoP from which a right answer counts as grounded."""

MET_AT = (0.3, 0.5)


@dataclass(frozen=True, slots=True)
class Grounding:
    """How well a span fits true ones. iou and iop, each with the segment that suits it best, in [0, 1]."""

    iou: float
    iop: float


def grounding(predicted: Ends, segments: Sequence[Ends]) -> Grounding:
    """IoU over the hull, and the part of the prediction that lies inside a segment.

    A point inside a segment or on its edge has an IoP of 1 and an IoU of 0; a span that ends before it starts has none.
    """
    return Grounding(
        max((_iou(predicted, segment) for segment in segments), default=0.0),
        max((_iop(predicted, segment) for segment in segments), default=0.0),
    )


def _inside(one: Ends, other: Ends) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _iou(predicted: Ends, segment: Ends) -> float:
    hull = max(predicted[1], segment[1]) - min(predicted[0], segment[0])
    return max(0.0, _inside(predicted, segment) / hull) if hull else 0.0


def _iop(predicted: Ends, segment: Ends) -> float:
    length = predicted[1] - predicted[0]
    if length == 0:
        return float(segment[0] <= predicted[0] <= segment[1])
    return _inside(predicted, segment) / length if length > 0 else 0.0


def question_scores(right: bool, found: Grounding | None, *, counted: bool = True) -> dict[str, float]:
    """Everything about one question, in [0, 1]. found: None without a span, which counts as 0 where it is counted."""
    row = {"Acc@QA": float(right)}
    if found is None:
        found = Grounding(0.0, 0.0) if counted else Grounding(float("nan"), float("nan"))
    grounded = found.iop == found.iop
    row["Acc@GQA"] = float(right and found.iop >= GROUNDED_AT) if grounded else float("nan")
    for name, value in (("IoP", found.iop), ("IoU", found.iou)):
        row[f"m{name}"] = value
        row |= {f"{name}@{t}": float(value >= t) if grounded else float("nan") for t in MET_AT}
    return row
