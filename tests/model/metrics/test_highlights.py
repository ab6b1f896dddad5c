"""Scores of clips, computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.metrics.highlights import clip_precision, clip_scores, hit


def labels(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.array(values, dtype=bool)


def test_precision_is_the_mean_over_the_levels_of_recall() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert clip_precision(labels(1, 0, 1, 0), scores) == pytest.approx((1 + 2 / 3) / 2)
    assert clip_precision(labels(1, 0, 1, 0), np.ones(4)) == 0.5  # one level, reached by everything at once


def test_nothing_and_everything_to_find() -> None:
    assert clip_precision(labels(0, 0), np.array([1.0, 0.0])) == 0
    assert clip_precision(labels(1, 1), np.array([1.0, 0.0])) == 1


def test_a_short_list_is_filled_with_zeros_and_a_long_one_is_cut() -> None:
    assert clip_precision(labels(0, 0, 1), np.array([-1.0, -1.0])) == 1
    assert clip_precision(labels(1, 0), np.array([0.5, 0.1, 9.0])) == 1
    assert hit(labels(1, 0), np.array([0.5, 0.1, 9.0])) == 0


def test_one_worker_is_enough_for_a_hit() -> None:
    row = clip_scores(np.array([[4.0, 1.0, 1.0], [0.0, 0.0, 0.0]]), np.array([0.9, 0.1]))
    assert row["HL-min-VeryGood-Hit1"] == 1
    assert row["HL-min-VeryGood-mAP"] == pytest.approx(1 / 3)


@given(st.lists(st.tuples(st.booleans(), st.floats(-1, 1)), min_size=1, max_size=30), st.floats(0.1, 10))
def test_only_the_order_of_scores_matters(clips: list[tuple[bool, float]], factor: float) -> None:
    marked = np.array([label for label, _ in clips])
    scores = np.round(np.array([score for _, score in clips]), 3)
    value = clip_precision(marked, scores)
    assert 0 <= value <= 1
    assert clip_precision(marked, scores * 2) == value
