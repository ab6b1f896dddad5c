"""Annotation files of any known format become records; what is wrong with them becomes problems."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from videoexpert.data.durations import read_durations
from videoexpert.data.files import AnnotationFile
from videoexpert.data.formats import DataFormat, detect_format
from videoexpert.data.native import read_native
from videoexpert.data.problems import Problem
from videoexpert.data.readers.base import Reader, Reading
from videoexpert.data.readers.captions import read_captions
from videoexpert.data.readers.charades import read_charades
from videoexpert.data.readers.conversation import read_conversations
from videoexpert.data.readers.nextqa import read_nextqa
from videoexpert.data.readers.qvhighlights import read_qvhighlights
from videoexpert.data.readers.subtitles import read_subtitles
from videoexpert.data.records import Record
from videoexpert.data.videos import Videos

READERS: Mapping[DataFormat, Reader] = {
    "native": read_native,
    "qvhighlights": read_qvhighlights,
    "charades-sta": read_charades,
    "activitynet": read_captions,
    "youcook2": read_captions,
    "nextqa": read_nextqa,
    "nextgqa": read_nextqa,
    "conversation": read_conversations,
    "srt": read_subtitles,
    "vtt": read_subtitles,
}


@dataclass(frozen=True, slots=True)
class Annotations:
    """What annotation files hold. records: those that can be used. problems: everything else, in the files' order."""

    records: tuple[Record, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems by which something was left out."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems of records that are there."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def read_records(
    paths: Sequence[str | os.PathLike[str]],
    *,
    format: DataFormat | None = None,
    videos: Path | None = None,
    durations: Path | None = None,
    spans: Path | None = None,
    need_videos: bool = False,
) -> Annotations:
    """The records of annotation files, in their order; `-` is stdin.

    format: by default, what each file's content shows. videos: the folder of the videos, by default the annotations'
    own; a native path counts from the working folder, else from the annotations'. durations: a file that says how long
    videos are (`read_durations`); where nothing does, the video is probed. spans: `gsub_*.json` for a CSV of NExT-GQA;
    by default the one beside it. need_videos: a record whose video is not found is an error; so it is with `videos`.

    A broken record is a problem, and the others are read. Raises ResultsError or DataError where a file cannot be read
    at all, or where its format is not known.
    """
    records: list[Record] = []
    problems: list[Problem] = []
    lengths = {} if durations is None else read_durations(durations)
    folder = None if videos is None else os.fspath(videos)
    with Videos(folder, needed=need_videos or videos is not None, durations=lengths) as found:
        first_of: dict[object, str] = {}
        for path in paths:
            file = AnnotationFile.read(path)
            reading = Reading(file, found, spans_path=None if spans is None else os.fspath(spans))
            for record in READERS[format or detect_format(file)](reading):
                if _judge(reading, record, first_of):
                    records.append(record)
            problems += reading.problems
    return Annotations(tuple(records), tuple(problems))


def _judge(reading: Reading, record: Record, first_of: dict[object, str]) -> bool:
    """Whether a record can be used. What is odd about it is noted. first_of: where each record was seen first."""
    timeline, where = record.timeline, record.origin
    lesson = record.lesson
    missing = next(_missing_words(record), None)
    if missing is not None:
        reading.refuse(where, f"{missing} is empty", "empty")
        return False
    if not timeline.moments and lesson in ("ground", "caption"):
        reading.warn(where, "no moments: there is nothing to learn from it", "unlabelled")
    content = (timeline.video.path, lesson, timeline.query, timeline.moments, timeline.answer, record.turns)
    named = (reading.file.name, timeline.video.path, timeline.id)
    if content in first_of:
        reading.warn(where, f"the same as {first_of[content]}", "duplicate")
    elif timeline.id is not None and named in first_of:
        reading.warn(where, f'"{timeline.id}" is the id of {first_of[named]}, too', "duplicate")
    first_of.setdefault(content, where)
    first_of.setdefault(named, where)
    return True


def _missing_words(record: Record) -> Iterator[str]:
    """Which texts that the lesson needs are blank."""
    timeline, lesson = record.timeline, record.lesson
    if lesson in ("ground", "ask") and not (timeline.query or "").strip():
        yield '"query"'
    if lesson == "ask" and timeline.answer is not None and not timeline.answer.text.strip():
        yield '"answer"'
    if lesson == "caption":
        yield from ("a moment's text" for moment in timeline.moments if not (moment.text or "").strip())
    if lesson == "dialogue":
        yield from ("an answer" for turn in record.turns if not (turn.answer or "").strip())
