"""Files and folders appear whole or not at all: written under a temporary name beside the final one, then renamed.

What is temporary is locked for as long as its writer lives. What a killed run left behind is therefore known by its
name and by the lock that nobody holds, and `prepare_folder` removes it (where the system has such locks).
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
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


def check_free(final: Path, *, overwrite: bool) -> None:
    """Raise OutputError where `final` exists and is not to be replaced."""
    if not overwrite and os.path.lexists(final):
        raise OutputError(f"{final}: exists already", hint="add --overwrite to replace it")


@contextmanager
def atomic_path(final: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends well it becomes `final`, otherwise it is removed.

    Raises OutputError where `final` exists and `overwrite` is false, or where the folder cannot be written to.
    """
    check_free(final, overwrite=overwrite)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(final.parent) as temporary:
            yield temporary
            _sync(temporary)
            os.replace(temporary, final)
    except OSError as error:
        raise OutputError(f"{final}: {error.strerror or error}", hint=_HINT) from error


@contextmanager
def atomic_folder(final: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a new folder to write to; when the block ends well it becomes `final`, otherwise it is removed.

    Raises OutputError where `final` exists and `overwrite` is false, or where it cannot be written.
    """
    check_free(final, overwrite=overwrite)
    prepare_folder(final.parent)
    try:
        with temporary_folder(final.parent) as temporary:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _sync(file)
            _replace_folder(temporary, final)
    except OSError as error:
        raise OutputError(f"{final}: {error.strerror or error}", hint="choose another folder") from error


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Yield the path of a new, empty file in `folder`; it is removed when the block ends, if it is still there.

    Raises OSError where it cannot be made.
    """
    with _temporary(folder, _new_file) as path:
        yield path


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Yield a new, empty folder in `folder`; it is removed when the block ends, if it is still there.

    Raises OSError where it cannot be made.
    """
    with _temporary(folder, _new_folder) as path:
        yield path


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
        remove_leftovers(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{folder}: is not a folder", hint=_HINT) from error
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}", hint=_HINT) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs left in a folder. What a living process holds, or cannot be looked at, stays."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            mode = os.O_RDONLY if path.is_dir() else os.O_RDWR
            descriptor = os.open(path, mode | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _lock(descriptor):
                    _remove(path)
            finally:
                os.close(descriptor)


def _sync(file: Path) -> None:
    with open(file, "rb+") as written:
        os.fsync(written.fileno())


def _replace_folder(new: Path, final: Path) -> None:
    """Put `new` in the place of `final`, which stays as it was where that fails."""
    old = new.with_suffix(".old")
    if os.path.lexists(final):
        os.replace(final, old)
    try:
        os.replace(new, final)
    except OSError:
        if os.path.lexists(old):
            os.replace(old, final)
        raise
    _remove(old)


@contextmanager
def _temporary(folder: Path, make: Callable[[Path], int | None]) -> Iterator[Path]:
    path, lock = _create(folder, make)
    try:
        yield path
    finally:
        _remove(path)
        if lock is not None:
            os.close(lock)


def _create(folder: Path, make: Callable[[Path], int | None]) -> tuple[Path, int | None]:
    """Something new and empty, and the descriptor that holds its lock (None where there are no locks)."""
    while True:
        path = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
        descriptor = make(path)
        if descriptor is None:
            return path, None
        try:
            locked = _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return path, None
        if locked and os.path.lexists(path):
            return path, descriptor
        # Another run took it for a leftover before it was locked: make another one.
        os.close(descriptor)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)


def _new_folder(path: Path) -> int | None:
    path.mkdir()
    return None if fcntl is None else os.open(path, os.O_RDONLY)


def _lock(descriptor: int) -> bool:
    """Take the lock of a file; False where another process holds it. Raises OSError where there are no locks."""
    if fcntl is None:
        raise OSError("no locks on this system")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(path: Path) -> None:
    """Remove a file, or a folder as far as that can be done, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
