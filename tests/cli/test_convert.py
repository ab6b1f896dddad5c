"""`vex convert` from the outside: where the text goes, which files appear, what is kept."""

import csv
import io
import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import Vex

from vexcli.outputs import WRITERS
from videoexpert.results import dumps_document, dumps_line, read_results
from videoexpert.timeline import Moment, Source, Span, Timeline


def timeline(path: str, *, query: str = "a dog") -> Timeline:
    source = Source(path, 10.0, fps=Fraction(25), width=64, height=48)
    return Timeline(source, "ground", query, moments=(Moment(Span(1.0, 2.5), 0.75, "It runs."),))


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    file = tmp_path / "talk.json"
    file.write_text(dumps_document([timeline("/videos/talk.mp4")]))
    return file


def test_text_goes_to_stdout_and_nothing_else_does(vex: Vex, talk: Path) -> None:
    ran = vex("convert", "talk.json", "--to", "srt")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "1\n00:00:01,000 --> 00:00:02,500\nIt runs.\n\n"


def test_the_suffix_names_the_format(vex: Vex, talk: Path, tmp_path: Path) -> None:
    ran = vex("convert", "talk.json", "-o", "deep/er/talk.vtt")
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / "deep/er/talk.vtt").read_text().startswith("WEBVTT\n")


def test_stdin_is_read(vex: Vex, talk: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(vex("convert", "-", "-t", "csv", stdin=talk.read_bytes()).out)))
    assert [(row["video"], row["start"], row["end"]) for row in rows] == [("/videos/talk.mp4", "1.0", "2.5")]


def test_all_formats_into_a_folder(vex: Vex, talk: Path, tmp_path: Path) -> None:
    assert vex("convert", "talk.json", "-t", "all", "-o", "out").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"talk{writer.suffix}" for writer in WRITERS.values()
    )


def test_existing_files_are_kept_unless_told_otherwise(vex: Vex, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.srt").write_text("mine")
    kept = vex("convert", "talk.json", "-o", "talk.srt")
    assert kept.code == 0 and "talk.srt: exists, kept (--overwrite replaces it)" in kept.err
    assert (tmp_path / "talk.srt").read_text() == "mine"
    assert vex("convert", "talk.json", "-o", "talk.srt", "--overwrite").code == 0
    assert "It runs." in (tmp_path / "talk.srt").read_text()


def test_videos_of_the_same_name_get_files_of_their_own(vex: Vex, tmp_path: Path) -> None:
    odd = os.fsdecode(b"/c/t\xe9st.mp4")
    paths = ["/a/talk.mp4", "/b/Talk.mkv", odd, "/d/../../etc/-rf\n.mp4"]
    (tmp_path / "all.jsonl").write_text("".join(dumps_line(timeline(path)) + "\n" for path in paths))
    assert vex("convert", "all.jsonl", "-t", "srt", "-t", "json", "-o", "out/").code == 0
    written = sorted((tmp_path / "out").iterdir())
    assert len(written) == 2 * len(paths)
    found = {read_results(path)[0].video.path for path in written if path.suffix == ".json"}
    assert found == set(paths)


def test_several_questions_about_a_video_share_its_file(vex: Vex, tmp_path: Path) -> None:
    lines = [dumps_line(timeline("talk.mp4", query=query)) for query in ("a dog", "a cat")]
    (tmp_path / "talk.jsonl").write_text("\n".join(lines))
    assert vex("convert", "talk.jsonl", "-o", "two.json").code == 0
    assert [line.query for line in read_results(tmp_path / "two.json")] == ["a dog", "a cat"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["talk.json"], "error: no format asked for; add --to srt, or -o FILE.srt\n"),
        (["talk.json", "-t", "strt"], "error: strt: unknown output format; did you mean 'srt'?\n"),
        (["talk.json", "-t", "srt", "-t", "vtt"], "error: stdout cannot hold 2 formats; give a folder: -o DIR/\n"),
        (["talk.json", "-t", "vtt", "-o", "x.srt"], "error: x.srt: is the name of a srt file, but vtt was asked for\n"),
        (["both.jsonl", "-t", "srt"], "error: srt holds one video, the results have 2; give a folder: -o DIR/\n"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error(
    vex: Vex, talk: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "both.jsonl").write_text("".join(dumps_line(timeline(path)) + "\n" for path in ("a.mp4", "b.mp4")))
    ran = vex("convert", *arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", message)


def test_one_bad_file_does_not_stop_the_others(vex: Vex, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"schema": "vex.results/1",\n "results": 3}')
    ran = vex("convert", "bad.json", "talk.json", "-t", "tsv")
    assert ran.code == 1
    assert "It runs." in ran.out
    assert ran.err.startswith('error: bad.json:2: "results" must be a list')


def test_an_empty_result_says_so(vex: Vex, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text(json.dumps({"schema": "vex.results/1", "results": []}))
    ran = vex("convert", "none.json", "-t", "srt")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "warning: the results are empty: nothing to write\n"


def test_a_folder_that_cannot_be_written_to_is_one_line(vex: Vex, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = vex("convert", "talk.json", "-t", "srt", "-o", "file/x.srt")
    assert ran.code == 1
    assert ran.err == "error: file: is not a folder; choose another folder with -o\n"


def test_a_misspelt_file_is_met_with_the_nearest_name(vex: Vex, talk: Path) -> None:
    ran = vex("convert", "tlk.json", "-t", "srt")
    assert (ran.code, ran.err) == (1, "error: tlk.json: no such file; did you mean 'talk.json'?\n")
