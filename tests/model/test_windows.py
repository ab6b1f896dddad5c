"""Windows cover a video, and what several of them saw becomes one result."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.decode import Located, step_edges, step_means
from videoexpert.timeline import Moment, Span
from videoexpert.windows import WindowPlan, merge_moments, merge_saliency, merge_sentences, plan_windows


def near(value: object, *, abs: float | None = None) -> Any:
    return pytest.approx(value, abs=abs)


@st.composite
def plans(draw: st.DrawFn) -> WindowPlan:
    length = draw(st.floats(5, 400))
    overlap = draw(st.sampled_from([0.0, 0.1, 0.25, 0.4, 0.5, 0.7])) * length
    duration = draw(st.floats(0.1, 12)) * length
    return plan_windows(duration, length=length, overlap=overlap)


def seen(plan: WindowPlan, truth: list[Moment]) -> list[list[Moment]]:
    """What a model without fault says in each window: the truth as far as it lies in the window."""
    return [
        [
            Moment(
                Span(max(moment.span.start, window.start), min(moment.span.end, window.end)), moment.score, moment.text
            )
            for moment in truth
            if min(moment.span.end, window.end) - max(moment.span.start, window.start) >= 1e-3
        ]
        for window in plan.windows
    ]


@st.composite
def plans_with_truth(draw: st.DrawFn) -> tuple[WindowPlan, list[Moment]]:
    """A plan and moments far enough apart that no threshold can take them for each other."""
    plan = draw(plans())
    inner = sorted(draw(st.lists(st.floats(0, 1), min_size=2, max_size=12, unique=True)))
    times = [plan.duration * fraction for fraction in inner]
    spans = [Span(a, b) for a, b in zip(times[::2], times[1::2], strict=False) if b - a > 0.02 * plan.duration]
    apart = [s for i, s in enumerate(spans) if i == 0 or s.start - spans[i - 1].end > 0.05 * plan.windows[0].duration]
    return plan, [Moment(span, 0.5 + 0.01 * i, f"event {i}") for i, span in enumerate(apart)]


@given(plans())
def test_windows_cover_the_video_without_a_gap_and_stay_inside(plan: WindowPlan) -> None:
    assert plan.windows[0].start == 0
    assert plan.windows[-1].end == plan.duration
    for early, late in zip(plan.windows, plan.windows[1:], strict=False):
        assert early.start < late.start <= early.end < late.end
    assert all(0 <= window.start < window.end <= plan.duration for window in plan.windows)


@given(st.floats(1, 500), st.floats(0, 0.9), st.floats(0.01, 20))
def test_windows_have_the_length_asked_for_and_share_at_least_the_overlap(
    length: float, part: float, times: float
) -> None:
    duration, overlap = times * length, part * length
    plan = plan_windows(duration, length=length, overlap=overlap)
    if duration <= length:
        assert plan.windows == (Span(0, duration),)
        return
    assert all(window.duration == near(length, abs=1e-6) for window in plan.windows)
    for early, late in zip(plan.windows, plan.windows[1:], strict=False):
        assert early.end - late.start >= overlap - 1e-6
    fewest = math.ceil((duration - overlap) / (length - overlap) - 1e-6)
    assert len(plan.windows) == max(2, fewest)


def test_the_last_window_is_aligned_to_the_end() -> None:
    plan = plan_windows(350, length=150, overlap=30)
    assert plan.windows == (Span(0, 150), Span(120, 270), Span(200, 350))


def test_without_a_length_the_video_is_looked_at_as_a_whole() -> None:
    assert plan_windows(7200, length=None).windows == (Span(0, 7200),)


@pytest.mark.parametrize("overlap", [-1, 150, 200])
def test_an_overlap_must_leave_the_windows_room_to_advance(overlap: float) -> None:
    with pytest.raises(ValueError, match="overlap"):
        plan_windows(350, length=150, overlap=overlap)


@pytest.mark.parametrize(
    "windows", [(), (Span(1, 10),), (Span(0, 9),), (Span(0, 4), Span(5, 10)), (Span(0, 10), Span(4, 10))]
)
def test_a_plan_with_a_gap_is_refused(windows: tuple[Span, ...]) -> None:
    with pytest.raises(ValueError, match="window"):
        WindowPlan(10, windows)


@given(plans(), st.floats(0, 1))
def test_trust_of_neighbours_adds_up_and_fades_at_edges(plan: WindowPlan, fraction: float) -> None:
    time = np.array(fraction * plan.duration)
    inside = [i for i, window in enumerate(plan.windows) if window.start <= time <= window.end]
    trusts = [float(plan.trust(i, time)) for i in inside]
    assert all(0 <= trust <= 1 for trust in trusts)
    assert max(trusts) > 0
    if len(inside) == 1:
        assert trusts == [near(1)]
    if len(inside) == 2 and all(
        early.end <= late.start for early, late in zip(plan.windows, plan.windows[2:], strict=False)
    ):
        assert sum(trusts) == near(1) or sum(trusts) == 2  # 2: exactly on a seam of windows that only touch


@given(plans_with_truth())
def test_a_model_without_fault_is_heard_without_fault(case: tuple[WindowPlan, list[Moment]]) -> None:
    """Wherever the edges fall: each moment comes once, whole, with its score."""
    plan, truth = case
    merged = merge_moments(plan, seen(plan, truth), iou=0.5)
    by_time = sorted(merged, key=lambda moment: moment.span)
    assert [(m.span.start, m.span.end, m.score) for m in by_time] == [
        (near(m.span.start, abs=3e-3), near(m.span.end, abs=3e-3), near(m.score)) for m in truth
    ]


@given(plans_with_truth())
def test_sentences_come_once_whole_and_in_time_order(case: tuple[WindowPlan, list[Moment]]) -> None:
    plan, truth = case
    merged = merge_sentences(plan, seen(plan, truth))
    assert [(m.span.start, m.span.end, m.text) for m in merged] == [
        (near(m.span.start, abs=3e-3), near(m.span.end, abs=3e-3), m.text) for m in truth
    ]


@given(plans(), st.data())
def test_whatever_windows_say_the_result_lies_in_the_video_best_first_without_copies(
    plan: WindowPlan, data: st.DataObject
) -> None:
    found = []
    for window in plan.windows[:6]:
        ends = data.draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=6))
        spans = [(window.start + a * window.duration, window.start + b * window.duration, c) for a, b, c in ends]
        moments = [Moment(Span(a, min(b, window.end)), c) for a, b, c in spans if min(b, window.end) - a > 1e-3]
        found.append(sorted(moments, key=lambda moment: -(moment.score or 0)))
    found += [[]] * (len(plan.windows) - len(found))
    merged = merge_moments(plan, found, iou=0.5)
    scores = [moment.score or 0 for moment in merged]
    assert scores == sorted(scores, reverse=True)
    assert bool(merged) == any(found)
    for index, moment in enumerate(merged):
        assert moment.span.end <= plan.duration
        assert all(moment.span.iou(other.span) < 0.5 for other in merged[:index])
    sentences = merge_sentences(plan, found)
    assert bool(sentences) == any(found)
    assert list(sentences) == sorted(sentences, key=lambda moment: moment.span)


THREE = plan_windows(350, length=150, overlap=50)  # 0-150, 100-250, 200-350


def test_a_moment_inside_an_overlap_comes_once_with_the_trusted_ends_and_the_weighted_score() -> None:
    """At 120 the first window is trusted 0.6, at 140 the second 0.8; in the middle they are trusted 0.4 and 0.6."""
    (merged,) = merge_moments(THREE, [[Moment(Span(120, 141), 0.9)], [Moment(Span(119, 140), 0.6)], []], iou=0.5)
    first, second = 21 * (150 - 130.5) / 50, 21 * (129.5 - 100) / 50
    assert merged.span == Span(120, 140)
    assert merged.score == near((0.9 * first + 0.6 * second) / (first + second))


def test_a_moment_over_three_windows_is_joined() -> None:
    found = [[Moment(Span(90, 149), 0.8)], [Moment(Span(101, 250), 0.8)], [Moment(Span(200, 260), 0.8)]]
    (joined,) = merge_moments(THREE, found, iou=0.5)
    assert (joined.span, joined.score) == (Span(90, 260), near(0.8))


def test_what_the_neighbour_hardly_believes_does_not_stretch_a_moment() -> None:
    found = [[Moment(Span(110, 150), 0.9)], [Moment(Span(100, 200), 0.2)], []]
    assert merge_moments(THREE, found, iou=0.5) == (Moment(Span(110, 150), 0.9), Moment(Span(100, 200), 0.2))


def test_a_cut_piece_of_something_better_is_no_moment_of_its_own() -> None:
    found = [[Moment(Span(60, 115), 0.9)], [Moment(Span(100, 115), 0.3)], []]
    assert merge_moments(THREE, found, iou=0.5) == (Moment(Span(60, 115), 0.9),)


def test_moments_of_windows_that_only_touch_are_joined_when_both_reach_the_seam() -> None:
    plan = plan_windows(200, length=100, overlap=0)
    (joined,) = merge_moments(plan, [[Moment(Span(80, 99), 0.8)], [Moment(Span(100, 110), 0.8)]], iou=0.5)
    assert (joined.span, joined.score) == (Span(80, 110), near(0.8))
    apart = [[Moment(Span(80, 90), 0.8)], [Moment(Span(100, 110), 0.8)]]
    assert len(merge_moments(plan, apart, iou=0.5)) == 2


def test_scores_of_windows_are_compared_as_they_are() -> None:
    found = [[Moment(Span(10, 20), 0.2)], [Moment(Span(160, 170), 0.9)], [Moment(Span(300, 310), 0.5)]]
    assert [moment.score for moment in merge_moments(THREE, found, iou=0.5)] == [0.9, 0.5, 0.2]


def test_sentences_of_one_window_may_overlap() -> None:
    found = [[Moment(Span(10, 60), 0.5, "all"), Moment(Span(20, 30), 0.5, "part")], [], []]
    assert [moment.text for moment in merge_sentences(THREE, found)] == ["all", "part"]


def test_of_two_windows_that_describe_one_stretch_the_one_further_from_its_edge_is_kept() -> None:
    found = [[Moment(Span(130, 145), 0.5, "near the edge")], [Moment(Span(125, 170), 0.1, "further in")], []]
    assert [moment.text for moment in merge_sentences(THREE, found)] == ["further in"]


def test_a_sentence_about_much_does_not_hide_what_the_next_window_says_of_a_part() -> None:
    found = [[Moment(Span(0, 150), 0.5, "all")], [Moment(Span(120, 130), 0.5, "a part")], []]
    assert [moment.text for moment in merge_sentences(THREE, found)] == ["all", "a part"]


def located(window: Span, scores: list[float]) -> Located:
    return Located(window, np.array(scores), np.tile([0.0, 1.0], (len(scores), 1)))


def test_saliency_passes_from_one_window_to_the_next_across_their_overlap() -> None:
    plan = plan_windows(16, length=10, overlap=4)  # 0-10, 6-16
    curve = merge_saliency(plan, [located(plan.windows[0], [0.8] * 5), located(plan.windows[1], [0.4] * 5)])
    assert curve.times == (0, 2, 4, 6, 8, 10, 12, 14)
    assert curve.scores == near((0.8, 0.8, 0.8, 0.7, 0.5, 0.4, 0.4, 0.4))


@given(plans(), st.floats(0, 1), st.integers(1, 100))
def test_windows_that_agree_give_the_curve_they_agree_on(plan: WindowPlan, score: float, count: int) -> None:
    curve = merge_saliency(plan, [located(window, [score] * count) for window in plan.windows])
    assert curve.scores == near((score,) * len(curve.times))
    assert len(curve.times) == len(step_edges(plan.duration)) - 1


@given(st.floats(0.1, 500), st.lists(st.floats(0, 1), min_size=1, max_size=100))
def test_one_window_gives_its_own_curve(duration: float, scores: list[float]) -> None:
    head = located(Span(0, duration), scores)
    curve = merge_saliency(plan_windows(duration, length=None), [head])
    assert curve.scores == near(tuple(step_means(head, step_edges(duration))))
