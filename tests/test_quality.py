"""How quality is counted: captions by whole names, scores against what is right, and classes split in two."""

import pytest

from benchmarks.quality import differences, split_classes
from benchmarks.scores import (
    area_under_curve,
    calibration_error,
    captions_told,
    is_right,
    reliability,
    says_a_name,
    share_from,
)
from videoexpert.timeline import Moment, Source, Span, Task, Timeline

VIDEO = Source("video.mp4", 30.0)
SHARK, HOUND = "great white shark, white shark", "beagle"


def timeline(task: Task, *moments: tuple[float, float, str, float | None]) -> Timeline:
    made = tuple(Moment(Span(start, end), score, text or None) for start, end, text, score in moments)
    return Timeline(VIDEO, task, moments=made)


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("a great white shark.", SHARK, True),
        ("A White Shark swims", SHARK, True),
        ("a shark.", SHARK, False),
        ("a catamaran.", "cat", False),
        ("a cat.", "cat", True),
        ("two cats.", "cat", False),
        ("an English foxhound or a beagle.", HOUND, True),
        ("a jack-o'-lantern.", "jack-o'-lantern", True),
        ("", HOUND, False),
    ],
)
def test_a_name_is_said_whole_and_as_words_of_its_own(text: str, names: str, said: bool) -> None:
    assert says_a_name(text, names) is said


def test_captions_count_where_they_name_a_segment_and_are_there() -> None:
    truth = timeline("caption", (0, 10, SHARK, None), (10, 20, HOUND, None), (20, 30, "desk", None))
    told = timeline(
        "caption",
        (0, 9, "a white shark.", 0.9),
        (9, 20, "a beagle or an English foxhound.", 0.6),
        (0, 5, "a desk.", 0.4),
        (20, 30, "a table.", 0.8),
    )
    counted = captions_told(truth, told)
    assert counted.right == (True, True, False)
    assert counted.outright == (True, False, False)
    assert counted.extra == 1  # the table; the desk is in the video, though elsewhere


def test_an_unsure_caption_beside_a_sure_one_takes_nothing_away() -> None:
    truth = timeline("caption", (0, 30, HOUND, None))
    told = timeline("caption", (0, 30, "a beagle.", 0.9), (0, 20, "a beagle or a basset.", 0.5))
    assert captions_told(truth, told).outright == (True,)


def test_the_best_moment_is_what_is_right_or_wrong() -> None:
    truth, nothing = timeline("ground", (0, 10, "", None), (20, 30, "", None)), timeline("ground")
    assert is_right(truth, timeline("ground", (10, 20, "", 0.2), (21, 30, "", 0.9)))
    assert not is_right(truth, timeline("ground", (10, 20, "", 0.9), (21, 30, "", 0.2)))
    assert not is_right(nothing, timeline("ground", (0, 10, "", 0.9)))
    assert not is_right(truth, nothing)


def test_scores_that_say_how_often_they_are_right_have_no_error() -> None:
    scores, right = [0.25] * 4 + [0.75] * 4 + [1.0], [True] + [False] * 3 + [True] * 3 + [False, True]
    bins = reliability(scores, right)
    assert [(each.count, each.score, each.right) for each in bins] == [(4, 0.25, 0.25), (4, 0.75, 0.75), (1, 1.0, 1.0)]
    assert calibration_error(bins) == 0
    assert calibration_error(reliability([0.9, 0.8], [False, False])) == pytest.approx(0.85)


def test_shares_and_areas() -> None:
    assert share_from([0.2, 0.45, 0.9], 0.45) == pytest.approx(2 / 3)
    assert area_under_curve([0.9, 0.5], [0.5, 0.1]) == pytest.approx(3.5 / 4)


def test_no_class_is_in_both_parts() -> None:
    dev, test = set(split_classes("dev")), set(split_classes("test"))
    assert not dev & test and dev | test == set(split_classes("all")) == set(range(1000))
    assert len(dev) == 250


def test_differences_are_taken_seed_by_seed_where_both_have_a_number() -> None:
    rows = {
        "plain": [{"a": 0.5, "b": 1.0}, {"a": 0.7, "b": 1.0}],
        "model": [{"a": 0.75, "c": 1.0}, {"a": 0.7, "b": 0.5}],
    }
    assert differences(rows, base="plain") == {"model - plain": [{"a": 0.25}, {"a": 0.0, "b": -0.5}]}
