"""The files of a store as files: where they lie, how much room they take, what they are of. Loads no torch."""

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from videoexpert.errors import OutputError, RequestError

FOLDER_VARIABLE = "VEX_CACHE"
SIZE_VARIABLE = "VEX_CACHE_SIZE"
USUAL_SIZE = 4 * 10**9

SUFFIX = ".safetensors"
_NAME = re.compile(rf"[0-9a-f]{{64}}{re.escape(SUFFIX)}")
_LONGEST_HEADER = 1 << 20
_UNREADABLE = (OSError, ValueError, LookupError, TypeError)


def cache_folder() -> Path:
    """Where vex keeps what it can make again: `$VEX_CACHE`, or else where this system keeps caches."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("vex", appauthor=False)


def features_folder() -> Path:
    """The folder of the store that every command shares."""
    return cache_folder() / "features"


def cache_size() -> int:
    """Bytes that are kept at most: `$VEX_CACHE_SIZE` gigabytes, 4 by default. Raises RequestError where it is none."""
    given = os.environ.get(SIZE_VARIABLE)
    if not given:
        return USUAL_SIZE
    try:
        size = int(float(given) * 1e9)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise RequestError(f"{SIZE_VARIABLE}: must be a number of gigabytes above 0, got {given!r}")
    return size


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the store. size: bytes; used: when it was last read or written, seconds since 1970."""

    file: Path
    size: int
    used: float

    def video(self) -> str | None:
        """The path of the video that it is of; None where it cannot be read."""
        try:
            with open(self.file, "rb") as file:
                return str(json.loads(read_metadata(file.read(_LONGEST_HEADER))["look"])[1])
        except _UNREADABLE:
            return None


def read_metadata(data: bytes) -> dict[str, str]:
    """The words in the header of a safetensors file, given its first bytes. Raises ValueError where there are none."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        return {str(name): str(text) for name, text in header["__metadata__"].items()}
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("it is no file of the store") from error


def entries_in(folder: Path) -> list[Entry]:
    """What is stored in a folder, the longest unused first. Raises OutputError where it cannot be read."""
    try:
        with os.scandir(folder) as files:
            found = [_entry(file) for file in files if _NAME.fullmatch(file.name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}", hint=f"set {FOLDER_VARIABLE} to another folder") from error
    return sorted((entry for entry in found if entry), key=lambda entry: entry.used)


def _entry(file: "os.DirEntry[str]") -> Entry | None:
    """None where another process has removed it since."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return Entry(Path(file.path), status.st_size, status.st_mtime)


def clear(folder: Path, *, unused_since: float | None = None) -> list[Entry]:
    """Remove what was not used since a time (seconds since 1970; None: everything); returns what that was.

    Raises OutputError where something cannot be removed.
    """
    old = [entry for entry in entries_in(folder) if unused_since is None or entry.used < unused_since]
    for entry in old:
        try:
            entry.file.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{entry.file}: cannot be removed: {error.strerror}") from error
    return old


def make_room(folder: Path, limit: int) -> None:
    """Remove what was not used for the longest time, until all takes `limit` bytes at most."""
    entries = entries_in(folder)
    excess = sum(entry.size for entry in entries) - limit
    for entry in entries:
        if excess <= 0:
            break
        with suppress(OSError):  # in use, on systems where that matters: the next oldest goes
            entry.file.unlink(missing_ok=True)
            excess -= entry.size
