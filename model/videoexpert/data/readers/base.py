"""What all readers share: problems are noted and the next part is read, names become videos, numbers become spans."""

import math
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import TypeVar

from videoexpert.data.files import LONGEST_LINE, AnnotationFile
from videoexpert.data.problems import Kind, Problem, Severity, UnusableError
from videoexpert.data.records import Record
from videoexpert.data.videos import Videos
from videoexpert.errors import ResultsError, VideoError
from videoexpert.jsonfile import Node, parse_node
from videoexpert.timeline import TIME_TOLERANCE, Source, Span

OVERHANG = 2.0
"""Seconds outside the video that a span is cut by with a warning: Charades-STA has up to 1.54. More is an error."""

LONGEST_VIDEO = 1e7
"""Seconds, about four months."""

T = TypeVar("T")
R = TypeVar("R")


class Reading:
    """One file being read. problems: what was wrong so far. spans_path: a second file with spans, if one was given."""

    def __init__(self, file: AnnotationFile, videos: Videos, *, spans_path: str | None = None) -> None:
        self.file, self.videos, self.spans_path = file, videos, spans_path
        self.problems: list[Problem] = []
        self._label = ""

    def attempt(self, build: Callable[[T], R], part: T, *, label: str = "") -> R | None:
        """`build(part)`, or None where the part is wrong, which is noted.

        label: what messages call the part, where a line of the file holds many.
        """
        before, self._label = self._label, label or self._label
        try:
            return build(part)
        except ResultsError as error:
            self._note(error.where or self.file.name, error.complaint, "field", "error", error.hint)
        except UnusableError as error:
            self._note(error.where, error.complaint, error.kind, "error", error.hint)
        finally:
            self._label = before
        return None

    def warn(self, where: str, message: str, kind: Kind) -> None:
        """Note something that leaves the record usable."""
        self._note(where, message, kind, "warning")

    def refuse(self, where: str, message: str, kind: Kind, *, hint: str | None = None) -> None:
        """Note something that is left out."""
        self._note(where, message, kind, "error", hint)

    def _note(self, where: str, message: str, kind: Kind, severity: Severity, hint: str | None = None) -> None:
        prefix = f'"{self._label}": ' if self._label else ""
        self.problems.append(Problem(where, f"{prefix}{message}", kind, severity, hint))

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines that are text and not blank; the others that are not blank are noted."""
        for number, line in self.file.raw_lines():
            text = self.attempt(lambda part: self.file.decode(*part), (number, line))
            if text is not None:
                yield number, text

    def json_lines(self, build: Callable[[Node], R]) -> Iterator[R]:
        """`build` of the JSON value on each line."""
        for number, text in self.lines():
            node = self.attempt(lambda part: self._parse(*part), (number, text))
            built = None if node is None else self.attempt(build, node)
            if built is not None:
                yield built

    def json_parts(self, build: Callable[[tuple[str, Node]], R], *, labelled: bool = True) -> Iterator[R]:
        """`build` of each part of the object or list that the file is. Broken JSON is noted and ends the reading.

        labelled: messages name the key of the part.
        """
        parts = self.file.parts()
        while True:
            part = self.attempt(_next_part, parts)
            if part is None:
                return
            key, node = part
            if len(node.source.text) > LONGEST_LINE and not isinstance(node.value, list):
                self.refuse(node.where, f"{len(node.source.text) / 1e6:.0f} MB are no record", "broken")
                continue
            built = self.attempt(build, part, label=key if labelled else "")
            if built is not None:
                yield built

    def _parse(self, number: int, text: str) -> Node:
        try:
            return parse_node(self.file.name, text, number)
        except ResultsError as error:
            raise _broken(error) from error

    def source(self, name: str, where: str, *, duration: float | None, as_path: bool = False) -> Source:
        """The video that a record speaks of. duration: what the annotation says of it, in seconds.

        Raises UnusableError where it is needed but not there, or where nobody knows how long it is.
        """
        if not name or "\0" in name:
            raise UnusableError("the video has no name", where=where, kind="field")
        path = self.videos.find(name, beside=self.file.folder, as_path=as_path)
        if path is None and self.videos.needed:
            hint = None if self.videos.folder else "say where the videos are with --videos"
            raise UnusableError(f'no video for "{name}"', where=where, kind="video", hint=hint)
        if duration is None:
            duration = self.videos.durations.get(name)
        if duration is None:
            duration = self._probed(name, path, where)
        if not 0 < duration <= LONGEST_VIDEO:
            raise UnusableError(f"{duration:g} s is no duration of a video", where=where, kind="duration")
        return Source(name if path is None else path, float(duration))

    def _probed(self, name: str, path: str | None, where: str) -> float:
        if path is None:
            hint = "give --durations, or --videos to look at the file"
            raise UnusableError(f'nothing says how long "{name}" is', where=where, kind="duration", hint=hint)
        try:
            return self.videos.probe(path)
        except VideoError as error:
            raise UnusableError(error.message, where=where, kind="video", hint=error.hint) from error

    def span(self, start: float, end: float, *, duration: float, where: "Place") -> Span:
        """A span inside the video. What lies outside by no more than `OVERHANG` is cut off, which is noted.

        Raises UnusableError where it is none.
        """
        shown = f"{start:g} .. {end:g}"
        if not (math.isfinite(start) and math.isfinite(end)):
            raise UnusableError(f"the span {shown} is not finite", where=_where(where), kind="span")
        if end <= start:
            what = "is reversed" if end < start else "is empty"
            raise UnusableError(f"the span {shown} {what}", where=_where(where), kind="span")
        outside = max(-start, end - duration)
        first, last = max(start, 0.0), min(end, duration)
        if outside > OVERHANG or first >= last:
            edge = f"the video ends at {duration:g} s" if end > duration else "a video starts at 0"
            raise UnusableError(f"the span {shown} lies outside the video: {edge}", where=_where(where), kind="span")
        if outside > TIME_TOLERANCE:
            message = f"the span {shown} is cut by {outside:.3g} s: the video has {duration:g} s"
            self.warn(_where(where), message, "overhang")
        return Span(first, last)

    def words(self, text: str, *, where: "Place", what: str) -> str:
        """The text in one line. Raises UnusableError where it is blank."""
        tidy = " ".join(text.split())
        if not tidy:
            raise UnusableError(f"{what} is empty", where=_where(where), kind="empty")
        return tidy


Place = str | Node
"""`file:line`, or the value to blame, whose line is looked for only where something is wrong with it."""


def _where(place: Place) -> str:
    return place if isinstance(place, str) else place.where


Reader = Callable[[Reading], Iterator[Record]]
"""Yields the records of a file; what is wrong is noted in the reading."""


def _next_part(parts: Iterator[tuple[str, Node]]) -> tuple[str, Node] | None:
    try:
        return next(parts, None)
    except ResultsError as error:
        raise _broken(error) from error


def _broken(error: ResultsError) -> UnusableError:
    return UnusableError(error.complaint, where=error.where, kind="broken", hint=error.hint)


def required(node: Node, key: str) -> Node:
    """A part of an object that has to be there. Other parts do not matter. Raises ResultsError where it is not."""
    found = node.member(key)
    if found is not None:
        return found
    if not isinstance(node.value, dict):
        raise node.error(f"{node.name} must be an object")
    close = get_close_matches(key, list(node.value), n=1)
    raise node.error(f'{node.name} has no "{key}"', hint=f'is it "{close[0]}"?' if close else None)


def optional(node: Node, key: str) -> Node | None:
    """A part of an object; None where it is absent or null."""
    found = node.member(key)
    return None if found is None or found.value is None else found


def pair(node: Node) -> tuple[float, float]:
    """Two numbers, a start and an end. Raises ResultsError where it is something else."""
    ends = node.items()
    if len(ends) != 2:
        raise node.error(f"{node.name} must hold two numbers, start and end, not {len(ends)}")
    return ends[0].number(), ends[1].number()


def label_of(node: Node) -> str:
    """An id, which may be a text or a whole number. Raises ResultsError where it is something else."""
    return node.text() if isinstance(node.value, str) else str(node.whole())


def spans_of(reading: Reading, windows: Iterable[Node], duration: float) -> list[Span]:
    """The spans of a list of pairs; see `Reading.span`."""
    return [reading.span(*pair(window), duration=duration, where=window) for window in windows]
