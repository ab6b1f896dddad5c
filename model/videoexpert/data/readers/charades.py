"""Charades-STA: lines such as `3MSZA 24.3 30.4##person turn a light on.`; how long the videos are stands elsewhere."""

import re
from collections.abc import Iterator

from videoexpert.data.problems import UnusableError
from videoexpert.data.readers.base import Reading
from videoexpert.data.records import Record
from videoexpert.timeline import Moment, Timeline

_LINE = re.compile(r"\s*(\S+)\s+(\S+)\s+(\S+?)\s*##(.*)")


def read_charades(reading: Reading) -> Iterator[Record]:
    """One record for each line."""
    for number, text in reading.lines():
        record = reading.attempt(lambda part: _record(reading, *part), (reading.file.where(number), text))
        if record is not None:
            yield record


def _record(reading: Reading, where: str, line: str) -> Record:
    found = _LINE.fullmatch(line)
    if found is None:
        hint = "a line is VIDEO START END##SENTENCE"
        raise UnusableError("not a line of Charades-STA", where=where, kind="broken", hint=hint)
    name, first, last, sentence = found.groups()
    query = reading.words(sentence, where=where, what="the sentence")
    start, end = _seconds(first, where), _seconds(last, where)
    source = reading.source(name, where, duration=None)
    span = reading.span(start, end, duration=source.duration, where=where)
    return Record(Timeline(source, "ground", query, moments=(Moment(span),)), where)


def _seconds(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UnusableError(f"a time must be a number, not {text[:20]!r}", where=where, kind="field") from None
