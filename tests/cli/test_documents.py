"""Every text format: looked up by name, byte for byte what it was, UTF-8 whatever is in it; and the tables."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_timelines import timeline, timelines

from vexcli.errors import UsageError
from vexcli.outputs import WRITERS, Writer, format_of_suffix, writer_for
from videoexpert.errors import OutputError
from videoexpert.results import read_results
from videoexpert.timeline import Answer, Moment, Saliency, Source, Span, Timeline

GOLDEN = Path(__file__).parents[1] / "golden" / "dinner.json"
each_writer = pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@each_writer
def test_a_file_is_what_it_was(writer: Writer) -> None:
    written = writer.write(read_results(GOLDEN)).encode("utf-8")
    assert written == GOLDEN.with_suffix(writer.suffix).read_bytes()


@each_writer
@given(result=timelines())
def test_whatever_is_in_a_timeline_it_can_be_written(writer: Writer, result: Timeline) -> None:
    try:
        text = writer.write([result])
    except OutputError as error:
        assert writer.name == "edl"
        assert error.hint
        assert "\n" not in error.message
    else:
        text.encode("utf-8")
        assert "\0" not in text


@each_writer
def test_nothing_found_is_a_valid_file(writer: Writer) -> None:
    empty = {
        "csv": "video,task,query,rank,start,end,score,text\r\n",
        "tsv": "start\tend\ttext\n",
        "srt": "",
        "vtt": "WEBVTT\n",
        "edl": "TITLE: talk.mp4\nFCM: NON-DROP FRAME\n",
        "chapters": ";FFMETADATA1\n",
    }
    text = writer.write([timeline(duration=60.0)])
    if writer.name in empty:
        assert text == empty[writer.name]
    else:
        assert json.loads(text)


@each_writer
def test_only_some_files_hold_several_videos(writer: Writer) -> None:
    two = [timeline((1, 2), path="a.mp4"), timeline((1, 2), path="b.mp4")]
    if writer.many_videos:
        assert "a.mp4" in writer.write(two)
        assert "b.mp4" in writer.write(two)
    else:
        with pytest.raises(ValueError, match="holds one video, got 2"):
            writer.write(two)


@each_writer
def test_a_writer_is_found_by_name_and_by_suffix(writer: Writer) -> None:
    assert writer_for(writer.name) is writer
    assert format_of_suffix(writer.suffix.upper()) == writer.name


def test_a_format_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"^strt: unknown output format$") as caught:
        writer_for("strt")
    assert caught.value.hint == "did you mean 'srt'?"
    with pytest.raises(UsageError) as caught:
        writer_for("docx")
    assert caught.value.hint == "formats: json, jsonl, csv, tsv, srt, vtt, edl, otio, chapters"
    assert format_of_suffix(".mp4") is None
    assert format_of_suffix("") is None


@given(results=st.lists(timelines(), max_size=3))
def test_a_table_keeps_times_scores_and_words(results: list[Timeline]) -> None:
    read = rows(WRITERS["csv"].write(results))
    moments = [(result, rank, moment) for result in results for rank, moment in enumerate(result.moments, 1)]
    answers = [result for result in results if not result.moments and result.answer and result.answer.text]
    assert len(read) == len(moments) + len(answers)
    for row, (result, rank, moment) in zip([row for row in read if row["rank"]], moments, strict=True):
        assert (row["task"], int(row["rank"])) == (result.task, rank)
        assert row["query"] == (result.query or "").replace("\0", "\\x00")
        assert Span(float(row["start"]), float(row["end"])) == moment.span
        assert (float(row["score"]) if row["score"] else None) == moment.score
        if moment.text:
            assert row["text"] == moment.text.replace("\0", "\\x00")


def test_a_table_shows_a_name_that_is_not_utf8() -> None:
    (row,) = rows(WRITERS["csv"].write([timeline((1, 2), path="caf\udce9.mp4")]))
    assert row["video"] == "caf\\xe9.mp4"


def test_a_text_is_no_formula_and_stays_as_it_is() -> None:
    (row,) = rows(WRITERS["csv"].write([timeline((1, 2), text='=HYPERLINK("x")', query="-5 degrees", path="-a.mp4")]))
    assert (row["video"], row["query"], row["text"]) == ("-a.mp4", "-5 degrees", '=HYPERLINK("x")')


def test_an_answer_without_evidence_has_a_row() -> None:
    unsupported = Timeline(Source("a.mp4", 9.0), "ask", "why?", answer=Answer("It rains", "C"))
    supported = Timeline(Source("a.mp4", 9.0), "ask", "why?", (Moment(Span(1, 2)),), answer=Answer("It rains"))
    assert [list(row.values()) for row in rows(WRITERS["csv"].write([unsupported, supported]))] == [
        ["a.mp4", "ask", "why?", "", "", "", "", "It rains"],
        ["a.mp4", "ask", "why?", "1", "1", "2", "", "It rains"],
    ]


@given(result=timelines())
def test_tsv_has_three_columns_in_whole_milliseconds(result: Timeline) -> None:
    header, *lines = WRITERS["tsv"].write([result]).removesuffix("\n").split("\n")
    assert header == "start\tend\ttext"
    assert len(lines) == len(result.moments)
    for line, moment in zip(lines, result.in_time_order(), strict=True):
        start, end, text = line.split("\t")
        assert abs(int(start) - moment.span.start * 1000) <= 0.501
        assert int(start) < int(end)
        assert text.strip()


def test_saliency_alone_makes_no_cues() -> None:
    curve = Timeline(Source("a.mp4", 9.0), "highlights", saliency=Saliency((0.0, 2.0), (0.5, 0.75)))
    assert WRITERS["srt"].write([curve]) == ""
    assert json.loads(WRITERS["jsonl"].write([curve]))["saliency"]["scores"] == [0.5, 0.75]
