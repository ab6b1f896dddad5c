"""How long videos are, from a file that says so."""

import csv
import math
import os
from collections.abc import Iterator

from videoexpert.data.files import AnnotationFile
from videoexpert.data.readers.base import required
from videoexpert.errors import DataError

_NAMES = ("id", "video_id", "video", "vid")
_SECONDS = ("length", "duration")


def read_durations(path: str | os.PathLike[str]) -> dict[str, float]:
    """Seconds by video.

    Either CSV with a column `id` (or `video_id`, `video`, `vid`) and one `length` or `duration`, as `Charades_v1_*.csv`
    has them, or a JSON object of numbers or of objects with a `duration`. Raises ResultsError or DataError, with the
    line, where it is something else.
    """
    file = AnnotationFile.read(path)
    found: dict[str, float] = {}
    is_json = file.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    for name, seconds, where in _from_json(file) if is_json else _from_csv(file):
        if not (math.isfinite(seconds) and seconds > 0):
            raise DataError(f'{where}: the duration of "{name}" must be positive, not {seconds}')
        found[name] = seconds
    return found


def _from_json(file: AnnotationFile) -> Iterator[tuple[str, float, str]]:
    for name, node in file.parts():
        seconds = node if isinstance(node.value, int | float) else required(node, "duration")
        yield name, seconds.number(), node.where


def _from_csv(file: AnnotationFile) -> Iterator[tuple[str, float, str]]:
    rows = csv.DictReader(file.text().splitlines())
    names, lengths = ([one for one in known if one in (rows.fieldnames or ())] for known in (_NAMES, _SECONDS))
    if not names or not lengths:
        hint = "its first line must name a column id and one length or duration"
        raise DataError(f"{file.where(1)}: no durations in this file", hint=hint)
    for row in rows:
        where, text = file.where(rows.line_num), row[lengths[0]]
        try:
            yield row[names[0]], float(text), where
        except (TypeError, ValueError):
            raise DataError(f"{where}: the duration must be a number, not {text!r}") from None
