"""The videos that quality is measured on: the truth says what they show, and the questions are fair."""

import colorsys
import random
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.questions import CHOICES, KINDS, questions
from benchmarks.rendering import Photo, Rendered, Segment, photos, read_set, render_set
from videoexpert.timeline import Source, Span

CLASSES = tuple(range(0, 360, 30))


def save_photos(folder: Path) -> dict[int, np.ndarray]:
    """Photographs of one colour for each class; returns the colours."""
    folder.mkdir()
    colours = {}
    for index in CLASSES:
        colours[index] = np.array(colorsys.hsv_to_rgb(index / 360, 1, 0.9)) * 255
        picture = Image.new("RGB", (384, 288), tuple(round(value) for value in colours[index]))
        picture.save(folder / f"{index:04}_colour_{index}.jpg", quality=95)
    (folder / "notes.txt").write_text("no photograph")
    return colours


def test_a_video_shows_what_the_truth_says(tmp_path: Path) -> None:
    colours = save_photos(tmp_path / "images")
    (video,) = render_set(tmp_path / "images", tmp_path / "out", count=1, seed=3)
    assert 20 <= video.source.duration <= 60 and 3 <= len(video.segments) <= 7
    assert len({segment.index for segment in video.segments}) == len(video.segments)
    assert all(one.span.end == two.span.start for one, two in pairwise(video.segments))
    with av.open(video.source.path) as container:
        shown = [frame.to_ndarray(format="rgb24").mean((0, 1)) for frame in container.decode(video=0)]
    assert len(shown) == pytest.approx(video.source.duration * 15)
    for segment in video.segments:
        middle = shown[round((segment.span.start + segment.span.end) / 2 * 15)]
        assert np.abs(middle - colours[segment.index]).max() < 15, segment


def test_the_same_seed_gives_the_same_videos(tmp_path: Path) -> None:
    save_photos(tmp_path / "images")
    first = render_set(tmp_path / "images", tmp_path / "first", count=2, seed=1)
    second = render_set(tmp_path / "images", tmp_path / "second", count=1, seed=1)
    assert first[0].segments == second[0].segments
    assert Path(first[0].source.path).read_bytes() == Path(second[0].source.path).read_bytes()
    assert read_set(tmp_path / "first") == first
    (tmp_path / "first").rename(tmp_path / "moved")
    assert [Path(video.source.path).parent.name for video in read_set(tmp_path / "moved")] == ["moved"] * 2


def test_only_the_classes_asked_for_are_shown(tmp_path: Path) -> None:
    save_photos(tmp_path / "images")
    assert [photo.index for photo in photos(tmp_path / "images", classes=[30, 60, 61])] == [30, 60]
    with pytest.raises(ValueError, match="7 classes are needed, got 2"):
        render_set(tmp_path / "images", tmp_path / "out", count=1, seed=0, classes=[30, 60])


@given(st.lists(st.integers(0, 999), min_size=3, max_size=7, unique=True), st.integers(0, 9))
def test_questions_are_true_and_absent_things_are_absent(indices: list[int], seed: int) -> None:
    segments = tuple(
        Segment(Span(5.0 * place, 5.0 * place + 5), index, f"thing {index}") for place, index in enumerate(indices)
    )
    video = Rendered(Source("s0-000.mp4", 5.0 * len(segments)), segments)
    known = [
        Photo(Path(f"{index:04}.jpg"), index, f"thing {index}")
        for index in random.Random(seed).sample(range(1000), 700)
    ]
    asked = questions(video, known, seed=seed)
    assert asked == questions(video, known, seed=seed)
    timelines = {
        group: [q.record.timeline for q in asked if q.group == group] for group in ("names", "absent", "kinds")
    }
    assert [timeline.moments[0].span for timeline in timelines["names"]] == [segment.span for segment in segments]
    assert len(timelines["absent"]) == len(segments) and not any(t.moments for t in timelines["absent"])
    absent = {int((timeline.query or "").split()[-1]) for timeline in timelines["absent"]}
    for kind in KINDS:
        if kind.classes & set(indices):
            assert not absent & kind.classes, kind.word
    for timeline in timelines["kinds"]:
        (kind,) = (kind for kind in KINDS if kind.word == timeline.query)
        shown = [segment.span for segment in segments if segment.index in kind.classes]
        assert sum(span.duration for span in shown) == sum(moment.span.duration for moment in timeline.moments)
        assert all(one.span.end < two.span.start for one, two in pairwise(timeline.moments))
    (choice,) = (question.record.timeline for question in asked if question.group == "choices")
    assert choice.answer is not None and len(choice.answer.options) == CHOICES
    right = choice.answer.options["ABCD".index(choice.answer.option or "")]
    assert right == choice.answer.text and int(right.split()[-1]) in indices
    assert not {int(text.split()[-1]) for text in choice.answer.options if text != right} & set(indices)


def test_no_kind_has_a_class_that_is_only_near_it() -> None:
    for kind in KINDS:
        assert not kind.classes & kind.near, kind.word
        assert all(0 <= index < 1000 for index in kind.classes | kind.near)
