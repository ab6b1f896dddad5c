"""The native format: what is written is read back the same, and what vex prints is training data."""

import io
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_timelines import timelines

from videoexpert.config import LOC
from videoexpert.data.native import dumps_record, write_native
from videoexpert.data.readers.base import LONGEST_VIDEO
from videoexpert.data.reading import read_records
from videoexpert.data.records import Record
from videoexpert.errors import OutputError
from videoexpert.prompts import VIDEO, Turn
from videoexpert.results import dumps_document, dumps_line, read_results

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda text: f"{text}!".replace("<", ""))


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record that can be learnt from: with a conversation, or with the words that its lesson needs."""
    timeline = draw(timelines().filter(lambda one: one.video.duration <= LONGEST_VIDEO))
    record = Record(timeline, "")
    if _has_words(record) and draw(st.booleans()):
        return record
    answers = [f"{draw(words)} {LOC}" for _ in timeline.moments] or [draw(words)]
    questions = [f"{VIDEO}\n{draw(words)}", *(draw(words) for _ in answers[1:])]
    return Record(timeline, "", tuple(map(Turn, questions, answers)))


def _has_words(record: Record) -> bool:
    timeline, lesson = record.timeline, record.lesson
    if lesson == "caption":
        return all((moment.text or "").strip() for moment in timeline.moments)
    answered = lesson != "ask" or timeline.answer is None or bool(timeline.answer.text.strip())
    return lesson == "highlights" or (bool((timeline.query or "").strip()) and answered)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(written=st.lists(records(), max_size=3))
def test_records_read_back_the_same(written: list[Record], tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    write_native(written, path, overwrite=True)
    if not written:
        assert path.read_bytes() == b""
        return
    found = read_records([path])
    assert found.errors == ()
    assert [(record.timeline, record.turns) for record in found.records] == [
        (record.timeline, record.turns) for record in written
    ]
    assert [record.origin for record in found.records] == [f"{path}:{line}" for line, _ in enumerate(written, 1)]
    assert read_results(path) == [record.timeline for record in written]  # any other reader of results takes it


def test_the_video_is_named_for_those_who_do_not(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_text(
        '{"schema": "vex.results/1", "video": {"path": "a.mp4", "duration": 9}, "task": "annotation", '
        '"moments": [{"start": 1, "end": 2}], "dialogue": [{"question": "When?", "answer": "In [LOC]."}]}'
    )
    (record,) = read_records([path]).records
    assert record.lesson == "dialogue"
    assert record.turns == (Turn("<video>\nWhen?", "In [LOC]."),)


def test_stdin_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    line = '{"schema": "vex.results/1", "video": {"path": "a.mp4", "duration": 9}, "task": "ground", "query": "x"}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{line}\n[]\n".encode())))
    found = read_records(["-"])
    assert [record.origin for record in found.records] == ["<stdin>:1"]
    assert [error.where for error in found.errors] == ["<stdin>:2"]


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_native([], tmp_path / "set.jsonl")
    assert (tmp_path / "set.jsonl").read_text() == "mine"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(record=records().filter(lambda record: not record.turns))
def test_results_of_vex_are_records(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    for text in (dumps_line(record.timeline), dumps_document([record.timeline])):
        path.write_text(text)
        assert [one.timeline for one in read_records([path]).records] == [record.timeline]
    assert dumps_record(record) == dumps_line(record.timeline)
