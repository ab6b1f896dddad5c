"""What reading annotations cannot tell: whether the videos can be read and are as long as said, and whether a video of
the training set is also in the set that measures it."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from videoexpert.data.problems import Problem
from videoexpert.data.records import Record
from videoexpert.errors import VideoError
from videoexpert.timeline import TIME_TOLERANCE

DURATION_TOLERANCE = 1.0
"""Seconds by which an annotation and its video may disagree: some benchmarks round to whole seconds."""

_HEAD = 1 << 20


def check_videos(records: Sequence[Record], *, probe: Callable[[str], float]) -> Iterator[Problem]:
    """What is wrong with the videos of records: unreadable, or of another length. Each video is looked at once.

    probe: seconds that a file lasts; it raises VideoError.
    """
    by_path: dict[str, list[Record]] = {}
    for record in records:
        by_path.setdefault(record.timeline.video.path, []).append(record)
    for path, concerned in by_path.items():
        origin = concerned[0].origin
        try:
            lasts = probe(path)
        except VideoError as error:
            yield Problem(origin, error.message, "video", "error", error.hint)
            continue
        for record in concerned:
            yield from _check_times(record, lasts)


def _check_times(record: Record, lasts: float) -> Iterator[Problem]:
    timeline = record.timeline
    path, stated = timeline.video.path, timeline.video.duration
    end = max((moment.span.end for moment in timeline.moments), default=0.0)
    if end > lasts + DURATION_TOLERANCE:
        message = f"a moment ends at {end:g} s but {path} lasts {lasts:.3f} s"
        yield Problem(record.origin, message, "span", "error")
    elif abs(stated - lasts) > DURATION_TOLERANCE + TIME_TOLERANCE:
        message = f"says that {path} lasts {stated:g} s, but it lasts {lasts:.3f} s"
        yield Problem(record.origin, message, "duration", "warning")


def check_leaks(records: Iterable[Record], against: Iterable[Record]) -> Iterator[Problem]:
    """The videos of `records` that are also in `against`: the same file, or the same content under another name."""
    known = _first_origins(against)
    by_identity = {_identity(path): path for path in known}
    by_size: dict[int, list[str]] = {}
    for path in known:
        if (size := _size(path)) is not None:
            by_size.setdefault(size, []).append(path)
    for path, origin in _first_origins(records).items():
        same = by_identity.get(_identity(path))
        if same is not None:
            yield Problem(origin, f"{path} is also in {known[same]}", "leak", "error")
            continue
        # Only a file of the same size is opened: reading the heads of a whole benchmark would take minutes.
        size = _size(path)
        twins = by_size.get(size, []) if size is not None else []
        twin = next((other for other in twins if _head(other) == _head(path)), None)
        if twin is not None:
            yield Problem(origin, f"{path} holds the same as {twin}, which is in {known[twin]}", "leak", "error")


def _first_origins(records: Iterable[Record]) -> dict[str, str]:
    """Where each video is mentioned first."""
    found: dict[str, str] = {}
    for record in records:
        found.setdefault(record.timeline.video.path, record.origin)
    return found


def _identity(path: str) -> str:
    """One name for one file; a name that is no file stands for itself."""
    return os.path.realpath(path) if os.path.exists(path) else path


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _head(path: str) -> bytes:
    """The hash of how a file begins; of one that cannot be read, of its path."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read(_HEAD)).digest()
    except OSError:
        return os.fsencode(path)
