"""Subtitles next to a video, SRT or WebVTT, as they are found: each cue is a moment with its words.

Byte order marks, any line ends, cues without numbers or without a blank line between them, tags, entities and cue
settings are all read. The `srt` package is not used here: it neither says on which line a cue stands nor goes on after
a broken one.
"""

import html
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from videoexpert.data.files import LONGEST_LINE
from videoexpert.data.problems import UnusableError
from videoexpert.data.readers.base import Reading
from videoexpert.data.records import Record
from videoexpert.timeline import Moment, Source, Timeline

_ARROW = "-->"
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[,.](\d{1,3}))?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_LINE_END = re.compile(r"\r\n|\r|\n")
_TAG = re.compile(r"</?(?:[biucv]|font|ruby|rt|lang|span)(?:[.\s][^<>]*)?>|<\d[\d:.]*>|\{\\[^{}]*\}", re.IGNORECASE)
_JOINED = re.compile("(?<=[<{])\u2060")
_NOTES = ("WEBVTT", "NOTE", "STYLE", "REGION", "X-TIMESTAMP-MAP")


@dataclass(frozen=True, slots=True)
class _Cue:
    """line: of its times. timing: that line. words: the lines below it."""

    line: int
    timing: str
    words: tuple[str, ...]


def read_subtitles(reading: Reading) -> Iterator[Record]:
    """One record for the file; its video has the same name but for the suffix, or for a language before it."""
    lines = _LINE_END.split(_decode(reading))
    is_vtt = lines[0].startswith("WEBVTT") or reading.file.name.lower().endswith(".vtt")
    cues = list(_vtt_cues(reading, lines) if is_vtt else _srt_cues(reading, lines))
    source = reading.attempt(lambda found: _source(found, reading.file.where(1)), reading)
    if source is None:
        return
    found = [reading.attempt(lambda cue: _moment(reading, cue, source.duration, is_vtt), cue) for cue in cues]
    moments = sorted((moment for moment in found if moment is not None), key=lambda moment: moment.span)
    if moments:
        yield Record(Timeline(source, "caption", moments=tuple(moments)), reading.file.where(cues[0].line))
    else:
        reading.refuse(reading.file.where(1), "no subtitle in this file can be used", "empty")


def _decode(reading: Reading) -> str:
    """The text. Subtitles are often older than UTF-8; that they are read as something else is noted."""
    data = reading.file.data
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reading.warn(reading.file.where(line), "not UTF-8: read as Windows-1252", "encoding")
        return data.decode("cp1252", errors="replace")


def _source(reading: Reading, where: str) -> Source:
    stem = os.path.splitext(os.path.basename(reading.file.name))[0]
    names = [stem, os.path.splitext(stem)[0]]
    located = [name for name in names if reading.videos.find(name, beside=reading.file.folder, as_path=False)]
    return reading.source(located[0] if located else stem, where, duration=None)


def _srt_cues(reading: Reading, lines: Sequence[str]) -> Iterator[_Cue]:
    """A cue lasts until the next one: words may hold blank lines, and the blank line between cues may be missing."""
    starts = [index for index, line in enumerate(lines) if _ARROW in line]
    _note_strays(reading, [(index, line) for index, line in enumerate(lines[: starts[0] if starts else None], 1)])
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=False):
        words = list(lines[start + 1 : stop])
        if stop < len(lines) and words and words[-1].strip().isdecimal():
            words.pop()  # the next cue's number
        yield _Cue(start + 1, lines[start], tuple(words))


def _vtt_cues(reading: Reading, lines: Sequence[str]) -> Iterator[_Cue]:
    """Blocks between blank lines: a cue with its times in the first line or after its name, a note, or a style."""
    block: list[tuple[int, str]] = []
    for numbered in [*enumerate(lines, 1), (len(lines) + 1, "")]:
        if numbered[1].strip():
            block.append(numbered)
            continue
        timed = [index for index, (_, line) in enumerate(block) if _ARROW in line]
        is_note = block and block[0][1].startswith(_NOTES) and (not timed or timed[0] > 0)
        for start, stop in zip(timed, [*timed[1:], len(block)], strict=False):
            line, timing = block[start]
            yield _Cue(line, timing, tuple(words for _, words in block[start + 1 : stop]))
        if block and not timed and not is_note:
            _note_strays(reading, block)
        block = []


def _note_strays(reading: Reading, lines: Sequence[tuple[int, str]]) -> None:
    stray = next((line for line, text in lines if text.strip() and not text.strip("\ufeff \t").isdecimal()), None)
    if stray is not None:
        reading.refuse(reading.file.where(stray), "text without a time", "broken")


def _moment(reading: Reading, cue: _Cue, duration: float, is_vtt: bool) -> Moment:
    where = reading.file.where(cue.line)
    found = _TIMING.fullmatch(cue.timing)
    if found is None:
        hint = "write 00:01:02,500 --> 00:01:04,000"
        raise UnusableError(f"not times of a cue: {cue.timing.strip()[:50]!r}", where=where, kind="span", hint=hint)
    if sum(map(len, cue.words)) > LONGEST_LINE:
        raise UnusableError("the words of a cue are too long", where=where, kind="broken")
    parts = found.groups()
    span = reading.span(_seconds(parts[:4]), _seconds(parts[4:]), duration=duration, where=where)
    text = _TAG.sub("", " ".join(cue.words))
    text = _JOINED.sub("", html.unescape(text) if is_vtt else text)
    return Moment(span, text=reading.words(text, where=where, what="a subtitle"))


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) + int(fraction.ljust(3, "0")) / 1000
