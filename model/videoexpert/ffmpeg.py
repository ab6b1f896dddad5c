"""The only place that starts ffmpeg: find it, run it, report how far it is and why it failed.

Arguments are lists and reach ffmpeg as they are (no shell). Inputs are named by `file_url` and opened with
`INPUT_OPTIONS`, so no file name becomes an option or a protocol and no file makes ffmpeg open another one.
"""

import os
import shutil
import subprocess
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

STDERR_LINES = 12


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


@contextmanager
def start(arguments: Sequence[str], *, stdout: int | IO[bytes]) -> Iterator["RunningFfmpeg"]:
    """Start ffmpeg with `arguments` (options, inputs, outputs); it is gone when the block ends.

    Raises FfmpegError when the block has ended well but ffmpeg has not.
    """
    command = [find_ffmpeg(), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
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

    def finish(self) -> None:
        """Wait for the end; raise FfmpegError with ffmpeg's last line where it failed."""
        code = self._process.wait()
        self._reader.join(timeout=5)
        if code != 0:
            tail = [line for line in self._tail if line.strip()]
            last = tail[-1] if tail else f"exit status {code}"
            raise FfmpegError(
                f"ffmpeg failed: {last}", stderr_tail="\n".join(tail), hint="run again with --debug to see all it said"
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


def run(arguments: Sequence[str], *, on_progress: Callable[[float], None] | None = None) -> None:
    """Run ffmpeg to its end. on_progress is called with the seconds of output written so far.

    Raises FfmpegError where it fails and ToolMissingError where there is no ffmpeg.
    """
    with start(["-progress", "pipe:1", *arguments], stdout=subprocess.PIPE) as running:
        for line in running.stdout:
            key, _, value = line.decode("utf-8", "replace").strip().partition("=")
            if key == "out_time_us" and on_progress is not None and value.lstrip("-").isdigit():
                on_progress(max(0, int(value)) / 1e6)
