"""`vex clip` as it is typed: which files it writes, what it prints, and how it says what is wrong."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Corpus, Vex
from played import play

from videoexpert.results import dumps_document
from videoexpert.timeline import Moment, Source, Span, Timeline


def results(folder: Path, *timelines: Timeline, name: str = "talk.json") -> str:
    path = folder / name
    path.write_text(dumps_document(timelines), encoding="utf-8")
    return str(path)


def moments(video: str, *spans: tuple[float, float], duration: float = 2.0) -> Timeline:
    found = tuple(Moment(Span(*span), score=1 - index / 10, text=f"no {index}") for index, span in enumerate(spans))
    return Timeline(Source(video, duration), "ground", query="q", moments=found)


def test_one_file_per_moment_and_its_path_on_stdout(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    shutil.copy(corpus.path("frames50.mp4"), tmp_path / "talk.mp4")
    file = results(tmp_path, moments("talk.mp4", (1, 1.5), (0.2, 0.4), (0.5, 0.6)))
    ran = vex("clip", file, "--top", "2", "-o", "clips")
    assert (ran.code, ran.err) == (0, "")
    names = ["clips/talk-01-0001.000-0001.500.mp4", "clips/talk-02-0000.200-0000.400.mp4"]
    assert ran.out.splitlines() == names
    assert play(tmp_path / names[0], corpus).numbers == list(range(25, 38))
    assert play(tmp_path / names[1], corpus).title == "no 1"
    assert sorted(os.listdir(tmp_path / "clips")) == [os.path.basename(name) for name in names]


def test_files_that_exist_are_kept_unless_overwrite(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    video, name = corpus.path("frames50.mp4"), "frames50-01-0000.000-0000.200.mp4"
    (tmp_path / name).write_text("mine")
    ran = vex("clip", video, "--span", "0-0.2")
    assert (ran.code, ran.out) == (0, f"{name}\n")
    assert "kept" in ran.err and (tmp_path / name).read_text() == "mine"
    told = json.loads(vex("clip", video, "--span", "0-0.2", "--json", "-q").out)
    assert [clip["kept"] for clip in told["clips"]] == [True]
    assert vex("clip", video, "--span", "0-0.2", "--overwrite").code == 0
    assert play(tmp_path / name, corpus).numbers == [0, 1, 2, 3, 4]


def test_spans_that_can_be_cut_are_cut(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    ran = vex("clip", corpus.path("frames50.mp4"), "--span", "9-", "--span", "1.9-")
    assert (ran.code, ran.out) == (1, "frames50-01-0001.900-0002.000.mp4\n")
    assert "9 s lies behind the end of the video (2 s)" in ran.err
    assert play(tmp_path / ran.out.strip(), corpus).numbers == [48, 49]


def test_json_says_what_was_cut(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    file = results(tmp_path, moments(corpus.path("frames50.mp4"), (1, 1.2)))
    told = json.loads(vex("clip", file, "--json").out)
    assert told["schema"] == "vex.clips/1"
    assert told["clips"] == [
        {
            "path": "frames50-01-0001.000-0001.200.mp4",
            "kept": False,
            "warnings": [],
            "video": corpus.path("frames50.mp4"),
            "start": 1.0,
            "end": 1.2,
            "title": "no 0",
            "score": 1.0,
        }
    ]


def test_videos_are_found_beside_the_results(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "footage").mkdir()
    shutil.copy(corpus.path("frames50.mp4"), tmp_path / "footage" / "talk.mp4")
    file = results(tmp_path / "footage", moments("talk.mp4", (1, 1.2)))
    assert vex("clip", file).out == "talk-01-0001.000-0001.200.mp4\n"
    piped = vex("clip", "-", cwd=tmp_path / "footage", stdin=Path(file).read_bytes())
    assert piped.out == "talk-01-0001.000-0001.200.mp4\n"


def test_a_video_that_is_missing_does_not_stop_the_others(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    gone = moments("gone.mp4", (0, 1), (1, 2))
    file = results(tmp_path, gone, moments(corpus.path("frames50.mp4"), (1, 1.2)))
    ran = vex("clip", file)
    assert ran.code == 1
    assert ran.out == "frames50-01-0001.000-0001.200.mp4\n"
    assert [line for line in ran.err.splitlines() if line.startswith("error: gone.mp4: no such file")] != []
    assert ran.err.count("gone.mp4") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["frames50.mp4"], 2, "is a video: say what to cut out"),
        (["frames50.mp4", "--span", "2-1"], 2, "ends at 1 s but starts at 2 s"),
        (["frames50.mp4", "--span", "soon"], 2, "is not a span"),
        (["talk.json", "--span", "1-2"], 2, "--span goes with a video"),
        (["frames50.mp4", "--span", "3-4"], 1, "3 s lies behind the end of the video (2 s)"),
        (["notes.txt", "--span", "1-2"], 1, "notes.txt: not a video"),
        (["frames50.mp4", "--span", "0-1", "-o", "notes.txt"], 1, "notes.txt: is not a folder"),
        (["notes.txt"], 1, "not JSON"),
    ],
)
def test_mistakes_are_told_in_one_line(
    vex: Vex, corpus: Corpus, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    shutil.copy(corpus.path("frames50.mp4"), tmp_path)
    (tmp_path / "notes.txt").write_text("not a video, nor results\n" * 100)
    ran = vex("clip", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err and ran.err.count("\n") == 1 and ran.err.startswith("error: ")
    assert sorted(os.listdir(tmp_path)) == ["frames50.mp4", "notes.txt"]


@pytest.mark.parametrize(
    "name",
    [
        b"new\nline.mp4",
        b"quo\"te's.mp4",
        b"-dash.mp4",
        b"concat:a.mp4",
        b"pipe:",
        b"%03d.mp4",
        b"semi;$(touch PWNED).mp4",
        b"not utf-8 \xff\xfe.mp4",
        b"x" * 246 + b".mp4",
        "ü".encode() * 123 + b".mp4",
    ],
)
def test_any_file_name_works_from_the_shell(vex: Vex, corpus: Corpus, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(b"odd?#\n\xff")
    folder.mkdir()
    video = os.fsdecode(name)
    shutil.copy(corpus.path("frames50.mp4"), folder / video)
    for copied in ([], ["--copy"]):
        ran = vex("clip", "--span", "0.96-1.2", "-o", "out", *copied, "--", video, cwd=folder)
        assert ran.code == 0, ran.err
    clips = sorted(os.listdir(folder / "out"))
    assert len(clips) == 2 and set(os.listdir(folder)) == {video, "out"}
    assert [len(os.fsencode(clip)) <= 255 for clip in clips] == [True, True]
    exact = next(clip for clip in clips if "-copy" not in clip)
    assert play(folder / "out" / exact, corpus).numbers == list(range(24, 30))


def test_videos_of_one_name_in_two_folders(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    for day, name in (("monday", "frames50.mp4"), ("tuesday", "portrait.mp4")):
        (tmp_path / day).mkdir()
        shutil.copy(corpus.path(name), tmp_path / day / "talk.mp4")
    ran = vex("clip", "monday/talk.mp4", "tuesday/talk.mp4", "--span", "1-1.1")
    assert ran.code == 0 and len(set(ran.out.splitlines())) == 2
    sizes = [play(tmp_path / line, corpus).size for line in ran.out.splitlines()]
    assert sizes == [(640, 360), (360, 640)]
    again = vex("clip", "tuesday/talk.mp4", "monday/talk.mp4", "--span", "1-1.1", "-q")
    assert again.out.splitlines() == ran.out.splitlines()[::-1]


def test_a_damaged_video_gives_what_can_be_read(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    ran = vex("clip", corpus.path("trunc60.mkv"), "--span", "5-6", "--span", "1-1.2")
    assert ran.code == 0
    whole, partial = ran.out.splitlines()[1], ran.out.splitlines()[0]
    assert play(tmp_path / whole, corpus).numbers == list(range(30, 36))
    assert play(tmp_path / partial, corpus).numbers[0] == 150
    assert "warning: " in ran.err
