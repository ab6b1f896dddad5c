"""The package index, through pip: the user's own settings, mirrors, proxies and passwords count.

Only the wheel that is named is fetched: no dependencies, nothing is built, installed or run. The file lies in a folder
of ours from its first byte on, so how far it is can be seen with any version of pip.
"""

import errno
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from videoexpert.errors import DownloadError
from videoexpert.hub.parts import Wheel

_LOOK = 0.1
"""Seconds between two looks at how far the file is."""

_FULL = "No space left on device"

_PATIENCE = 5.0
"""Seconds that pip has to end when it is told to."""


def download_wheel(wheel: Wheel, folder: Path, *, on_bytes: Callable[[int], None]) -> Path:
    """Fetch a wheel into the empty `folder` and return its file. on_bytes hears how many bytes there are.

    Raises DownloadError where pip is not there or cannot fetch it, OSError where the folder cannot be written.
    """
    if importlib.util.find_spec("pip") is None or not sys.executable:
        raise DownloadError(f"{wheel.name}: cannot be fetched without pip", hint="python -m ensurepip")
    temporary, done, said = folder / "tmp", folder / "done", folder / "said"
    temporary.mkdir()
    done.mkdir()
    environment = os.environ | {name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")}
    with open(said, "wb") as log:
        process = subprocess.Popen(
            _command(wheel, done),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env={"PIP_RESUME_RETRIES": "10"} | environment,  # where pip can
        )
        try:
            code = _wait(process, lambda: min(wheel.size, _largest(folder)), on_bytes)
        finally:
            _end(process)
    files = list(done.glob("*.whl"))
    words = said.read_text("utf-8", "replace")
    if _FULL in words:
        raise OSError(errno.ENOSPC, _FULL)
    if code != 0 or len(files) != 1:
        raise DownloadError(f"{wheel.name}: {_reason(words, code)}")
    return files[0]


def _command(wheel: Wheel, done: Path) -> list[str]:
    # -P: a folder called pip where the user happens to be is not run.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += ["--progress-bar=off", "--disable-pip-version-check", f"--dest={done}"]
    if wheel.built_for is not None:
        python, abi, platform = wheel.built_for
        command += [f"--python-version={python}", f"--abi={abi}", f"--platform={platform}", "--implementation=cp"]
    return [*command, wheel.requirement]


def _wait(process: subprocess.Popen[bytes], look: Callable[[], int], heard: Callable[[int], None]) -> int:
    most = 0
    while True:
        try:
            return process.wait(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            most = max(most, look())  # pip moves the file in the end
            heard(most)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _largest(folder: Path) -> int:
    """Bytes of the largest file below a folder in which another process works."""
    largest = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(place, name)).st_size)
            except FileNotFoundError:  # just removed
                continue
    return largest


def _reason(said: str, code: int) -> str:
    """Why pip failed, in few words."""
    if "DO NOT MATCH THE HASHES" in said:
        return "the package index sent another file than it announced"
    errors = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.startswith("ERROR: ")]
    if "Retrying (" in said and "No matching distribution" in said:
        return "the package index cannot be reached"
    return f"pip: {errors[-1].strip().rstrip('.')}" if errors else f"pip failed with exit status {code}"
