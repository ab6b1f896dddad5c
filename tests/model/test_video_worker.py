"""The worker process: what happens when it hangs, dies or is left alone, and what it may load."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Corpus
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.errors import VideoError
from videoexpert.video import DecoderName, Limits, Sampling, VideoInfo, VideoReader, probe, read_frames
from videoexpert.video.protocol import (
    Alive,
    Failed,
    Finished,
    Message,
    Opened,
    OpenVideo,
    Picture,
    ReadFrames,
    read_message,
    write_message,
)

LONG = "long_10min.mp4"
SOON = 10.0
"""Seconds within which a process that should end has ended."""

READ_ON = """
import sys
from videoexpert.video import Sampling, VideoReader
with VideoReader() as reader:
    reader.probe(sys.argv[1])
    print(reader.pid, flush=True)
    try:
        while True:
            reader.read_frames(sys.argv[1], Sampling(18000), short_side=32, decoder=sys.argv[2])
    except KeyboardInterrupt:
        print("interrupted", reader.pid, flush=True)
"""


def runs(group: int) -> bool:
    """Whether a process of this group runs; one that has ended and waits for its parent to notice does not."""
    if not Path("/proc/self/stat").exists():
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        return True
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = process.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False


def is_gone(group: int) -> bool:
    """Whether no process of a group runs, within a while."""
    deadline = time.monotonic() + SOON
    while runs(group) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not runs(group)


def python(*arguments: str, sources: bool = True, **options: object) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if sources:
        environment["PYTHONPATH"] = str(ROOT / "model")
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def reader() -> Iterator[VideoReader]:
    with VideoReader(limits=Limits(stall=SOON)) as reader:
        yield reader


def worker_of(reader: VideoReader, path: str) -> int:
    """Process id of the reader's worker, which has opened `path`."""
    reader.probe(path)
    assert reader.pid is not None
    return reader.pid


def test_a_worker_that_stalls_is_killed(corpus: Corpus) -> None:
    path = corpus.path("frames50.mp4")
    with VideoReader(limits=Limits(stall=3)) as reader:
        pid = worker_of(reader, path)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(VideoError) as caught:
            reader.read_frames(path, Sampling(10))
        assert caught.value.kind == "timeout"
        assert caught.value.message == f"{path}: no progress for 3 s"
        assert is_gone(pid)
        # The next file gets a worker of its own.
        assert reader.read_frames(path, Sampling(10)).n_unique == 10


def test_a_call_that_takes_too_long_is_ended(corpus: Corpus) -> None:
    path = corpus.path("frames50.mp4")
    with VideoReader(limits=Limits(total=3)) as reader:
        pid = worker_of(reader, path)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(VideoError) as caught:
            reader.read_frames(path, Sampling(10))
        assert caught.value.kind == "timeout"
        assert caught.value.message == f"{path}: not read within 3 s"
        assert is_gone(pid)


def test_an_ffmpeg_that_hangs_is_killed_too(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setenv("VEX_FFMPEG", str(program))
    path = corpus.path("frames50.mp4")
    with VideoReader(limits=Limits(stall=3)) as reader:
        pid = worker_of(reader, path)
        with pytest.raises(VideoError, match="no progress for 3 s"):
            reader.read_frames(path, Sampling(10), decoder="ffmpeg")
        assert is_gone(pid)


def test_a_worker_that_dies_is_reported(reader: VideoReader, corpus: Corpus) -> None:
    path = corpus.path(LONG)
    pid = worker_of(reader, path)
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
    with pytest.raises(VideoError) as caught:
        reader.read_frames(path, Sampling(10))
    assert caught.value.kind == "crashed"
    assert caught.value.message == f"{path}: reading it crashed (SIGKILL)"
    assert reader.read_frames(corpus.path("frames50.mp4"), Sampling(10)).n_unique == 10


def test_a_worker_that_died_between_two_files_is_replaced(reader: VideoReader, corpus: Corpus) -> None:
    path = corpus.path("frames50.mp4")
    pid = worker_of(reader, path)
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    assert reader.probe(path).frame_count == 50
    assert reader.pid not in (pid, None)


def test_one_worker_serves_many_files(reader: VideoReader, corpus: Corpus) -> None:
    pid = worker_of(reader, corpus.path("h264.mkv"))
    for name in ("hevc.mp4", "anim.gif", "h264.mkv"):
        reader.read_frames(corpus.path(name), Sampling(3))
    assert reader.pid == pid
    reader.close()
    assert reader.pid is None and is_gone(pid)


def test_the_worker_ends_with_the_block_also_when_it_fails(corpus: Corpus) -> None:
    with pytest.raises(ZeroDivisionError), VideoReader() as reader:
        pid = worker_of(reader, corpus.path("frames3.mp4"))
        _ = 1 / 0
    assert is_gone(pid)


def test_a_file_that_was_replaced_is_opened_anew(reader: VideoReader, corpus: Corpus, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    for name in ("frames3.mp4", "frames50.mp4"):
        path.write_bytes(Path(corpus.path(name)).read_bytes())
        assert reader.probe(path).frame_count == corpus.entries[name]["frames"]


def test_threads_with_a_reader_each_do_not_mix(corpus: Corpus) -> None:
    names = ("frames50.mp4", "h264.mkv", "vp9.webm", "fps60.mp4")

    def read(name: str) -> list[int | None]:
        batch = read_frames(corpus.path(name), Sampling(4))
        codes = [corpus.read_code(picture.transpose(1, 2, 0)) for picture in batch.pixels]
        return [code[0] if code is not None else None for code in codes]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, names))
    for name, numbers in zip(names, found, strict=True):
        last = corpus.entries[name]["frames"] - 1
        assert numbers == [k * last // 3 for k in range(4)]


@pytest.mark.parametrize("decoder", ["pyav", "ffmpeg"])
def test_killing_the_reader_ends_the_worker(corpus: Corpus, decoder: DecoderName) -> None:
    process = python("-P", "-c", READ_ON, corpus.path(LONG), decoder)
    with process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        time.sleep(0.3)
        process.kill()
    assert is_gone(worker)


def test_ctrl_c_ends_the_worker_and_is_passed_on(corpus: Corpus) -> None:
    process = python("-P", "-c", READ_ON, corpus.path(LONG), "pyav")
    with process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted None\n"
    assert process.returncode == 0
    assert is_gone(worker)


def test_the_current_folder_is_not_on_the_path_of_the_worker(corpus: Corpus, tmp_path: Path) -> None:
    for module in ("av", "json", "videoexpert", "struct"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('wrong module')")
    code = "import sys; from videoexpert.video import probe; print(probe(sys.argv[1]).frame_count)"
    process = python("-P", "-c", code, corpus.path("frames50.mp4"), cwd=tmp_path)
    assert process.communicate()[0] == "50\n"


def test_the_worker_finds_what_the_reader_found(corpus: Corpus) -> None:
    # Nothing but sys.path of the reader says where the packages are.
    folders = {str(ROOT / "model"), str(Path(np.__file__).parents[1])}
    code = f"import sys; sys.path += {sorted(folders)!r}; from videoexpert.video import probe; "
    code += "print(probe(sys.argv[1]).frame_count)"
    process = python("-I", "-S", "-c", code, corpus.path("frames50.mp4"), sources=False)
    assert process.communicate()[0] == "50\n"


def test_probing_loads_neither_codecs_nor_arrays_here(corpus: Corpus) -> None:
    code = (
        "import sys; from videoexpert.video import probe; probe(sys.argv[1]); print({'av', 'numpy'} & set(sys.modules))"
    )
    process = python("-P", "-c", code, corpus.path("frames50.mp4"))
    assert process.communicate()[0] == "set()\n"


def test_time_for_opening_counts_too(corpus: Corpus) -> None:
    with pytest.raises(VideoError, match=r"not read within 0\.001 s"):
        probe(corpus.path(LONG), limits=Limits(total=0.001))


@pytest.mark.parametrize("values", [{"total": 0.0}, {"total": float("nan")}, {"stall": -1.0}, {"stall": float("inf")}])
def test_limits_check_themselves(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be a positive number of seconds"):
        Limits(**values)


TEXT = st.text(st.characters(), max_size=40)
INFO = VideoInfo(
    path="a.mp4",
    container="matroska,webm",
    codec="h264",
    duration=12.5,
    start=-0.25,
    frame_count=300,
    fps=Fraction(30000, 1001),
    variable_frame_rate=False,
    width=1024,
    height=576,
    stored_width=720,
    stored_height=576,
    rotation=90,
    sar=Fraction(64, 45),
    largest_keyframe_gap=2.0,
    has_audio=True,
    approximate_times=False,
    warnings=("one", "two"),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(OpenVideo, TEXT),
    st.builds(
        ReadFrames, st.lists(st.integers(0, 9)).map(tuple), st.just(4), st.just(3), st.just("area"), st.just("auto")
    ),
    st.just(Alive()),
    st.just(Opened(INFO)),
    st.builds(Picture, st.integers(0, 99), st.integers(0, 9999)),
    st.builds(Finished, st.just("pyav"), st.lists(TEXT).map(tuple)),
    st.builds(Failed, st.just("not_media"), TEXT, st.none() | TEXT),
)


@given(messages=st.lists(st.tuples(MESSAGES, st.binary(max_size=100)), max_size=4), cut=st.integers(0, 10))
def test_messages_arrive_as_they_were_sent(messages: list[tuple[Message, bytes]], cut: int) -> None:
    stream = BytesIO()
    for message, payload in messages:
        write_message(stream, message, payload)
    sent = stream.getvalue()
    received = BytesIO(sent)
    for expected in messages:
        assert read_message(received) == expected
    assert read_message(received) is None
    # A message of which the end is missing is none.
    torn = BytesIO(sent[: max(0, len(sent) - 1 - cut)])
    assert len(list(iter(lambda: read_message(torn), None))) < max(1, len(messages))
