"""Answers and their evidence, computed by hand."""

import math

from hypothesis import given
from hypothesis import strategies as st

from videoexpert.metrics.qa import Grounding, grounding, question_scores

SEGMENTS = [(10.0, 20.0), (40.0, 60.0)]
TIMES = st.integers(-10, 100).map(float)


def test_iou_and_iop_may_come_from_different_segments() -> None:
    assert grounding((3, 13), [(0, 4), (10, 60)]) == Grounding(iou=1 / 13, iop=0.3)


def test_points_and_reversed_spans() -> None:
    assert grounding((20, 20), SEGMENTS) == Grounding(iou=0, iop=1)
    assert grounding((25, 25), SEGMENTS) == Grounding(iou=0, iop=0)
    assert grounding((20, 10), SEGMENTS) == Grounding(iou=0, iop=0)
    assert grounding((10, 20), []) == Grounding(iou=0, iop=0)


def test_a_right_answer_is_grounded_from_an_iop_of_one_half() -> None:
    assert question_scores(True, Grounding(0.1, 0.5))["Acc@GQA"] == 1
    assert question_scores(True, Grounding(0.9, 0.49))["Acc@GQA"] == 0
    assert question_scores(False, Grounding(1.0, 1.0))["Acc@GQA"] == 0


def test_a_question_without_span_counts_as_0_or_not_at_all() -> None:
    left_out = question_scores(True, None, counted=False)
    assert left_out["Acc@QA"] == 1 and math.isnan(left_out["Acc@GQA"]) and math.isnan(left_out["IoU@0.3"])
    assert question_scores(True, None)["mIoP"] == 0


@given(TIMES, TIMES)
def test_whatever_was_predicted_lies_between_0_and_1(start: float, end: float) -> None:
    found = grounding((start, end), SEGMENTS)
    assert 0 <= found.iou <= found.iop <= 1 or (start == end and found.iou == 0)
