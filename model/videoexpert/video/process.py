"""Start the worker process, talk to it under time limits, and make sure that it ends."""

import importlib.util
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from videoexpert.video.limits import Limits
from videoexpert.video.protocol import Alive, Failed, Finished, Message, Opened, Request, read_message, write_message

PACKAGES = ("videoexpert", "av", "numpy", "decord", "imageio_ffmpeg")
"""What the worker may import besides the standard library."""

BOOTSTRAP = "import sys; sys.path += sys.argv[1:]; from videoexpert.video.worker import main; main()"

BACKLOG = 4
"""Replies that may wait to be taken; the worker waits beyond that."""

NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""What `start_new_session` does elsewhere, on Windows."""

TAIL = 2000
"""Bytes at the end of what the worker wrote to stderr in which to look for the reason of its death."""


class WorkerTimeoutError(Exception):
    """The worker was silent for too long, or the call took too long. limit: the seconds; total: which of the two."""

    def __init__(self, limit: float, *, total: bool) -> None:
        super().__init__()
        self.limit = limit
        self.total = total


class WorkerDiedError(Exception):
    """The worker ended by itself. how: the signal or the exit status. said: the last line that it wrote."""

    def __init__(self, how: str, said: str) -> None:
        super().__init__()
        self.how = how
        self.said = said


class WorkerProcess:
    """A running worker. It holds nothing that must be saved, so it is always ended by killing it."""

    def __init__(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `kill`
        self._process = subprocess.Popen(
            # -I -S: nothing but the standard library and the folders given; the current folder is not among them.
            [sys.executable, "-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", "-c", BOOTSTRAP, *_import_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            # Its own group, so that Ctrl-C reaches the reader alone, and so that its children end with it.
            start_new_session=True,
            creationflags=NEW_GROUP,
        )
        self._replies: queue.Queue[tuple[Message, bytes] | None] = queue.Queue(BACKLOG)
        self._receiver = threading.Thread(target=self._receive, daemon=True)
        self._receiver.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def ask(self, request: Request, limits: Limits, *, started: float) -> Iterator[tuple[Message, bytes]]:
        """Send a request and yield what is answered, up to the reply that ends it.

        started: when the call began, on the monotonic clock. Raises WorkerTimeoutError and WorkerDiedError.
        """
        assert self._process.stdin is not None
        try:
            write_message(self._process.stdin, request)
        except OSError:
            raise self._death() from None
        while True:
            reply, payload = self._next(limits, started)
            if not isinstance(reply, Alive):
                yield reply, payload
            if isinstance(reply, Opened | Finished | Failed):
                return

    def kill(self) -> None:
        """End the process and its children, if they still run. It cannot be asked again."""
        if self._said.closed:
            return
        with suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while self._receiver.is_alive():
            with suppress(queue.Empty):
                self._replies.get(timeout=0.01)
        for stream in (self._process.stdin, self._process.stdout, self._said):
            with suppress(OSError):
                if stream is not None:
                    stream.close()

    def _next(self, limits: Limits, started: float) -> tuple[Message, bytes]:
        patience = limits.stall
        if limits.total is not None:
            left = started + limits.total - time.monotonic()
            if left <= 0:
                raise WorkerTimeoutError(limits.total, total=True)
            patience = min(patience, left)
        try:
            reply = self._replies.get(timeout=patience)
        except queue.Empty:
            if limits.total is not None and patience < limits.stall:
                raise WorkerTimeoutError(limits.total, total=True) from None
            raise WorkerTimeoutError(limits.stall, total=False) from None
        if reply is None:
            raise self._death()
        return reply

    def _receive(self) -> None:
        """Take replies from the pipe, in a thread of its own; None stands for the end."""
        assert self._process.stdout is not None
        received: tuple[Message, bytes] | None = None
        while True:
            try:
                received = read_message(self._process.stdout)
            except (OSError, ValueError, KeyError, TypeError):
                received = None
            self._replies.put(received)
            if received is None:
                return

    def _death(self) -> WorkerDiedError:
        """Why the process ended, which it did by itself."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        code = self._process.returncode
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - TAIL))
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        self.kill()
        if code is None:
            return WorkerDiedError("garbled answer", said)
        known = {-number.value: number.name for number in signal.Signals}
        return WorkerDiedError(known.get(code, f"exit status {code}"), said)


def _import_folders() -> list[str]:
    """The folders that the packages the worker needs are imported from here."""
    folders: dict[str, None] = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folders[os.path.dirname(os.path.dirname(os.path.abspath(spec.origin)))] = None
    return list(folders)
