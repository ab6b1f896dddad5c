"""Which moments become clips, and what a reel shows."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vexcli.outputs.selection import Choice, Part, choose_parts, reel_parts
from videoexpert.timeline import Moment, Source, Span, Timeline

TALK = Source("talk.mp4", 60.0)
MOMENTS = (
    Moment(Span(30, 35), score=0.9),
    Moment(Span(10, 12), score=0.7, text="a laugh"),
    Moment(Span(34, 40), score=0.4),
    Moment(Span(59, 60)),
)
TIMELINE = Timeline(TALK, "ground", query="someone laughs", moments=MOMENTS)


def spans(parts: list[Part]) -> list[tuple[float, float]]:
    return [(part.span.start, part.span.end) for part in parts]


def test_moments_keep_their_order_and_their_words() -> None:
    parts = choose_parts([TIMELINE], Choice())
    assert spans(parts) == [(30, 35), (10, 12), (34, 40), (59, 60)]
    assert [part.title for part in parts] == ["someone laughs", "a laugh", "someone laughs", "someone laughs"]


def test_top_takes_the_best_of_each_result() -> None:
    other = replace(TIMELINE, query="applause", moments=MOMENTS[::-1])
    assert spans(choose_parts([TIMELINE, other], Choice(top=2))) == [(30, 35), (10, 12), (10, 12), (30, 35)]


def test_without_scores_the_first_moments_are_the_best() -> None:
    captions = Timeline(TALK, "caption", moments=tuple(Moment(Span(n, n + 1)) for n in range(5)))
    assert spans(choose_parts([captions], Choice(top=2))) == [(0, 1), (1, 2)]


def test_min_score_leaves_out_what_has_less_or_none() -> None:
    assert spans(choose_parts([TIMELINE], Choice(min_score=0.7))) == [(30, 35), (10, 12)]


def test_padding_stays_inside_the_video() -> None:
    assert spans(choose_parts([TIMELINE], Choice(pad=11))) == [(19, 46), (0, 23), (23, 51), (48, 60)]


def test_videos_stay_together() -> None:
    walk = replace(TIMELINE, video=Source("walk.mp4", 60.0), moments=MOMENTS[:1])
    parts = choose_parts([TIMELINE, walk, TIMELINE], Choice(top=1))
    assert [part.video for part in parts] == ["talk.mp4", "talk.mp4", "walk.mp4"]


def test_a_reel_in_time_order_shows_nothing_twice() -> None:
    parts = reel_parts(choose_parts([TIMELINE], Choice()), "time")
    assert spans(parts) == [(10, 12), (30, 40), (59, 60)]
    assert [part.score for part in parts] == [0.7, 0.9, None]


def test_a_reel_by_score_begins_with_the_best() -> None:
    parts = reel_parts(choose_parts([TIMELINE], Choice()), "score")
    assert spans(parts) == [(30, 40), (10, 12), (59, 60)]


def test_joined_moments_keep_all_their_words() -> None:
    parts = [Part("talk.mp4", Span(n, n + 2), title) for n, title in enumerate(["one", "two", "one", "three"])]
    assert [part.title for part in reel_parts(parts, "time")] == ["one / two / three"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(1, 20), st.none() | st.floats(0, 1)),
        max_size=12,
    ),
    st.sampled_from(["time", "score"]),
)
def test_a_reel_shows_every_second_that_was_asked_for_once(
    wanted: list[tuple[str, int, int, float | None]], order: str
) -> None:
    parts = [Part(video, Span(start, start + length), "", score) for video, start, length, score in wanted]
    shown = [
        (part.video, second)
        for part in reel_parts(parts, order)  # type: ignore[arg-type]
        for second in range(round(part.span.start), round(part.span.end))
    ]
    assert len(shown) == len(set(shown))
    assert set(shown) == {
        (video, second) for video, start, length, _ in wanted for second in range(start, start + length)
    }


def test_a_score_of_zero_is_a_score() -> None:
    parts = [Part("a", Span(0, 1), "", None), Part("a", Span(5, 6), "", 0.0), Part("a", Span(8, 9), "", -1.0)]
    assert [part.score for part in reel_parts(parts, "score")] == [0.0, -1.0, None]
    timeline = Timeline(TALK, "ground", moments=tuple(Moment(part.span, score=part.score) for part in parts))
    assert spans(choose_parts([timeline], Choice(top=1))) == [(5, 6)]
