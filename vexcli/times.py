"""Times as people type them (`12.5`, `2.5s`, `01:15.5`, `00:02:53.633`) and spans of them (`12.5-20`, `30-`)."""

import re
from dataclasses import dataclass

from vexcli.errors import UsageError
from videoexpert.timeline import Span

_SECONDS = r"([0-9]{1,9}(?:[.,][0-9]{1,9})?)"
_PLAIN = re.compile(_SECONDS + "s?")
_CLOCK = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,6}):" + _SECONDS)
_RANGE = re.compile(r"\s*([^-\s]+?)\s*(?:-|\.\.)\s*([^-\s]*?)\s*")

_TIME_HINT = "times look like 12.5, 1:15.5 or 00:02:53.633"
_SPAN_HINT = "spans look like 12.5-20, 1:30-2:00 or 30- (to the end)"


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span whose end may be left open. start, end: seconds; end is None for the end of the video."""

    start: float
    end: float | None

    def within(self, duration: float) -> Span | None:
        """The part inside a video of `duration` seconds, or None where the video ends before it."""
        return Span(self.start, self.end if self.end is not None else max(duration, self.start + 1)).clamp(duration)


def parse_time(text: str) -> float:
    """Seconds, >= 0. Takes seconds, with `s` after them or not, and clock times; a comma is a decimal point.

    Raises UsageError for anything else.
    """
    plain = _PLAIN.fullmatch(text)
    if plain:
        return _number(plain.group(1))
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise UsageError(f"{text!r} is not a time", hint=_TIME_HINT)
    hours, minutes, seconds = int(clock.group(1) or 0), int(clock.group(2)), _number(clock.group(3))
    if seconds >= 60 or (clock.group(1) is not None and minutes >= 60):
        raise UsageError(f"{text!r} is not a time: minutes and seconds after a colon stay below 60", hint=_TIME_HINT)
    return hours * 3600 + minutes * 60 + seconds


def parse_span(text: str) -> OpenSpan:
    """The span from one time to another, or to the end of the video. Raises UsageError for anything else."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a span", hint=_SPAN_HINT)
    start = parse_time(match.group(1))
    end = parse_time(match.group(2)) if match.group(2) else None
    if end is not None and end <= start:
        raise UsageError(f"span {text} ends at {end:g} s but starts at {start:g} s", hint=_SPAN_HINT)
    return OpenSpan(start, end)


def _number(text: str) -> float:
    return float(text.replace(",", "."))
