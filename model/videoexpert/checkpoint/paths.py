"""Paths for libraries that take no file names but UTF-8."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def plain_path(path: Path) -> Iterator[Path]:
    """The path itself, or for the time of the block a link of plain letters that leads to the same place."""
    if _is_utf8(path):
        yield path
        return
    with TemporaryDirectory() as work:
        link = Path(work, "link")
        link.symlink_to(path.absolute())
        yield link


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
