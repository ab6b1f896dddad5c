"""The native format of annotations: `vex.results/1`, so that what vex found and a person corrected is training data.

A line, or one of the results of a document, is a record: `moments` are all true, `answer` is right. A conversation
stands beside it: `"dialogue": [{"question": ..., "answer": ...}, ...]`, in which each `[LOC]` of an answer means the
next moment. The video is named `<video>` once, in the first question; where it is not, that is added when reading.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from videoexpert.atomic import write_bytes
from videoexpert.config import LOC
from videoexpert.data.formats import first_object
from videoexpert.data.readers.base import Reading
from videoexpert.data.records import Record
from videoexpert.jsonfile import Node
from videoexpert.prompts import VIDEO, Turn
from videoexpert.results import check_schema, dialogue_of, dumps_line, results_of, timeline_of


def read_native(reading: Reading) -> Iterator[Record]:
    """One record for each line, or for each result of a document."""
    line = first_object(reading.file)
    if line is None or "results" in line:
        for records in reading.json_parts(lambda part: list(_of_document(reading, *part)), labelled=False):
            yield from records
    else:
        yield from reading.json_lines(lambda node: _of_line(reading, node))


def _of_document(reading: Reading, key: str, node: Node) -> Iterator[Record]:
    """The records in one member of a document."""
    if key == "schema":
        check_schema(node)
    elif key == "results":
        for _, result in node.parts():
            record = reading.attempt(lambda part: _record(reading, part), result)
            if record is not None:
                yield record
    else:
        raise node.error("a document holds a schema and results, and nothing else")


def _of_line(reading: Reading, node: Node) -> Record:
    """The record on one line, which states the version."""
    (result,) = results_of(node)
    return _record(reading, result)


def dumps_record(record: Record) -> str:
    """A record as one line, without its newline; it holds no lone surrogates."""
    dialogue = [(turn.question, turn.answer or "") for turn in record.turns]
    return dumps_line(record.timeline, dialogue=dialogue)


def write_native(records: Iterable[Record], path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write records to a file, whole or not at all. Raises OutputError where that cannot be done."""
    text = "".join(f"{dumps_record(record)}\n" for record in records)
    write_bytes(Path(path), text.encode(), overwrite=overwrite)


def _record(reading: Reading, node: Node) -> Record:
    where, timeline = node.where, timeline_of(node)
    found = reading.source(timeline.video.path, where, duration=timeline.video.duration, as_path=True)
    timeline = replace(timeline, video=replace(timeline.video, path=found.path))
    return Record(timeline, where, _turns(node, len(timeline.moments)))


def _turns(node: Node, moments: int) -> tuple[Turn, ...]:
    """The conversation beside a timeline. Raises ResultsError where it does not fit the moments."""
    dialogue = dialogue_of(node)
    if not dialogue:
        return ()
    blamed = node.member("dialogue") or node
    (question, answer), *others = dialogue
    if VIDEO not in question:
        question = f"{VIDEO}\n{question}"
    turns = tuple(Turn(*turn) for turn in ((question, answer), *others))
    locs = sum(answer.count(LOC) for _, answer in dialogue)
    if locs != moments:
        raise blamed.error(f'"dialogue" holds {locs} {LOC} but there are {moments} moments')
    if sum((turn.question + (turn.answer or "")).count(VIDEO) for turn in turns) != 1:
        raise blamed.error(f'"dialogue" must name {VIDEO} once, in its first question')
    return turns
