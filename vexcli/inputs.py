"""Which videos a command line means: files, folders, globs and lists on stdin become a stream of paths.

A path given by name is taken as it is, whatever its suffix; a misspelt one is reported, with the name that is near it.
Folders give the files with a video's suffix, in natural order (clip2 before clip10), without hidden ones.
"""

import fnmatch
import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from vexcli.errors import InputError, UsageError
from videoexpert.errors import VideoExpertError, did_you_mean_file

STDIN = "-"

Problem = Callable[[VideoExpertError], None]
"""Hears of an input that gives no video, or of a folder that cannot be read; the others go on."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files count inside folders, globs and lists. Globs without a slash match the name, others the path."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def keeps(self, path: str) -> bool:
        """Whether the path passes --include (where given) and --exclude; capital letters do not matter."""
        return (not self.include or _matches(path, self.include)) and not _matches(path, self.exclude)

    def keeps_in_folder(self, path: str) -> bool:
        """As `keeps`; without --include, a file in a folder also needs a video's suffix."""
        known = bool(self.include) or has_video_suffix(path)
        return known and self.keeps(path)


def find_videos(
    inputs: Sequence[str],
    *,
    selection: Selection = Selection(),
    nul_separated: bool = False,
    stdin: BinaryIO | None = None,
    on_problem: Problem,
) -> Iterator[str]:
    """Yield each video once, in the order given. Raises UsageError where stdin is named twice."""
    if list(inputs).count(STDIN) > 1:
        raise UsageError("'-' (paths from stdin) can be given once")
    seen: set[str] = set()
    for given in inputs:
        found = False
        try:
            for path in _expand(given, selection, nul_separated, stdin, on_problem):
                found = True
                identity = os.path.realpath(path)
                if identity not in seen:
                    seen.add(identity)
                    yield path
        except InputError as problem:
            on_problem(problem)
            continue
        if not found:
            on_problem(_nothing_found(given, selection))


def has_video_suffix(path: str) -> bool:
    """Whether a file is taken for a video by its name."""
    from videoexpert.video.suffixes import VIDEO_SUFFIXES

    return os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES


def may_be_input(word: str) -> bool:
    """Whether a word names something to look at, there or not, rather than being a question."""
    known = has_video_suffix(word)
    return word == STDIN or known or os.path.lexists(word) or "/" in word or (glob.has_magic(word) and " " not in word)


def missing_file(path: str) -> InputError:
    """The error for a path where nothing is, with the nearest name in its folder."""
    return InputError(f"{path}: no such file", hint=did_you_mean_file(path))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which numbers count as numbers and capital letters do not matter: clip2 < Clip10."""
    parts = re.split(r"([0-9]+)", name)
    key = tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part.lower()) for part in parts)
    return (*key, (2, 0, name))


def _matches(path: str, patterns: Iterable[str]) -> bool:
    for pattern in patterns:
        subject = path.replace(os.sep, "/") if "/" in pattern else os.path.basename(path)
        if fnmatch.fnmatchcase(subject.lower(), pattern.lower()):
            return True
    return False


def _expand(
    given: str,
    selection: Selection,
    nul_separated: bool,
    stdin: BinaryIO | None,
    on_problem: Problem,
) -> Iterator[str]:
    if given == STDIN:
        listed = _listed(stdin or sys.stdin.buffer, b"\0" if nul_separated else b"\n")
        yield from (path for path in listed if selection.keeps(path))
    elif os.path.isdir(given):
        yield from _walk(given, selection, on_problem, frozenset())
    elif os.path.lexists(given):
        yield given
    elif not glob.has_magic(given):
        raise missing_file(given)
    else:
        for path in sorted(glob.iglob(given, recursive=True), key=natural_key):
            if os.path.isdir(path):
                yield from _walk(path, selection, on_problem, frozenset())
            elif selection.keeps(path):
                yield path


def _listed(stream: BinaryIO, separator: bytes) -> Iterator[str]:
    """The paths of a list as they arrive, so that `find ... | vex ...` starts with the first one."""
    rest = b""
    while chunk := _read_some(stream):
        *whole, rest = (rest + chunk).split(separator)
        yield from (_decode(entry, separator) for entry in whole if entry.strip())
    if rest.strip():
        yield _decode(rest, separator)


def _read_some(stream: BinaryIO) -> bytes:
    return stream.read1(65536) if hasattr(stream, "read1") else stream.read(65536)


def _decode(entry: bytes, separator: bytes) -> str:
    return os.fsdecode(entry.removesuffix(b"\r") if separator == b"\n" else entry)


def _walk(folder: str, selection: Selection, on_problem: Problem, above: frozenset[str]) -> Iterator[str]:
    """The videos below a folder. above: real paths of the folders on the way here, so that link loops end."""
    identity = os.path.realpath(folder)
    if identity in above:
        return
    try:
        entries = sorted(os.listdir(folder), key=natural_key)
    except OSError as error:
        on_problem(InputError(f"{folder}: {error.strerror}"))
        return
    for name in entries:
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        if os.path.isdir(path):
            yield from _walk(path, selection, on_problem, above | {identity})
        elif selection.keeps_in_folder(path):
            yield path


def _nothing_found(given: str, selection: Selection) -> InputError:
    left = " that --include and --exclude leave" if selection.include or selection.exclude else ""
    if given == STDIN:
        return InputError(f"stdin: no paths{left}", hint="give one path a line, or NUL-separated ones with -0")
    if os.path.isdir(given):
        return InputError(f"{given}: no videos in this folder{left}", hint="--include '*' takes files of any suffix")
    return InputError(f"{given}: no file matches{left}")
