"""What records teach: words, windows, and which part of a long video is looked at."""

import random
from dataclasses import replace

import pytest

from videoexpert.config import LOC
from videoexpert.data.examples import choose_stretch, make_example
from videoexpert.data.records import Record
from videoexpert.errors import DataError
from videoexpert.prompts import BASED_ON, GROUNDING, HIGHLIGHTS, VIDEO, Turn
from videoexpert.timeline import Answer, Moment, Source, Span, Task, Timeline


def record(
    *moments: Moment,
    query: str | None = None,
    answer: Answer | None = None,
    task: Task = "annotation",
    duration: float = 60.0,
    turns: tuple[Turn, ...] = (),
) -> Record:
    return Record(Timeline(Source("a.mp4", duration), task, query, moments, answer=answer), "data.jsonl:3", turns)


def moment(start: float, end: float, text: str | None = None) -> Moment:
    return Moment(Span(start, end), text=text)


def test_a_query_means_all_its_moments() -> None:
    example = make_example(record(moment(1, 2), moment(5, 9), query="A dog."), stretch=None, choice=None)
    assert example.turns == (Turn(f"{VIDEO}\n{BASED_ON}During which frames can we see a dog?", f"From {LOC}."),)
    assert example.locs == ((Span(1, 2), Span(5, 9)),) and example.origin == "data.jsonl:3"
    assert example.sought == ("A dog.",)
    asked = {
        make_example(record(moment(1, 2), query="x"), stretch=None, choice=random.Random(seed)).turns[0].question
        for seed in range(99)
    }
    assert asked == {f"{VIDEO}\n{BASED_ON}{template.format('x')}" for template in GROUNDING}


def test_highlights_without_a_query_are_asked_for_as_users_do() -> None:
    example = make_example(record(moment(1, 2), task="highlights"), stretch=None, choice=None)
    assert HIGHLIGHTS in example.turns[0].question


def test_sentences_come_in_time_order() -> None:
    example = make_example(record(moment(5, 9, "Serve!"), moment(1, 2, "Cut.")), stretch=None, choice=None)
    assert example.turns[0].answer == f"From {LOC}, Cut. From {LOC}, Serve!."
    assert example.sought == ("Cut", "Serve")
    assert example.locs == ((Span(1, 2),), (Span(5, 9),))


def test_answers_with_and_without_options_and_evidence() -> None:
    chosen = Answer("blue", "B", ("red", "blue"))
    said = {
        bool(moments): make_example(record(*moments, query="Why?", answer=chosen), stretch=None, choice=None)
        for moments in ((), (moment(1, 2), moment(4, 5)))
    }
    assert said[False].turns[0].answer == "Option B." and said[False].locs == ()
    assert said[True].turns[0].answer == f"From {LOC}. Option B." and said[True].locs == ((Span(1, 2), Span(4, 5)),)
    assert "Option A: red Option B: blue" in said[True].turns[0].question
    free = make_example(record(query="Why", answer=Answer("It rains.")), stretch=None, choice=None)
    assert free.turns == (Turn(f"{VIDEO}\n{BASED_ON}Why?", "It rains."),)
    proven = make_example(record(moment(1, 2), query="Why", answer=Answer("It rains.")), stretch=None, choice=None)
    assert proven.turns[0].answer == f"From {LOC}. It rains." and proven.locs == ((Span(1, 2),),)


def test_a_dialogue_is_learnt_as_far_as_it_is_seen() -> None:
    turns = (
        Turn(f"{VIDEO}\nWhen?", f"During {LOC} and {LOC}."),
        Turn("And then?", f"Then {LOC}."),
        Turn("Who?", "A man."),
    )
    whole = record(moment(1, 2), moment(3, 4), moment(50, 55), turns=turns)
    example = make_example(whole, stretch=None, choice=None)
    assert example.turns == turns and example.locs == ((Span(1, 2),), (Span(3, 4),), (Span(50, 55),))
    part = make_example(whole, stretch=Span(40, 60), choice=None)
    assert part.turns == (Turn(f"{VIDEO}\nAnd then?", f"Then {LOC}."), turns[2])
    assert part.locs == ((Span(50, 55),),) and len(part.sought) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (record(query="a dog"), "has no moment to learn"),
        (record(moment(1, 2)), "has no sentence"),
        (record(query="Why?", task="ask"), "has no question with an answer"),
        (record(turns=(Turn(f"{VIDEO}\nHello", None),)), "nothing can be learnt"),
    ],
)
def test_what_teaches_nothing_says_where(given: Record, said: str) -> None:
    with pytest.raises(DataError, match=rf"^data\.jsonl:3: .*{said}"):
        make_example(given, stretch=None, choice=None)


def test_a_short_video_is_seen_whole() -> None:
    assert choose_stretch(record(duration=150.0), seconds=150.0, seed=0) is None


def test_a_long_video_is_seen_where_its_moments_are() -> None:
    """In windows of 100 s that start every 75 s; the likelier the more moments they hold."""
    long = record(moment(10, 20), moment(30, 40), moment(500, 510), query="x", duration=600.0)
    drawn = [choose_stretch(replace(long, origin=f"x:{line}"), seconds=100.0, seed=0) for line in range(300)]
    assert drawn == [choose_stretch(replace(long, origin=f"x:{line}"), seconds=100.0, seed=0) for line in range(300)]
    starts = [stretch.start for stretch in drawn if stretch is not None]
    assert set(starts) == {0.0, 450.0, 500.0} and 120 < starts.count(0.0) < 180
    cut = make_example(long, stretch=Span(0, 35), choice=None)
    assert cut.locs == ((Span(10, 20), Span(30, 35)),)


def test_a_moment_that_no_window_holds_is_seen_in_part() -> None:
    long = record(moment(90, 400), query="x", duration=600.0)
    for line in range(50):
        stretch = choose_stretch(replace(long, origin=f"x:{line}"), seconds=100.0, seed=0)
        assert stretch is not None and stretch.intersection(Span(90, 400)) > 0


def test_without_moments_any_part_is_seen() -> None:
    long = record(query="Why?", answer=Answer("So."), duration=600.0)
    seen = {choose_stretch(replace(long, origin=f"x:{line}"), seconds=100.0, seed=0) for line in range(200)}
    assert len(seen) == 8
