"""`vex data` from the outside: what goes where, and how it ends."""

import json
import shutil
from pathlib import Path

import pytest
from annotations import DURATIONS, native
from conftest import Corpus, Vex

from videoexpert.results import read_results


@pytest.fixture
def folder(tmp_path: Path, corpus: Corpus) -> Path:
    shutil.copy(corpus.path("hevc.mp4"), tmp_path / "clip.mp4")
    (tmp_path / "train.jsonl").write_text(native() + "\n")
    return tmp_path


def test_a_clean_set_ends_with_0(vex: Vex, folder: Path) -> None:
    ran = vex("data", "check", "train.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("records   1 (1 ground)\nvideos    1, 10 seconds\nmoments   1\n")
    assert "lengths of moments: 1.5 to 1.5 s" in ran.out


def test_problems_are_lines_with_their_place(vex: Vex, folder: Path, corpus: Corpus) -> None:
    (folder / "broken.mp4").write_bytes(b"no video")
    bad = [native(), native(query="a cat", video={"path": "gone.mp4", "duration": 9}), "{"]
    bad += [native(query="b", video={"path": "broken.mp4", "duration": 9})]
    (folder / "bad.jsonl").write_text("\n".join(bad))
    shutil.copy(folder / "clip.mp4", folder / "copy.mp4")
    (folder / "val.jsonl").write_text(native(video={"path": "copy.mp4", "duration": 10}))
    ran = vex("data", "check", "bad.jsonl", "--against", "val.jsonl")
    assert ran.code == 1
    lines = ran.err.splitlines()
    assert lines[0].startswith('error: bad.jsonl:2: no video for "gone.mp4"')
    assert lines[1].startswith("error: bad.jsonl:3: broken JSON")
    assert lines[2].startswith("error: bad.jsonl:4: broken.mp4: ")
    assert lines[3] == "error: bad.jsonl:1: clip.mp4 holds the same as copy.mp4, which is in val.jsonl:1"
    assert lines[4] == "4 errors (1 broken, 1 leak, 2 video), 0 warnings"


def test_json_for_programs(vex: Vex, folder: Path) -> None:
    (folder / "set.txt").write_text("3MSZA 1.0 31.5##person.\nXXXXX 1.0 2.0##person.\n")
    (folder / "durations.csv").write_text(DURATIONS)
    ran = vex("data", "stats", "set.txt", "--durations", "durations.csv", "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (1, "")
    assert (found["schema"], found["records"], found["errors"], found["warnings"]) == ("vex.data/1", 1, 1, 1)
    assert [problem["where"] for problem in found["problems"]] == ["set.txt:1", "set.txt:2"]


def test_many_problems_of_one_kind_are_cut_short(vex: Vex, folder: Path) -> None:
    (folder / "set.txt").write_text("3MSZA 3.0 1.5##person.\n" * 30)
    (folder / "durations.csv").write_text(DURATIONS)
    arguments = ("data", "stats", "set.txt", "--durations", "durations.csv")
    assert vex(*arguments).err.splitlines()[10:] == [
        "... and 20 more of this kind (span); --all shows them",
        "30 errors (30 span), 0 warnings",
    ]
    assert len(vex(*arguments, "--all").err.splitlines()) == 31


def test_subtitles_become_training_data(vex: Vex, folder: Path) -> None:
    (folder / "clip.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n2\n00:00:03,000 --> 00:00:04,000\nYes\n"
    )
    ran = vex("data", "convert", "clip.srt", "-o", "out.jsonl")
    assert (ran.code, ran.out, ran.err) == (0, "", "wrote 1 records to out.jsonl\n")
    (timeline,) = read_results(folder / "out.jsonl")
    assert [moment.text for moment in timeline.moments] == ["Hello", "Yes"]
    assert vex("data", "check", "out.jsonl").code == 0
    kept = vex("data", "convert", "clip.srt", "-o", "out.jsonl")
    assert kept.code == 1 and "exists already" in kept.err
    ran = vex("data", "convert", "clip.srt", "--task", "ground")
    assert [json.loads(line)["query"] for line in ran.out.splitlines()] == ["Hello", "Yes"]


def test_stdin_and_stdout_make_a_pipe(vex: Vex, folder: Path) -> None:
    ran = vex("data", "convert", "-", stdin=native().encode())
    assert ran.code == 0
    assert json.loads(ran.out) == json.loads(native())


def test_a_misspelt_format_is_met_with_the_nearest(vex: Vex, folder: Path) -> None:
    ran = vex("data", "stats", "train.jsonl", "--format", "charades")
    assert ran.code == 2
    assert "unknown format 'charades'; did you mean 'charades-sta'?" in ran.err
