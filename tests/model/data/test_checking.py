"""What checking finds in real videos, and what the statistics say."""

import os
import shutil
from pathlib import Path

from conftest import Corpus
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from videoexpert.data.checking import check_leaks, check_videos
from videoexpert.data.records import Record
from videoexpert.data.statistics import describe, histogram
from videoexpert.timeline import Moment, Source, Span, Timeline
from videoexpert.video import VideoReader


def record(path: str, origin: str, *, duration: float = 10.0, end: float = 5.0) -> Record:
    moments = (Moment(Span(1.0, end)),)
    return Record(Timeline(Source(path, duration), "ground", "a dog", moments=moments), origin)


def test_videos_are_read_and_their_lengths_compared(corpus: Corpus) -> None:
    good, bad = corpus.path("hevc.mp4"), corpus.path("nothing.mp4")
    records = [
        record(good, "a:1"),
        record(good, "a:2", duration=10.9),
        record(good, "a:3", duration=14.0),
        record(good, "a:4", duration=14.0, end=13.5),
        record(bad, "a:5"),
        record(bad, "a:6"),
    ]
    asked: list[str] = []
    with VideoReader() as reader:

        def probe(path: str) -> float:
            asked.append(path)
            return reader.probe(path).duration

        problems = list(check_videos(records, probe=probe))
    assert asked == [good, bad]
    assert [(problem.where, problem.kind, problem.severity) for problem in problems] == [
        ("a:3", "duration", "warning"),
        ("a:4", "span", "error"),
        ("a:5", "video", "error"),
    ]
    assert "lasts 14 s, but it lasts 10.000 s" in problems[0].message


def test_a_video_of_both_sets_is_found_under_any_name(corpus: Corpus, tmp_path: Path) -> None:
    mine, copy, link, other = (str(tmp_path / name) for name in ("a.mp4", "copy.mp4", "link.mp4", "other.mp4"))
    shutil.copy(corpus.path("hevc.mp4"), mine)
    shutil.copy(mine, copy)
    os.symlink(mine, link)
    data = bytearray(Path(mine).read_bytes())
    data[100] ^= 1
    Path(other).write_bytes(data)
    against = [record(mine, "val:1"), record("id-only", "val:2")]
    checked = [record(name, f"train:{line}") for line, name in enumerate((mine, copy, link, other, "id-only", "x"), 1)]
    problems = list(check_leaks(checked, against))
    assert [(problem.where, problem.kind) for problem in problems] == [
        (f"train:{line}", "leak") for line in (1, 2, 3, 5)
    ]
    assert problems[1].message == f"{copy} holds the same as {mine}, which is in val:1"


def test_statistics_count_what_is_there() -> None:
    found = describe([record("a", "f:1"), record("a", "f:2", end=3.0), record("b", "f:3", duration=20.0)])
    assert (found.records, found.videos, found.seconds, found.moments, found.queries) == (3, 2, 30.0, 3, 1)
    assert found.lessons == (("ground", 3),)
    lengths = next(one for one in found.histograms if one.name == "lengths of moments")
    assert (lengths.least, lengths.middle, lengths.most) == (2.0, 4.0, 4.0)
    assert lengths.mean == approx(10 / 3)
    assert describe([]).histograms[0].counts == ()


@given(st.lists(st.floats(0, 1e6) | st.integers(0, 1000).map(float), min_size=1, max_size=50))
def test_every_value_falls_into_a_bin_of_a_histogram(values: list[float]) -> None:
    found = histogram("x", "s", values)
    assert found.total == len(values)
    assert len(found.edges) == len(found.counts) + 1 <= 13
    assert found.edges[0] <= min(values) * (1 + 1e-9) and max(values) <= found.edges[-1] * (1 + 1e-9)
    assert list(found.edges) == sorted(set(found.edges))
