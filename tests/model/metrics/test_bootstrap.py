"""How sure scores are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.metrics.bootstrap import compare, intervals
from videoexpert.metrics.scores import Derived, Scores

RANDOM = np.random.default_rng(0)


def scores(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Scores:
    return Scores.of([str(index) for index in range(len(values))], {"hit": values})


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    run = scores((np.arange(400) < 200).astype(np.float64))
    found = intervals(run, draws=4000)["hit"]
    assert found.low == pytest.approx(50 - 4.9, abs=0.7) and found.high == pytest.approx(50 + 4.9, abs=0.7)
    assert intervals(run, draws=400, seed=5) == intervals(run, draws=400, seed=5)
    assert intervals(run, draws=400, seed=5) != intervals(run, draws=400, seed=6)


def test_a_clear_difference_is_found_and_chance_is_not() -> None:
    noise = RANDOM.random(200)
    better = compare(scores(noise * 0.8 + 0.2), scores(noise * 0.8), draws=1000)["hit"]
    assert better.value == pytest.approx(20) and better.interval.low > 19 and better.p < 0.01
    same = compare(scores(RANDOM.random(200)), scores(RANDOM.random(200)), draws=1000)["hit"]
    assert same.p > 0.01
    itself = compare(scores(noise), scores(noise), draws=200)["hit"]
    assert (itself.value, itself.p) == (0, 1)


def test_samples_that_are_not_counted_change_nothing() -> None:
    with_gaps = Scores.of(["a", "b", "c"], {"x": [1.0, float("nan"), 0.0], "never": [float("nan")] * 3})
    assert with_gaps.summary() == {"x": 50}
    assert "never" not in intervals(with_gaps, draws=100)


def test_derived_metrics_are_made_of_the_means() -> None:
    derived = {"F1": Derived("harmonic", ("P", "R")), "both": Derived("mean", ("P", "F1"))}
    run = Scores.of(["a", "b"], {"P": [1.0, 0.5], "R": [0.0, 0.5]}, derived=derived)
    assert run.summary()["F1"] == pytest.approx(37.5)
    assert run.summary()["both"] == pytest.approx((75 + 37.5) / 2)
    assert Scores.of(["a"], {"P": [0.0], "R": [0.0]}, derived=derived).summary()["F1"] == 0
    assert compare(run, run, draws=100)["F1"].value == 0


def test_other_samples_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="same samples"):
        compare(scores(np.ones(3)), scores(np.ones(4)), draws=100)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_the_score_lies_inside_what_can_be_drawn(values: list[float]) -> None:
    run = scores(np.array(values))
    found = intervals(run, draws=100)["hit"]
    assert 100 * min(values) - 1e-9 <= found.low <= found.high <= 100 * max(values) + 1e-9
