"""Files appear whole or not at all: written under a temporary name beside the final one, then renamed.

A temporary file is locked for as long as its writer lives. What a killed run left behind is therefore known by its
name and by the lock that nobody holds, and `prepare_folder` removes it (where the system has such locks).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from videoexpert.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows: no locks, so leftovers stay
    fcntl = None  # type: ignore[assignment]

TEMPORARY_PREFIX = ".vex-"
TEMPORARY_SUFFIX = ".part"

_HINT = "choose another folder with -o"


@contextmanager
def atomic_path(final: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends well it becomes `final`, otherwise it is removed.

    Raises OutputError where `final` exists and `overwrite` is false, or where the folder cannot be written to.
    """
    if not overwrite and os.path.lexists(final):
        raise OutputError(f"{final}: exists already", hint="add --overwrite to replace it")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(final.parent) as temporary:
            yield temporary
            with open(temporary, "rb+") as written:
                os.fsync(written.fileno())
            os.replace(temporary, final)
    except OSError as error:
        raise OutputError(f"{final}: {error.strerror or error}", hint=_HINT) from error


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Yield the path of a new, empty file in `folder`; it is removed when the block ends, if it is still there.

    Raises OSError where it cannot be made.
    """
    path, lock = _create(folder)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def write_bytes(final: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write `data` to `final` in one step (see `atomic_path`)."""
    with atomic_path(final, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def prepare_folder(folder: Path) -> None:
    """Make a folder to write to, with those above it, and remove what killed runs left in it.

    Raises OutputError where it is no folder or cannot be written to, so that this is said before any work.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_file(folder):
            pass
        _remove_leftovers(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{folder}: is not a folder", hint=_HINT) from error
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}", hint=_HINT) from error


def _create(folder: Path) -> tuple[Path, int | None]:
    """A new empty file, and the descriptor that holds its lock (None where there are no locks)."""
    while True:
        path = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        try:
            locked = _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return path, None
        if locked and os.fstat(descriptor).st_nlink:
            return path, descriptor
        # Another run took the file for a leftover before it was locked: make another one.
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Take the lock of a file; False where another process holds it. Raises OSError where there are no locks."""
    if fcntl is None:
        raise OSError("no locks on this system")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary files that no living process holds. One that cannot be looked at stays."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)
