"""What the readers of official files share. They say `file:line`, and take keys that they do not know."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from videoexpert.errors import ResultsError
from videoexpert.jsonfile import Node, decode_text, name_of, read_bytes, read_nodes
from videoexpert.metrics.spans import Ends

T = TypeVar("T")


def need(node: Node, key: str) -> Node:
    """A part that must be there."""
    found = node.member(key)
    if found is None:
        node.members(required=(), optional=tuple(node.value) if isinstance(node.value, dict) else ())
        raise node.error(f'{node.name} has no "{key}"')
    return found


def entries(node: Node) -> dict[str, Node]:
    """The parts of an object, whatever their keys."""
    if not isinstance(node.value, dict):
        raise node.error(f"{node.name} must be an object of clips")
    return {key: Node(node.source, (*node.steps, key), value) for key, value in node.value.items()}


def numbers(node: Node) -> tuple[float, ...]:
    """A list of finite numbers; the parts are looked at one by one only where something is wrong."""
    values = node.value
    if isinstance(values, list) and all(type(value) in (int, float) and math.isfinite(value) for value in values):
        return tuple(map(float, values))
    return tuple(item.number() for item in node.items())


def ends(node: Node) -> Ends:
    """A list of two finite numbers, in whatever order."""
    values = numbers(node)
    if len(values) != 2:
        raise node.error(f"{node.name} must hold a start and an end, not {len(values)} numbers")
    return values[0], values[1]


def true_ends(node: Node) -> Ends:
    """The span of an annotation, which must not end before it starts."""
    start, end = ends(node)
    if end < start:
        raise node.error(f"{node.name} ends before it starts ({start:g} .. {end:g})")
    return start, end


def duration_of(node: Node) -> float:
    """The length of a clip, seconds."""
    duration = need(node, "duration")
    if duration.number() <= 0:
        raise duration.error(f"{duration.name} must be positive")
    return duration.number()


def identifier(node: Node) -> str:
    """What a text or whole number stands for, so that 5 and "5" are two things, as official evaluators have it."""
    if not isinstance(node.value, str):
        node.whole()
    return json.dumps(node.value)


def one_object(path: str) -> Node:
    """The one JSON object that a file holds."""
    nodes = read_nodes(path)
    if len(nodes) > 1:
        raise nodes[1].error("one object was expected in this file, not JSON lines")
    if not isinstance(nodes[0].value, dict):
        raise nodes[0].error("the file must hold an object")
    return nodes[0]


def text_lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, with their numbers."""
    for number, line in enumerate(decode_text(name_of(path), read_bytes(path)).split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def table_rows(path: str, columns: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a CSV file with the line that each ends on. Raises ResultsError where a column is missing."""
    text = decode_text(name_of(path), read_bytes(path))
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    try:
        missing = [name for name in columns if name not in (reader.fieldnames or ())]
        if missing:
            raise ResultsError(f"{name_of(path)}:1: no column '{missing[0]}'", hint="the first line names the columns")
        for row in reader:
            if None in row.values():
                raise ResultsError(f"{name_of(path)}:{reader.line_num}: a row with too few cells")
            yield reader.line_num, row
    except csv.Error as error:
        raise ResultsError(f"{name_of(path)}:{reader.line_num}: broken CSV: {error}") from error


def shortened(names: Sequence[str], most: int = 3) -> str:
    """A few of many names, for a message."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
