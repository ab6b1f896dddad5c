"""Which videos a command line means."""

import io
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vexcli.errors import UsageError
from vexcli.inputs import Selection, find_videos, natural_key
from videoexpert.errors import VideoExpertError


def found(
    *inputs: str, stdin: bytes = b"", nul: bool = False, selection: Selection | None = None
) -> tuple[list[str], list[str]]:
    """The paths found and the problems met."""
    problems: list[VideoExpertError] = []
    chosen = selection or Selection()
    paths = find_videos(
        inputs, selection=chosen, nul_separated=nul, stdin=io.BytesIO(stdin), on_problem=problems.append
    )
    return list(paths), [problem.message for problem in problems]


@pytest.fixture
def footage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b/clip10.mp4", "b/clip2.MOV", "b/notes.txt", "a.mkv", ".hidden/x.mp4", "b/._clip2.MOV", "*odd?.mp4"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_gives_its_videos_in_natural_order_without_hidden_ones(footage: Path) -> None:
    assert found("b") == (["b/clip2.MOV", "b/clip10.mp4"], [])
    assert found(".")[0] == ["./*odd?.mp4", "./a.mkv", "./b/clip2.MOV", "./b/clip10.mp4"]


def test_files_named_are_taken_whatever_their_suffix(footage: Path) -> None:
    assert found("b/notes.txt") == (["b/notes.txt"], [])


def test_missing_files_are_reported_and_the_others_go_on(footage: Path) -> None:
    assert found("gone.mp4", "a.mkv", "b/clip3.mov") == (
        ["a.mkv"],
        ["gone.mp4: no such file", "b/clip3.mov: no such file"],
    )


def test_globs_are_expanded_here_but_a_file_of_that_name_wins(footage: Path) -> None:
    assert found("b/*.mp4")[0] == ["b/clip10.mp4"]
    assert found("**/*.m*")[0] == ["*odd?.mp4", "a.mkv", "b/clip10.mp4"]
    assert found("*odd?.mp4")[0] == ["*odd?.mp4"]


def test_each_video_comes_once(footage: Path) -> None:
    (footage / "again.mp4").symlink_to("b/clip10.mp4")
    assert found("b/clip10.mp4", "./b/clip10.mp4", "b", "again.mp4")[0] == ["b/clip10.mp4", "b/clip2.MOV"]


def test_symlink_loops_end(footage: Path) -> None:
    (footage / "b" / "up").symlink_to("..")
    (footage / "b" / "self").symlink_to("self")
    paths, _ = found("b")
    assert sorted(os.path.basename(path) for path in paths) == ["*odd?.mp4", "a.mkv", "clip10.mp4", "clip2.MOV"]


def test_include_and_exclude(footage: Path) -> None:
    assert found("b", selection=Selection(include=("*.txt",)))[0] == ["b/notes.txt"]
    assert found(".", selection=Selection(exclude=("CLIP*",)))[0] == ["./*odd?.mp4", "./a.mkv"]
    assert found(".", selection=Selection(exclude=("./b/*",)))[0] == ["./*odd?.mp4", "./a.mkv"]
    # A file named outright is meant, whatever the globs say.
    assert found("a.mkv", selection=Selection(exclude=("*",)))[0] == ["a.mkv"]


def test_stdin_lists_one_path_a_line_or_nul_separated() -> None:
    odd = b"new\nline.mp4"
    assert found("-", stdin=b"one.mp4\r\n\n two.mp4\n\xff.mp4")[0] == ["one.mp4", " two.mp4", os.fsdecode(b"\xff.mp4")]
    assert found("-", stdin=odd + b"\0x.mp4\0", nul=True)[0] == ["new\nline.mp4", "x.mp4"]


def test_stdin_is_read_as_it_arrives() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as stream:
        paths = find_videos(["-"], stdin=stream, on_problem=lambda problem: None)
        os.write(write_end, b"first.mp4\nsec")
        assert next(paths) == "first.mp4"
        os.write(write_end, b"ond.mp4\n")
        os.close(write_end)
        assert list(paths) == ["second.mp4"]


def test_inputs_that_give_nothing_are_reported_and_the_others_go_on(footage: Path) -> None:
    (footage / "empty").mkdir()
    paths, problems = found("empty", "*.avi", "-", "a.mkv")
    assert paths == ["a.mkv"]
    assert problems == ["empty: no videos in this folder", "*.avi: no file matches", "stdin: no paths"]


def test_stdin_twice_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="once"):
        found("-", "-")


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_in_names_sort_as_numbers(numbers: list[int]) -> None:
    names = [f"Clip{number}.mp4" for number in numbers]
    random.shuffle(names)
    assert sorted(names, key=natural_key) == [f"Clip{number}.mp4" for number in sorted(numbers)]


@given(st.lists(st.text(), unique=True))
def test_any_names_have_one_order(names: list[str]) -> None:
    assert sorted(names, key=natural_key) == sorted(reversed(names), key=natural_key)
