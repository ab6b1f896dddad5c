"""Which format an annotation file has, told from what stands in it where that is unmistakable."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal, get_args

from videoexpert.data.files import LONGEST_LINE, AnnotationFile
from videoexpert.errors import DataError, ResultsError

DataFormat = Literal[
    "native",
    "qvhighlights",
    "charades-sta",
    "activitynet",
    "youcook2",
    "nextqa",
    "nextgqa",
    "conversation",
    "srt",
    "vtt",
]
"""The formats of annotations. `activitynet` and `youcook2` are the same JSON, `nextqa` and `nextgqa` the same CSV."""

FORMATS: tuple[DataFormat, ...] = get_args(DataFormat)

_LOOKED_AT = 20
"""Lines that are looked at: the first ones may be broken."""

_CHARADES = re.compile(r"\S+ \S+ \S+ ?##")
_CUE = re.compile(r"\d{1,2}:\d\d[,.]\d{1,3} *--> *\d")


def detect_format(file: AnnotationFile) -> DataFormat:
    """The format of a file. Raises DataError where its content does not show it."""
    found = _of_suffix(file) or _of_json(file) or _of_text(file)
    if found is None:
        raise DataError(f"{file.name}: unknown format", hint=f"say which with --format: {', '.join(FORMATS)}")
    return found


def first_object(file: AnnotationFile) -> dict[str, Any] | None:
    """The first of the file's first lines that is a JSON object; None where no line is one, as in a laid-out file."""
    for _, line in islice(file.raw_lines(), _LOOKED_AT):
        # What a laid-out file holds is indented.
        if line.startswith(b"{") and len(line) <= LONGEST_LINE:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                return value
    return None


def _of_suffix(file: AnnotationFile) -> DataFormat | None:
    suffix = file.name.lower()[-4:]
    return "srt" if suffix == ".srt" else "vtt" if suffix == ".vtt" else None


def _of_json(file: AnnotationFile) -> DataFormat | None:
    if not any(line.lstrip().startswith((b"{", b"[")) for _, line in islice(file.raw_lines(), _LOOKED_AT)):
        return None
    line = first_object(file)
    found = None if line is None else _of_object(line)
    return found or _of_parts(file)


def _of_object(value: dict[str, Any]) -> DataFormat | None:
    """What one JSON object shows to be: a record, or a document on one line."""
    keys = value.keys()
    if "schema" in keys or {"video", "task"} <= keys:
        return "native"
    if {"vid", "query"} & keys:
        return "qvhighlights"
    return None


def _of_parts(file: AnnotationFile) -> DataFormat | None:
    """What the first parts of a file that is one JSON value show."""
    for key, value in islice(_readable_parts(file), _LOOKED_AT):
        if key in ("schema", "results"):
            return "native"
        if not isinstance(value, dict):
            continue
        if "conversations" in value:
            return "conversation"
        if "a0" in value and "question" in value:
            return "nextqa"
        if {"timestamps", "sentences"} & value.keys():
            return "activitynet"
        if "location" in value:
            raise DataError(
                f"{file.name}: holds the spans of NExT-GQA but not its questions",
                hint="give the CSV; the spans are taken from beside it, or from --spans",
            )
    return None


def _readable_parts(file: AnnotationFile) -> Iterator[tuple[str, Any]]:
    try:
        yield from ((key, node.value) for key, node in file.parts())
    except ResultsError:
        return  # reading it says what is wrong


def _of_text(file: AnnotationFile) -> DataFormat | None:
    lines = [line.decode("utf-8", "replace") for _, line in islice(file.raw_lines(), _LOOKED_AT)]
    if lines and lines[0].startswith("WEBVTT"):
        return "vtt"
    if any(_CUE.search(line) for line in lines):
        return "srt"
    if any(_CHARADES.match(line) for line in lines):
        return "charades-sta"
    columns = lines[0].split(",") if lines else []
    return "nextgqa" if "a0" in columns and "question" in columns else None
