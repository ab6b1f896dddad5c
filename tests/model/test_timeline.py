"""The values refuse what cannot be, and count as sets of instants do."""

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_timelines import spans, timeline

from videoexpert.timeline import Answer, Moment, Saliency, Source, Span, Timeline

VIDEO = Source("talk.mp4", 60.0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Span(5, 5), "start must lie before end, got 5 .. 5"),
        (lambda: Span(5, 3), "start must lie before end"),
        (lambda: Span(-0.1, 3), "start must not be negative"),
        (lambda: Span(0, math.inf), "end must be a finite number"),
        (lambda: Span(math.nan, 1), "start must be a finite number"),
        (lambda: Span(False, 1), "start must be a finite number"),
        (lambda: Moment(Span(0, 1), score=math.nan), "score must be a finite number"),
        (lambda: Saliency((0.0, 2.0), (1.0,)), "2 times but 1 scores"),
        (lambda: Saliency((0.0, 0.0), (1.0, 1.0)), "times must rise"),
        (lambda: Saliency((-1.0, 0.0), (1.0, 1.0)), "times must not be negative"),
        (lambda: Saliency((0.0,), (math.inf,)), "saliency must be a finite number"),
        (lambda: Source("", 1.0), "path must not be empty"),
        (lambda: Source("a.mp4", 0.0), "duration must be positive"),
        (lambda: Source("a.mp4", 1.0, fps=Fraction(0)), "fps must be positive"),
        (lambda: Source("a.mp4", 1.0, width=0), "width must be positive"),
        (lambda: Timeline(VIDEO, "grond"), "task must be one of ground, highlights, caption, ask, annotation"),  # type: ignore[arg-type]
        (lambda: timeline((50, 60.1), duration=60.0), "moment ends at 60.1 s but the video at 60.0 s"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


def test_a_moment_may_end_where_a_duration_was_rounded() -> None:
    assert timeline((50, 60.001), duration=60.0).moments[0].span.end == 60.001


@given(spans(), spans())
def test_iou_is_symmetric_and_between_none_and_all(one: Span, other: Span) -> None:
    assert one.iou(other) == other.iou(one)
    assert 0 <= one.iou(other) <= 1
    assert one.iou(one) == 1


@pytest.mark.parametrize(
    ("other", "shared", "iou"), [((5, 15), 5, 1 / 3), ((10, 20), 0, 0), ((2, 4), 2, 0.2), ((30, 40), 0, 0)]
)
def test_iou_of_known_spans(other: tuple[float, float], shared: float, iou: float) -> None:
    assert Span(0, 10).intersection(Span(*other)) == shared
    assert Span(0, 10).iou(Span(*other)) == pytest.approx(iou)


@given(spans(), st.floats(0.001, 1000))
def test_clamping_keeps_what_lies_inside(span: Span, duration: float) -> None:
    inside = span.clamp(duration)
    if span.start >= duration:
        assert inside is None
    else:
        assert inside == Span(span.start, min(span.end, duration))


def test_moments_in_time_order() -> None:
    shuffled = timeline((5, 9), (1, 4), (5, 6))
    assert [moment.span for moment in shuffled.in_time_order()] == [Span(1, 4), Span(5, 6), Span(5, 9)]


@pytest.mark.parametrize(
    ("text", "answer", "query", "label"),
    [
        ("a dog runs", "B", "why?", "a dog runs"),
        (None, "It rains", "why?", "It rains"),
        (None, None, "a dog", "a dog"),
        (None, None, None, "caption"),
        (" \n", "", "a dog", "a dog"),
        ("", " ", "\t", "caption"),
    ],
)
def test_a_label_is_never_blank(text: str | None, answer: str | None, query: str | None, label: str) -> None:
    moment = Moment(Span(0, 1), text=text)
    given_answer = None if answer is None else Answer(answer)
    assert Timeline(VIDEO, "caption", query, (moment,), answer=given_answer).label(moment) == label
