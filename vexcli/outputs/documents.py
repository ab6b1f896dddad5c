"""Results as data: JSON and JSON lines (all there is), CSV (a row per moment), TSV (as whisper writes it)."""

import csv
import io
from collections.abc import Iterator, Sequence

from vexcli.outputs.marks import encodable, marks
from vexcli.outputs.times import milliseconds
from videoexpert.timeline import Timeline

CSV_COLUMNS = ("video", "task", "query", "rank", "start", "end", "score", "text")

Row = tuple[str | int | float | None, ...]


def write_json(timelines: Sequence[Timeline]) -> str:
    """One document of any number of videos (see `videoexpert.results`)."""
    from videoexpert.results import dumps_document

    return dumps_document(timelines) + "\n"


def write_jsonl(timelines: Sequence[Timeline]) -> str:
    """One line per timeline."""
    from videoexpert.results import dumps_line

    return "".join(dumps_line(timeline) + "\n" for timeline in timelines)


def write_csv(timelines: Sequence[Timeline]) -> str:
    """A row per moment, as RFC 4180 has it: CRLF, quotes where needed, line ends of a text kept inside them.

    rank counts from 1 in the order of the task; start and end are seconds with a decimal point; what is not known is
    empty. text is what the model said: of the moment, or the answer it supports. An answer that no moment supports has
    a row of its own. Saliency is not in it; JSON has it.

    A text that starts with = + - or @ stays as it is. A guard against spreadsheets that take it for a formula would
    have to change the value for every other reader, and would break paths and queries such as `-5 degrees`.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(CSV_COLUMNS)
    for timeline in timelines:
        table.writerows([encodable(cell) if isinstance(cell, str) else cell for cell in row] for row in _rows(timeline))
    return text.getvalue()


def _rows(timeline: Timeline) -> Iterator[Row]:
    asked = (timeline.video.path, timeline.task, timeline.query)
    answer = timeline.answer.text if timeline.answer else None
    if answer and not timeline.moments:
        yield (*asked, None, None, None, None, answer)
    for rank, moment in enumerate(timeline.moments, 1):
        yield (*asked, rank, moment.span.start, moment.span.end, moment.score, moment.text or answer)


def write_tsv(timelines: Sequence[Timeline]) -> str:
    """The moments of one video in time order: start and end in whole milliseconds, and the words, without tabs."""
    rows = [(*milliseconds(mark.moment.span), mark.title) for mark in marks(timelines)]
    return "start\tend\ttext\n" + "".join(f"{start}\t{end}\t{title}\n" for start, end, title in rows)
