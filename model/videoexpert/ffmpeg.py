"""The only place that starts ffmpeg: find it, run it, report how far it is and why it failed.

Arguments are lists and reach ffmpeg as they are (no shell). Inputs are named by `file_url` and opened with
`INPUT_OPTIONS`, so no file name becomes an option or a protocol and no file makes ffmpeg open another one.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from videoexpert.errors import FfmpegError, ToolMissingError

INPUT_OPTIONS = {
    "protocol_whitelist": "file,pipe",
    # Containers that hold their own data. Playlists, scripts and pictures are left out: they make a demuxer open
    # other files, wait on the network, or pass for a video of one frame.
    "format_whitelist": "mov,mp4,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,gif,h264,hevc,m4v,asf,ogg,"
    "mxf,dv,wtv,rm,nut,ivf,obu",
}
"""Options for every input that ffmpeg or PyAV opens."""

PIPE = subprocess.PIPE
"""Given to `start` as stdout: what ffmpeg writes is read from `RunningFfmpeg.stdout`."""

STDERR_LINES = 12

_QUICK = 60.0
"""Seconds within which ffmpeg answers a question about itself."""

# Run by a second Python before ffmpeg takes its place: Linux then kills ffmpeg when the thread that started it dies,
# however it dies. argv: the pid of vex, then the command.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def file_url(path: str | os.PathLike[str]) -> str:
    """The absolute `file:` URL of a path, safe as an ffmpeg argument whatever the name looks like."""
    return "file:" + os.path.abspath(path)


def find_ffmpeg() -> str:
    """Path of the ffmpeg to use: `$VEX_FFMPEG`, else the one on PATH, else the one that imageio-ffmpeg carries.

    Raises ToolMissingError where there is none, or where `$VEX_FFMPEG` names none.
    """
    named = os.environ.get("VEX_FFMPEG")
    if named:
        found = shutil.which(named)
        if found is None:
            raise ToolMissingError(f"VEX_FFMPEG={named}: no such program", hint="correct it, or unset VEX_FFMPEG")
        return found
    found = shutil.which("ffmpeg")
    if found is not None:
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise ToolMissingError(
            "ffmpeg is not installed", hint="pip install imageio-ffmpeg, or install ffmpeg"
        ) from error


def version(program: str) -> str:
    """The version that an ffmpeg names itself, such as `7.1.1`. Raises ToolMissingError where it does not run."""
    words = _ask(program, "-version").split()
    return words[2] if words[:2] == ["ffmpeg", "version"] and len(words) > 2 else "of unknown version"


def encoders(program: str) -> frozenset[str]:
    """The names of the encoders an ffmpeg has. Raises ToolMissingError where it does not run."""
    return frozenset(re.findall(r"^ [VAS][A-Z.]{5} ([\w-]+)", _ask(program, "-encoders"), re.MULTILINE))


def _ask(program: str, question: str) -> str:
    try:
        answer = subprocess.run(
            [program, "-hide_banner", question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_QUICK,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = "point VEX_FFMPEG at an ffmpeg that works, or pip install imageio-ffmpeg"
        raise ToolMissingError(f"{program}: does not run: {reason}", hint=hint) from error
    return answer.stdout.decode("utf-8", "replace")


@contextmanager
def start(
    arguments: Sequence[str],
    *,
    stdout: int | IO[bytes],
    folder: str | os.PathLike[str] | None = None,
    die_with_parent: bool = False,
) -> Iterator["RunningFfmpeg"]:
    """Start ffmpeg with `arguments` (options, inputs, outputs); it is gone when the block ends.

    folder: where it runs, for names that cannot be given as `file_url`. die_with_parent: on Linux, even a kill -9 of
    this process ends ffmpeg too; the thread that starts it must outlive it. Without this, an ffmpeg that writes to a
    pipe ends when nobody reads any more, but one that writes a file goes on. Raises FfmpegError when the block has
    ended well but ffmpeg has not.
    """
    command = [find_ffmpeg(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", *arguments]
    if die_with_parent and sys.platform == "linux" and sys.executable:
        command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, cwd=folder)
    running = RunningFfmpeg(process)
    try:
        yield running
        running.finish()
    finally:
        running.stop()


class RunningFfmpeg:
    """One ffmpeg process; keeps the last lines of its stderr."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=STDERR_LINES)
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()

    @property
    def stdout(self) -> IO[bytes]:
        """What ffmpeg writes to its stdout (only where it was started with PIPE)."""
        assert self._process.stdout is not None
        return self._process.stdout

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._tail.append(line.decode("utf-8", "replace").rstrip())

    def last_lines(self) -> list[str]:
        """The last lines that ffmpeg wrote to its stderr; complete once it has ended."""
        return [line for line in self._tail if line.strip()]

    def finish(self) -> None:
        """Wait for the end; raise FfmpegError with ffmpeg's last line where it failed."""
        code = self._process.wait()
        self._reader.join(timeout=5)
        if code != 0:
            tail = self.last_lines()
            raise FfmpegError(
                f"ffmpeg failed: {_reason(code, tail)}",
                stderr_tail="\n".join(tail),
                hint="run again with --debug to see all it said",
            )

    def stop(self) -> None:
        """End the process if it still runs, and close what was open to it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=5)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _reason(code: int, tail: Sequence[str]) -> str:
    """Why ffmpeg failed, in few words: the signal that ended it, else the last line it wrote."""
    if code < 0:
        known = {number.value: number.name for number in signal.Signals}
        return f"it was ended by {known.get(-code, f'signal {-code}')}"
    if not tail:
        return f"exit status {code}"
    return re.sub(r"^(\[[^\]]*@ 0x[0-9a-f]+\] )+", "", tail[-1])


def run(
    arguments: Sequence[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Run ffmpeg to its end. on_progress is called with the seconds of output written so far. folder: see `start`.

    Raises FfmpegError where it fails and ToolMissingError where there is no ffmpeg.
    """
    reporting = ["-progress", "pipe:1", *arguments]
    with start(reporting, stdout=subprocess.PIPE, folder=folder, die_with_parent=True) as running:
        for line in running.stdout:
            key, _, value = line.decode("utf-8", "replace").strip().partition("=")
            if key == "out_time_us" and on_progress is not None and value.lstrip("-").isdigit():
                on_progress(max(0, int(value)) / 1e6)
