"""JSON files that people edit: read strictly, and every complaint says `file:line`.

`read_nodes` gives the values of a file; a `Node` hands out its parts and checks what they are. What they mean is the
caller's business. The line of a value is looked for only when something is wrong with it.
"""

import json
import math
import os
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from videoexpert.errors import ResultsError, did_you_mean_file

STDIN = "-"
"""The path that means standard input."""

Steps = tuple[str | int, ...]
"""The keys and indices that lead to a value."""

_HEAD = 65536
_LONGEST_INTEGER = 300
_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
# Written as escapes: what UTF-8 cannot hold (lone surrogates), what some readers take for the end of a line, and
# what a terminal would obey.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_OTHER_FILE = "give a .json or .jsonl file that vex wrote"


def dump_json(value: object, *, indent: int | None = None) -> str:
    """JSON that encodes as UTF-8, on one line without `indent`; file name bytes that are not UTF-8 become `\\udcXX`."""
    return _escape(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def read_nodes(path: str | os.PathLike[str]) -> list["Node"]:
    """The JSON values of a file: one that may span many lines, or one on each line (JSON lines). `-` is stdin.

    A byte order mark, CRLF and blank lines are accepted. Raises ResultsError where the file cannot be read, is empty
    or no UTF-8, or where its JSON is broken or repeats a key.
    """
    file = name_of(path)
    text = decode_text(file, read_bytes(path))
    lines = [_Text(file, line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise ResultsError(f"{file}: is empty", hint="the run that should have written it may have been stopped")
    if len(lines) > 1 and lines[0].is_whole_object():
        return [line.parse() for line in lines]
    return [_Text(file, text, 1).parse()]


def parse_node(file: str, text: str, line: int) -> "Node":
    """The JSON value that `text` is, which begins on this line of the file. Raises ResultsError where it is broken."""
    return _Text(file, text, line).parse()


def iterate_parts(file: str, text: str, *, line: int = 1) -> Iterator[tuple[str, "Node"]]:
    """The parts of the object or list that the text of a file is, with their keys ("" in a list), one by one.

    What is wrong with a part is looked for within it only, so that files of many megabytes are read fast. line: on
    which the text begins. Raises ResultsError where the JSON is broken, after the parts that stand before.
    """
    whole = _Text(file, text, line)
    try:
        yield from _parts(whole)
    except (ValueError, RecursionError, _RepeatedKeyError):
        whole.parse()  # says what is wrong, and on which line
        raise


def _parts(whole: "_Text") -> Iterator[tuple[str, "Node"]]:
    text, line, counted = whole.text, whole.first_line, 0
    at = _skip_space(text, 0)
    opening = text[at : at + 1]
    if opening not in ("{", "["):
        raise whole.parse().error("must be an object or a list")
    closing = "}" if opening == "{" else "]"
    at = _skip_space(text, at + 1)
    if text[at : at + 1] == closing:
        return
    while True:
        key = ""
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            at = _expect(text, at, ":")
        value, end = _DECODER.raw_decode(text, at)
        line, counted = line + text.count("\n", counted, at), at
        yield key, Node(_Text(whole.file, text[at:end], line), (), value)
        at = _skip_space(text, end)
        if text[at : at + 1] == closing:
            break
        at = _expect(text, at, ",")
    if text[at + 1 :].strip():
        raise ValueError


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _expect(text: str, at: int, sign: str) -> int:
    """The place after `sign`, which must come next."""
    at = _skip_space(text, at)
    if text[at : at + 1] != sign:
        raise ValueError
    return _skip_space(text, at + 1)


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a JSON file, and the way to it. The reading methods raise ResultsError where it is another kind."""

    source: "_Text"
    steps: Steps
    value: Any

    @property
    def name(self) -> str:
        """What to call the value in a message: `"end"`, `item 3 of "windows"`."""
        return _name(self.steps)

    def parts(self) -> Iterator[tuple[str, "Node"]]:
        """`iterate_parts` of a value that is all of its text, as those of `iterate_parts` are."""
        return iterate_parts(self.source.file, self.source.text, line=self.source.first_line)

    @property
    def where(self) -> str:
        """`file:line` of the value."""
        return self.source.where(self.source.offset(self.steps))

    def error(self, message: str, *, hint: str | None = None) -> ResultsError:
        """The error that blames this value."""
        return ResultsError(message, where=self.where, hint=hint)

    def members(self, *, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, "Node"]:
        """The parts of an object by key; an optional key that holds null is as good as absent."""
        if not isinstance(self.value, dict):
            raise self.error(f"{self.name} must be an object, not {_show(self.value)}")
        known = required + optional
        members = {key: Node(self.source, (*self.steps, key), value) for key, value in self.value.items()}
        for key, member in members.items():
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f'did you mean "{close[0]}"?' if close else f"known keys: {', '.join(known)}"
                raise member.error(f"unknown key {_show(key)}", hint=hint)
        for key in required:
            if key not in members:
                raise self.error(f'{self.name} has no "{key}"')
        return {key: member for key, member in members.items() if key in required or member.value is not None}

    def member(self, key: str) -> "Node | None":
        """One part of an object; None where there is none, or where this is no object."""
        if not isinstance(self.value, dict) or key not in self.value:
            return None
        return Node(self.source, (*self.steps, key), self.value[key])

    def items(self) -> list["Node"]:
        """The values of a list."""
        if not isinstance(self.value, list):
            raise self.error(f"{self.name} must be a list, not {_show(self.value)}")
        return [Node(self.source, (*self.steps, index), value) for index, value in enumerate(self.value)]

    def text(self) -> str:
        """The value of a string."""
        if not isinstance(self.value, str):
            raise self.error(f"{self.name} must be a text in quotes, not {_show(self.value)}")
        return self.value

    def number(self) -> float:
        """The value of a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            hint = "write it without quotes" if isinstance(self.value, str) else None
            raise self.error(f"{self.name} must be a number, not {_show(self.value)}", hint=hint)
        if not math.isfinite(self.value):
            raise self.error(f"{self.name} must be a finite number, not {_show(self.value)}")
        return float(self.value)

    def whole(self) -> int:
        """The value of a whole number, which may be written as 5 or as 5.0."""
        number = self.number()
        if not number.is_integer():
            raise self.error(f"{self.name} must be a whole number, not {_show(self.value)}")
        return int(self.value)


@dataclass(frozen=True, slots=True)
class _Text:
    """One JSON text of a file. first_line: the line of the file on which it begins."""

    file: str
    text: str
    first_line: int

    def is_whole_object(self) -> bool:
        try:
            return isinstance(json.loads(self.text), dict)
        except (ValueError, RecursionError):
            return False

    def parse(self) -> Node:
        try:
            value = json.loads(self.text, object_pairs_hook=_unique, parse_int=_whole)
        except json.JSONDecodeError as error:
            raise self._broken(error) from error
        except RecursionError as error:
            raise self.error("nested too deeply to be results", 0) from error
        except _RepeatedKeyError as error:
            raise self._repeated() from error
        return Node(self, (), value)

    def error(self, message: str, offset: int, *, hint: str | None = None) -> ResultsError:
        return ResultsError(message, where=self.where(offset), hint=hint)

    def where(self, offset: int) -> str:
        return f"{self.file}:{self.first_line + self.text.count(chr(10), 0, offset)}"

    def offset(self, steps: Steps) -> int:
        """Where the value that `steps` lead to begins."""
        return next(offset for place, offset in self._places() if place == steps)

    def _places(self) -> Iterator[tuple[Steps, int]]:
        """Every value's steps and offset, in the order of the text, which must be valid JSON."""
        steps: list[str | int | None] = []  # None: in an object, before its next key
        for token in _TOKEN.finditer(self.text):
            word = token.group()
            if word in ("}", "]"):
                steps.pop()
            elif word == ",":
                steps[-1] = steps[-1] + 1 if isinstance(steps[-1], int) else None
            elif steps and steps[-1] is None:
                steps[-1] = json.loads(word)
            elif word != ":":
                yield tuple(step for step in steps if step is not None), token.start()
                if word in ("{", "["):
                    steps.append(None if word == "{" else 0)

    def _repeated(self) -> ResultsError:
        seen: set[Steps] = set()
        for steps, offset in self._places():
            if steps in seen:
                return self.error(f"{_name(steps)} is given twice", offset, hint="keep one of the two")
            seen.add(steps)
        raise AssertionError("no key is repeated")

    def _broken(self, error: json.JSONDecodeError) -> ResultsError:
        """The parser stops at what comes after a mistake; people look for the end of what comes before it."""
        if not self.text.lstrip().startswith(("{", "[")):
            return self.error("not JSON", 0, hint=_OTHER_FILE)
        before, found = self.text[: error.pos].rstrip(), self.text[error.pos : error.pos + 1]
        end_of_before = max(len(before) - 1, 0)
        if not found:
            return self.error("broken JSON: it ends in the middle", end_of_before)
        if found in "}]" and before.endswith(","):
            return self.error("broken JSON: a comma too many before the closing bracket", end_of_before)
        if found in "}]" or "delimiter" in error.msg:
            return self.error(f"broken JSON: {error.msg} after this", end_of_before)
        return self.error(f"broken JSON: {error.msg} at column {error.colno}", error.pos)


class _RepeatedKeyError(Exception):
    """An object holds a key twice; the parser does not say where."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _RepeatedKeyError
    return members


def _whole(digits: str) -> int | float:
    # Python refuses to read integers of thousands of digits; as a float such a number is infinite and refused with
    # its place.
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole)


def _name(steps: Steps) -> str:
    if not steps:
        return "the object"
    last = steps[-1]
    return _show(last) if isinstance(last, str) else f"item {last + 1} of {_name(steps[:-1])}"


def _show(value: object) -> str:
    """A value in a message: short and on one line."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = _escape(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 50 else text[:49] + "…"


def name_of(path: str | os.PathLike[str]) -> str:
    """What messages call a file: its path as given, or `<stdin>`."""
    return "<stdin>" if path == STDIN else os.fspath(path)


def read_bytes(
    path: str | os.PathLike[str], *, kind: str = "a results file", hint: str = _OTHER_FILE, limit: int | None = None
) -> bytes:
    """What stands in a text file; `-` is stdin. kind: what it should be. limit: the most bytes it may have.

    Raises ResultsError, with the hint, where it cannot be read, holds binary data or is larger.
    """
    file = name_of(path)
    try:
        with nullcontext(sys.stdin.buffer) if path == STDIN else open(path, "rb") as stream:
            head = stream.read(_HEAD)
            if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
                # Said before the rest is read: it may be an hour of video.
                raise ResultsError(f"{file}: is not {kind} but binary data", hint=hint)
            data = head + (stream.read() if limit is None else stream.read(limit + 1 - len(head)))
    except FileNotFoundError as error:
        raise ResultsError(f"{file}: no such file", hint=did_you_mean_file(file)) from error
    except IsADirectoryError as error:
        raise ResultsError(f"{file}: is a directory", hint=hint) from error
    except PermissionError as error:
        raise ResultsError(f"{file}: no permission to read") from error
    except OSError as error:
        raise ResultsError(f"{file}: {error.strerror or error}") from error
    if limit is not None and len(data) > limit:
        raise ResultsError(f"{file}: is larger than {limit >> 20} MB", hint="split it into several files")
    return data


def decode_text(file: str, data: bytes) -> str:
    """UTF-8 as text, without a byte order mark. Raises ResultsError at the line that is something else."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ResultsError(f"{file}: is UTF-16", hint="save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ResultsError("not UTF-8", where=f"{file}:{line}", hint="save it as UTF-8") from error
