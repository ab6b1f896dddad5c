"""The moments of a video as players and editors take them: in time order, each with words that any file can hold."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from videoexpert.timeline import Moment, Timeline

_BLANK = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_UNENCODABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment, and the timeline that it comes from."""

    timeline: Timeline
    moment: Moment

    @property
    def words(self) -> str:
        """What the moment is called, never empty: one line or several, none of them blank."""
        lines = (one_line(line) for line in self.timeline.label(self.moment).splitlines())
        return "\n".join(line for line in lines if line) or self.timeline.task

    @property
    def title(self) -> str:
        """The words on one line."""
        return one_line(self.words)


def marks(timelines: Iterable[Timeline]) -> list[Mark]:
    """Every moment of every timeline, by start and then end."""
    found = [Mark(timeline, moment) for timeline in timelines for moment in timeline.moments]
    return sorted(found, key=lambda mark: mark.moment.span)


def one_line(text: str) -> str:
    """The text on one line: control characters and line ends count as spaces, and spaces are not repeated."""
    return encodable(_BLANK.sub(" ", text).strip())


def encodable(text: str) -> str:
    r"""The text with an escape for what UTF-8 files cannot hold: byte 0xff of a file name becomes `\xff`."""

    def escape(found: re.Match[str]) -> str:
        code = ord(found.group())
        byte = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
        return f"\\x{byte:02x}" if byte < 0x100 else f"\\u{code:04x}"

    return _UNENCODABLE.sub(escape, text)
