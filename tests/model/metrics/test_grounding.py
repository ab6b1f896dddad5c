"""Ranked windows, spans and their overlaps, computed by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.metrics.grounding import PRECISION_AT, Ranked, ranked_scores
from videoexpert.metrics.protocols import Union
from videoexpert.metrics.spans import as_spans, overlaps

TIMES = st.integers(0, 100).map(float)
WINDOWS = st.lists(st.tuples(TIMES, TIMES), max_size=12)
SPANS = st.tuples(st.integers(0, 50), st.integers(1, 50)).map(lambda pair: (float(pair[0]), float(sum(pair))))


def iou(one: tuple[float, float], other: tuple[float, float], union: Union, **options: float) -> float:
    return float(overlaps(as_spans([one]), as_spans([other]), union=union, **options)[0, 0])  # type: ignore[arg-type]


def test_unions_differ_only_where_spans_do_not_touch_or_are_reversed() -> None:
    assert iou((0, 10), (5, 15), "true") == iou((0, 10), (5, 15), "hull") == iou((0, 10), (5, 15), "min") == 1 / 3
    assert iou((0, 5), (0, 10), "min", epsilon=1e-8) < 0.5
    assert iou((0, 2), (8, 10), "hull") == 0
    assert iou((0, 2), (8, 10), "hull", negative=True) == -0.6
    assert math.isnan(iou((108, 100), (0, 8), "true"))
    assert iou((108, 100), (0, 8), "hull") == 0


@given(SPANS, SPANS)
def test_an_overlap_is_symmetric_and_lies_between_0_and_1(one: tuple[float, float], other: tuple[float, float]) -> None:
    for union in ("true", "hull", "min"):
        assert 0 <= iou(one, other, union) == iou(other, one, union) <= 1
    assert iou(one, one, "true") == 1


def test_a_second_window_for_the_same_moment_is_wrong() -> None:
    truth = [(0.0, 10.0), (20.0, 30.0)]
    row = ranked_scores(Ranked(((0, 10), (0, 10), (20, 30)), (0.9, 0.8, 0.7)), truth)
    assert row["mAP@0.5"] == pytest.approx((1 + 2 / 3) / 2)
    assert row["R1@0.95"] == 1 and row["mIoU"] == 1


def test_recall_takes_windows_as_listed_and_precision_by_score() -> None:
    row = ranked_scores(Ranked(((50, 60), (0, 10)), (0.1, 0.9)), [(0.0, 10.0)])
    assert row["R1@0.5"] == 0 and row["R5@0.5"] == 1 and row["mAP@0.5"] == 1


def test_only_ten_windows_count_for_precision() -> None:
    far = tuple((100.0 + number, 101.0 + number) for number in range(10))
    row = ranked_scores(Ranked((*far, (0, 10)), (0.1,) * 10 + (0.9,)), [(0.0, 10.0)])
    assert row["mAP"] == 0


def test_no_truth_counts_nowhere_and_no_prediction_is_a_miss() -> None:
    assert all(math.isnan(value) for value in ranked_scores(Ranked(((0, 1),), (1.0,)), []).values())
    assert set(ranked_scores(Ranked((), ()), [(0.0, 1.0)]).values()) == {0.0}


@given(WINDOWS, st.lists(SPANS, min_size=1, max_size=4))
def test_whatever_was_predicted_scores_lie_between_0_and_1(
    windows: list[tuple[float, float]], truth: list[tuple[float, float]]
) -> None:
    ranked = Ranked(tuple(windows), tuple(float(-rank) for rank in range(len(windows))))
    row = ranked_scores(ranked, truth)
    assert all(0 <= value <= 1 for value in row.values())
    precisions = [row[f"mAP@{t:g}"] for t in PRECISION_AT]
    assert row["mAP"] == pytest.approx(float(np.mean(precisions)))
    proper = all(start < end for start, end in windows)
    if proper:
        assert all(late <= early for early, late in itertools.pairwise(precisions))


@given(st.lists(SPANS, min_size=1, max_size=4))
def test_the_truth_itself_scores_everything(truth: list[tuple[float, float]]) -> None:
    row = ranked_scores(Ranked(tuple(truth), (1.0,) * len(truth)), truth)
    assert row["mAP"] == row["mIoU"] == row["R1@0.95"] == 1
