"""kill -9 at any moment leaves no half-written file under a final name, and nothing that runs on."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import VEX, Corpus, vex_environment
from played import play

from videoexpert.results import dumps_document, read_results
from videoexpert.timeline import Moment, Source, Span, Timeline

TRIES = 20
SPANS = [(1.0, 3.0), (10.5, 13.0), (20.0, 22.5), (40.0, 42.0)]


@pytest.fixture
def talk(corpus: Corpus, tmp_path: Path) -> Path:
    """A folder with a video and results that name four moments in it."""
    shutil.copy(corpus.path("h264_360p_60s.mp4"), tmp_path / "talk.mp4")
    moments = tuple(Moment(Span(*span), text="word " * 2000) for span in SPANS)
    timeline = Timeline(Source("talk.mp4", 60.0), "ground", query="q", moments=moments)
    (tmp_path / "talk.json").write_text(dumps_document([timeline] * 40))
    return tmp_path


def clips_are_whole(out: Path, corpus: Corpus) -> int:
    for file in out.glob("*.mp4"):
        _, _, start, end = file.stem.split("-")
        assert play(file, corpus).numbers == list(range(round(float(start) * 30), round(float(end) * 30)))
    return len(list(out.glob("*.mp4")))


def reels_are_whole(out: Path, corpus: Corpus) -> int:
    for file in out.glob("*.mp4"):
        wanted = [number for start, end in SPANS for number in range(round(start * 30), round(end * 30))]
        assert play(file, corpus).numbers == wanted
    return len(list(out.glob("*.mp4")))


def documents_are_whole(out: Path, corpus: Corpus) -> int:
    for file in out.glob("*.json"):
        assert len(read_results(file)) == 40
    for file in out.glob("*.srt"):
        assert file.read_text().count(" --> ") == 40 * len(SPANS)
    return len(list(out.glob("*.*")))


SPAN_OPTIONS = [word for start, end in SPANS for word in ("--span", f"{start}-{end}")]
COMMANDS: list[tuple[list[str], Callable[[Path, Corpus], int]]] = [
    (["clip", "talk.mp4", *SPAN_OPTIONS, "-o", "out"], clips_are_whole),
    (["reel", "talk.mp4", *SPAN_OPTIONS, "-o", "out/reel.mp4"], reels_are_whole),
    (["convert", "talk.json", "-t", "json", "-t", "srt", "-o", "out/"], documents_are_whole),
]


def test_killed_at_random_moments(corpus: Corpus, talk: Path) -> None:
    moments = random.Random(20)
    out = talk / "out"
    interrupted = 0
    for attempt in range(TRIES):
        command, whole = COMMANDS[attempt % len(COMMANDS)]
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        process = _start(command, talk)
        time.sleep(moments.uniform(0.15, 1.3))
        os.killpg(process.pid, signal.SIGKILL)
        interrupted += process.wait() == -signal.SIGKILL
        whole(out, corpus)
    assert interrupted > TRIES / 3, "nearly every run had ended before it was killed: nothing was tested"


@pytest.mark.parametrize(("command", "whole"), COMMANDS, ids=[command[0] for command, _ in COMMANDS])
def test_the_next_run_ends_the_work_and_tidies_up(
    corpus: Corpus, talk: Path, command: list[str], whole: Callable[[Path, Corpus], int]
) -> None:
    out = talk / "out"
    out.mkdir()
    if command[0] != "convert":
        process = _start(command, talk)
        _wait(lambda: any(map(_written, out.glob(".vex-*"))))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert list(out.glob(".vex-*"))
    ended = subprocess.run([*VEX, *command], cwd=talk, env=vex_environment(talk), capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert whole(out, corpus) == {"clip": len(SPANS), "reel": 1, "convert": 2}[command[0]]
    assert list(out.glob(".*")) == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_end_leaves_nothing(talk: Path, stop: signal.Signals) -> None:
    out = talk / "out"
    process = _start(COMMANDS[1][0], talk)
    _wait(lambda: any(map(_written, out.glob(".vex-*"))))
    process.send_signal(stop)
    assert process.wait() == {signal.SIGTERM: 143, signal.SIGINT: 130}[stop]
    assert os.listdir(out) == []


def _written(file: Path) -> bool:
    """Whether something was written to a file, which may be gone by now."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def _start(command: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    """The real program in a process group of its own."""
    return subprocess.Popen(
        [*VEX, *command],
        cwd=folder,
        env=vex_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
