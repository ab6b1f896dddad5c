"""Files appear whole or not at all: written under a temporary name beside the final one, then renamed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from videoexpert.errors import OutputError

TEMPORARY_PREFIX = ".vex-"
TEMPORARY_SUFFIX = ".part"


@contextmanager
def atomic_path(final: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends well it becomes `final`, otherwise it is removed.

    Raises OutputError where `final` exists and `overwrite` is false, or where the folder cannot be written to.
    """
    if not overwrite and os.path.lexists(final):
        raise OutputError(f"{final}: exists already", hint="add --overwrite to replace it")
    temporary = final.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, final)
    except OSError as error:
        raise OutputError(f"{final}: {error.strerror or error}", hint="choose another folder with -o") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(final: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write `data` to `final` in one step (see `atomic_path`)."""
    with atomic_path(final, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)
