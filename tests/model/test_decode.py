"""Head outputs become moments and saliency: hand-made arrays, and properties that hold for any."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from videoexpert.decode import STEP, Located, rank_moments, salient_moments, select, step_edges, step_means, suppress
from videoexpert.timeline import Moment, Saliency, Span

FRACTIONS = st.floats(-1.5, 2.5, width=32)


def said(start: float, end: float, scores: list[float], windows: list[list[float]]) -> Located:
    return Located(Span(start, end), np.array(scores, dtype=float), np.array(windows, dtype=float).reshape(-1, 2))


def flat(start: float, end: float, scores: list[float]) -> Located:
    """Scores alone; each grid point's window is the whole stretch."""
    return said(start, end, scores, [[0.0, 1.0]] * len(scores))


@st.composite
def located(draw: st.DrawFn) -> Located:
    count = draw(st.integers(1, 120))
    start = draw(st.floats(0, 10_000))
    length = draw(st.floats(0.01, 10_000))
    scores = draw(arrays.arrays(np.float64, count, elements=st.floats(0, 1)))
    windows = draw(arrays.arrays(np.float64, (count, 2), elements=FRACTIONS))
    return Located(Span(start, start + length), scores, windows)


def moments() -> st.SearchStrategy[Moment]:
    spans = st.tuples(st.floats(0, 500), st.floats(0.01, 100)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
    return st.builds(Moment, spans, st.floats(0, 1))


def test_windows_are_ranked_and_put_into_seconds_of_the_video() -> None:
    head = said(100, 300, [0.2, 0.9, 0.5], [[0.0, 0.1], [0.25, 0.5], [0.5, 0.75]])
    assert rank_moments(head) == (
        Moment(Span(150, 200), 0.9),
        Moment(Span(200, 250), 0.5),
        Moment(Span(100, 120), 0.2),
    )


def test_windows_are_clamped_to_what_was_looked_at_and_empty_ones_left_out() -> None:
    outside, backwards, tiny = [1.2, 1.4], [0.6, 0.4], [0.5, 0.500001]
    head = said(10, 30, [0.9, 0.8, 0.7, 0.6], [outside, backwards, tiny, [-0.3, 1.7]])
    assert rank_moments(head) == (Moment(Span(10, 30), 0.6),)


def region(start: float, end: float, scores: list[float]) -> Located:
    return Located(Span(start, end), np.array(scores), np.zeros((len(scores), 2)), "regions")


def test_regions_are_runs_near_their_peak() -> None:
    head = region(100, 110, [0.15, 0.2, 0.5, 0.8, 0.5, 0.3, 0.0, 0.0, 0.4, 0.4])
    assert rank_moments(head) == (
        Moment(Span(102, 105), 0.8),
        Moment(Span(108, 110), 0.4),
        Moment(Span(105, 106), 0.3),
        Moment(Span(100, 102), 0.2),
    )


def test_without_any_score_there_is_no_region() -> None:
    assert rank_moments(region(0, 4, [0.0, 0.0])) == ()


@given(located())
def test_regions_lie_apart_inside_what_was_looked_at_and_fall_in_score(head: Located) -> None:
    found = rank_moments(replace(head, decoding="regions"))
    inside = sorted(moment.span for moment in found)
    assert all(head.looked_at.start <= span.start < span.end <= head.looked_at.end for span in inside)
    assert all(early.end <= late.start + 1e-6 for early, late in pairwise(inside))
    assert [moment.score for moment in found] == sorted((moment.score or 0.0 for moment in found), reverse=True)


def test_of_equal_scores_the_earlier_grid_point_comes_first() -> None:
    head = said(0, 10, [0.5, 0.5, 0.5], [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    assert [moment.span.start for moment in rank_moments(head)] == [1, 3, 5]


@given(located())
def test_every_moment_lies_inside_and_the_best_comes_first(head: Located) -> None:
    ranked = rank_moments(head)
    scores = [moment.score for moment in ranked]
    assert scores == sorted(scores, key=lambda score: -(score or 0))
    assert len(ranked) <= len(head.scores)
    for moment in ranked:
        assert head.looked_at.start <= moment.span.start < moment.span.end <= head.looked_at.end


@pytest.mark.parametrize("scores, windows", [((3,), (4, 2)), ((3,), (3,)), ((0,), (0, 2)), ((3, 1), (3, 2))])
def test_arrays_of_other_shapes_are_refused(scores: tuple[int, ...], windows: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Located(Span(0, 1), np.zeros(scores), np.zeros(windows))


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        flat(0, 1, [math.nan])


def test_of_moments_that_are_much_alike_the_first_stays() -> None:
    best, alike, apart = Moment(Span(0, 10), 0.9), Moment(Span(1, 11), 0.8), Moment(Span(8, 20), 0.7)
    assert suppress([best, alike, apart], iou=0.5) == (best, apart)
    assert suppress([best, alike, apart], iou=1.0) == (best, alike, apart)
    assert suppress([best, best], iou=1.0) == (best,)


@given(st.lists(moments(), max_size=20), st.floats(0.05, 1))
def test_what_is_kept_differs_and_what_is_not_is_like_something_better(found: list[Moment], iou: float) -> None:
    kept = suppress(found, iou=iou)
    for index, moment in enumerate(kept):
        assert all(moment.span.iou(other.span) < iou for other in kept[:index])
    for moment in found:
        assert moment in kept or any(moment.span.iou(other.span) >= iou for other in kept)


def test_selection_takes_the_first_that_score_enough() -> None:
    found = [Moment(Span(0, 1), score) for score in (0.9, 0.5, 0.4)] + [Moment(Span(0, 1))]
    assert select(found, top_k=2, min_score=0.45) == (found[0], found[1])
    assert select(found, top_k=None, min_score=0.45) == (found[0], found[1], found[3])
    assert select(found, top_k=1, min_score=0.95) == (found[3],)


@pytest.mark.parametrize(
    "duration, edges",
    [
        (0.5, [0, 0.5]),
        (2, [0, 2]),
        (2.0004, [0, 2.0004]),
        (5, [0, 2, 4, 5]),
        (6, [0, 2, 4, 6]),
    ],
)
def test_steps_cover_the_video(duration: float, edges: list[float]) -> None:
    assert step_edges(duration).tolist() == edges


def test_a_step_hears_every_grid_point_in_it() -> None:
    """Four grid points a step: at 0.5, 1, 1.5, 2, ...; the line between them is averaged, not sampled in the middle."""
    head = flat(0, 4, [0, 0, 0, 0.8, 0, 0, 0, 0])
    assert step_means(head, step_edges(4)) == pytest.approx([0.1, 0.1])


def test_between_grid_points_the_score_is_linear_and_before_the_first_constant() -> None:
    """Grid points at 10, 20: steps of 2 s take the line's value in their middle."""
    head = flat(0, 20, [0.2, 0.7])
    means = step_means(head, step_edges(20))
    assert means == pytest.approx([0.2] * 5 + [0.25, 0.35, 0.45, 0.55, 0.65])


def test_steps_outside_the_window_get_nothing_and_partly_seen_ones_what_was_seen() -> None:
    head = flat(3, 5, [0.6, 0.6])
    assert step_means(head, step_edges(8)) == pytest.approx([0, 0.6, 0.6, 0])


@given(located())
def test_means_lie_between_the_lowest_and_the_highest_score(head: Located) -> None:
    edges = step_edges(head.looked_at.end)
    means = step_means(head, edges)
    seen = (edges[1:] > head.looked_at.start) & (edges[:-1] < head.looked_at.end)
    assert len(means) == len(edges) - 1
    assert (means[seen] >= head.scores.min()).all() and (means[seen] <= head.scores.max()).all()
    assert not means[~seen].any()


@given(located(), st.floats(0, 1))
def test_an_even_score_is_even_everywhere(head: Located, score: float) -> None:
    even = Located(head.looked_at, np.full_like(head.scores, score), head.windows)
    edges = step_edges(head.looked_at.end)
    means = step_means(even, edges)
    assert means[(edges[1:] > head.looked_at.start)] == pytest.approx(score)


def curve(*scores: float) -> Saliency:
    return Saliency(tuple(STEP * index for index in range(len(scores))), scores)


def test_runs_near_the_peak_are_moments_best_first() -> None:
    found = salient_moments(curve(0.1, 0.45, 0.5, 0.1, 0.9, 0.6), 11.5, ratio=0.5)
    assert found == (Moment(Span(8, 11.5), 0.9), Moment(Span(2, 6), 0.5))


def test_the_ratio_is_of_the_peak() -> None:
    assert salient_moments(curve(0.1, 0.45, 0.5, 0.1, 0.9, 0.6), 12, ratio=1.0) == (Moment(Span(8, 10), 0.9),)
    assert salient_moments(curve(0.1, 0.2, 0.1), 6, ratio=0.1) == (Moment(Span(0, 6), 0.2),)


def test_a_curve_without_a_peak_has_no_moments() -> None:
    assert salient_moments(curve(0.0, 0.0), 4, ratio=0.5) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0.01, 1), st.floats(0.01, 2))
def test_salient_moments_hold_exactly_the_steps_near_the_peak(scores: list[float], ratio: float, last: float) -> None:
    saliency = curve(*scores)
    duration = saliency.times[-1] + last
    found = salient_moments(saliency, duration, ratio=ratio)
    for time, score in zip(saliency.times, scores, strict=True):
        inside = any(moment.span.start <= time < moment.span.end for moment in found)
        assert inside == (max(scores) > 0 and score >= ratio * max(scores))
    assert all(moment.span.end <= duration for moment in found)
