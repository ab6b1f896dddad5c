"""ffmpeg is found, told exactly what to do, listened to, and gone when it should be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Corpus, vex_environment

from videoexpert.errors import FfmpegError, ToolMissingError
from videoexpert.ffmpeg import INPUT_OPTIONS, encoders, file_url, find_ffmpeg, run, start, version

PICTURE = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4")
GUARDED = [word for name, value in INPUT_OPTIONS.items() for word in (f"-{name}", value)]


def test_the_program_named_by_the_environment_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my ffmpeg"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("VEX_FFMPEG", str(program))
    assert find_ffmpeg() == str(program)
    with pytest.raises(FfmpegError, match="exit status 3"):
        run(["-i", "x"])
    with pytest.raises(ToolMissingError, match="my ffmpeg: does not run"):
        encoders(str(program))
    monkeypatch.setenv("VEX_FFMPEG", str(tmp_path / "none"))
    with pytest.raises(ToolMissingError, match=r"VEX_FFMPEG=.*none: no such program"):
        find_ffmpeg()


def test_what_this_ffmpeg_is() -> None:
    assert version(find_ffmpeg())[0].isalnum()
    assert {"mpeg4", "aac"} <= encoders(find_ffmpeg())
    assert not any("=" in name for name in encoders(find_ffmpeg()))


@pytest.mark.parametrize("name", ["-dash", "concat:a", "pipe:1", "a\nb", "%03d", "$(x)", "quo'te\"", "\udcff"])
def test_a_name_is_neither_an_option_nor_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    run([*PICTURE, "-frames:v", "3", "-f", "nut", "-y", file_url(name)])
    assert os.listdir() == [name]
    run([*GUARDED, "-i", file_url(name), "-f", "null", "-"])


def test_a_file_cannot_make_it_read_another(corpus: Corpus) -> None:
    for name in ("hls_disguised.mp4", "ffconcat_disguised.mp4", "sdp_disguised.mp4"):
        with pytest.raises(FfmpegError):
            run([*GUARDED, "-i", file_url(corpus.path(name)), "-map", "0:v", "-f", "null", "-"])


def test_a_failure_says_why_and_keeps_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video" * 100)
    with pytest.raises(FfmpegError, match=r"^ffmpeg failed: .*Invalid data found") as failure:
        run(["-i", file_url(tmp_path / "text.mp4"), "-f", "null", "-"])
    assert "\n" not in failure.value.message and "0x" not in failure.value.message
    assert failure.value.message.removeprefix("ffmpeg failed: ") in failure.value.stderr_tail
    assert "--debug" in (failure.value.hint or "")


def test_progress_rises_to_the_length_of_the_output(tmp_path: Path) -> None:
    heard: list[float] = []
    run([*PICTURE, "-c:v", "mpeg4", "-f", "nut", "-y", file_url(tmp_path / "out")], on_progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == pytest.approx(4, abs=0.1)


def test_it_leaves_standard_input_alone(tmp_path: Path) -> None:
    script = f"from videoexpert.ffmpeg import run; run({[*PICTURE, '-f', 'null', '-']!r}); print(input())"
    ended = subprocess.run(
        [sys.executable, "-c", script], input=b"q is mine\n", capture_output=True, env=vex_environment(tmp_path)
    )
    assert ended.stdout == b"q is mine\n", ended.stderr


def test_it_is_gone_when_the_block_is_left_early() -> None:
    endless = ("-re", "-f", "lavfi", "-i", "testsrc=s=64x48", "-f", "nut", "pipe:1")
    with pytest.raises(KeyboardInterrupt), start(endless, stdout=subprocess.PIPE) as running:
        assert running.stdout.read(100)
        raise KeyboardInterrupt
    assert running.stdout.closed
    assert not _children()


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: only Linux ends the children of a killed process")
def test_it_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "out.nut"
    endless = ["-re", "-f", "lavfi", "-i", "testsrc=s=64x48", "-flush_packets", "1", "-f", "nut", "-y", file_url(out)]
    starter = subprocess.Popen(
        [sys.executable, "-c", f"from videoexpert.ffmpeg import run; run({endless!r})"], env=vex_environment(tmp_path)
    )
    _wait(lambda: out.exists() and out.stat().st_size > 0)
    started = _children(starter.pid)
    assert len(started) == 1
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    _wait(lambda: not os.path.exists(f"/proc/{started[0]}") or _is_zombie(started[0]))


def _wait(condition: object) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _children(parent: int | None = None) -> list[int]:
    """Process ids of the ffmpegs that a process started."""
    with open(f"/proc/{parent or os.getpid()}/task/{parent or os.getpid()}/children") as listed:
        pids = [int(pid) for pid in listed.read().split()]
    return [pid for pid in pids if b"testsrc" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
