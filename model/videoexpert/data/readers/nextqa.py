"""NExT-QA and NExT-GQA: questions with options, and when they are answered; CSV, or the JSON list of spec §10d."""

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence

from videoexpert.data.files import AnnotationFile
from videoexpert.data.problems import UnusableError
from videoexpert.data.readers.base import Reading, optional, required, spans_of
from videoexpert.data.records import Record
from videoexpert.jsonfile import Node
from videoexpert.timeline import LETTERS, Answer, Moment, Span, Timeline

_COLUMNS = ("question", "answer", "qid", "a0", "a1")


def read_nextqa(reading: Reading) -> Iterator[Record]:
    """One record for each question."""
    if reading.file.data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
        return reading.json_parts(lambda part: _of_json(reading, part[1]))
    return _of_csv(reading)


def _of_json(reading: Reading, node: Node) -> Record:
    where, name = node.where, required(node, "video").text()
    question = reading.words(required(node, "question").text(), where=where, what='"question"')
    count = required(node, "num_option").whole()
    if not 1 <= count <= len(LETTERS):
        raise required(node, "num_option").error(f"there must be 1 to {len(LETTERS)} options, not {count}")
    options = [required(node, f"a{index}").text().strip() for index in range(count)]
    answer = required(node, "answer")
    index = _number(answer.value) if isinstance(answer.value, str) else answer.whole()
    if index is None or not 0 <= index < count:
        raise answer.error(f"{answer.name} must be the number of one of the {count} options, from 0")
    stated, windows = optional(node, "duration"), optional(node, "timestamps")
    source = reading.source(name, where, duration=None if stated is None else stated.number())
    spans = spans_of(reading, windows.items() if windows else (), source.duration)
    return Record(Timeline(source, "ask", question, tuple(map(Moment, spans)), answer=_answer(options, index)), where)


def _of_csv(reading: Reading) -> Iterator[Record]:
    known = _Spans(reading)
    header: list[str] | None = None
    for number, row in _rows(reading):
        where = reading.file.where(number)
        if header is None:
            header = [name.strip() for name in row]
            missing = [name for name in _COLUMNS if name not in header]
            if missing or not {"video_id", "video"} & set(header):
                names = ", ".join(f'"{name}"' for name in missing) or '"video_id"'
                reading.refuse(where, f"the first line names no column {names}", "field")
                return
        elif len(row) != len(header):
            reading.refuse(where, f"{len(row)} columns instead of {len(header)}", "field")
        else:
            cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
            label = f"{_video(cells)} {cells['qid']}"
            record = reading.attempt(lambda part: _of_row(reading, *part, known), (cells, where), label=label)
            if record is not None:
                yield record


def _rows(reading: Reading) -> Iterator[tuple[int, list[str]]]:
    """The rows, with the line on which each begins."""
    lines = _Numbered(reading)
    rows = csv.reader(lines, strict=True)
    while True:
        before = lines.number
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            reading.refuse(reading.file.where(before + 1), f"no row of a CSV file: {error}", "broken")
        else:
            yield lines.number - sum(cell.count("\n") for cell in row), row


class _Numbered(Iterator[str]):
    """The lines of a file. number: of the last one given."""

    def __init__(self, reading: Reading) -> None:
        self._lines = reading.lines()
        self.number = 0

    def __next__(self) -> str:
        self.number, text = next(self._lines)
        return f"{text}\n"


def _of_row(reading: Reading, row: Mapping[str, str], where: str, known: "_Spans") -> Record:
    name = _video(row)
    question = reading.words(row["question"], where=where, what='"question"')
    options = [row[f"a{index}"] for index in range(len(LETTERS)) if f"a{index}" in row]
    index = _index(row["answer"], options, indexed="video_id" not in row, where=where)
    source = reading.source(name, where, duration=known.duration(name))
    spans = known.spans(name, row["qid"], source.duration, where)
    timeline = Timeline(
        source,
        "ask",
        question,
        tuple(map(Moment, spans)),
        answer=_answer(options, index),
        id=f"{name}_{row['qid']}",
    )
    return Record(timeline, where)


def _video(row: Mapping[str, str]) -> str:
    return row.get("video_id") or row.get("video", "")


def _index(answer: str, options: Sequence[str], *, indexed: bool, where: str) -> int:
    """Which option is right: NExT-QA gives its number, NExT-GQA its text (of two that are equal, the first)."""
    number = _number(answer)
    if indexed and number is not None and number < len(options):
        return number
    if not indexed and answer in options:
        return options.index(answer)
    raise UnusableError(f'the answer "{answer[:50]}" is none of the options', where=where, kind="field")


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\s*[0-9]{1,3}\s*", text) else None


def _answer(options: Sequence[str], index: int) -> Answer:
    return Answer(options[index], LETTERS[index], tuple(options))


class _Spans:
    """When questions are answered: `gsub_*.json`, `{video: {"duration": s, "location": {question: [[s, e], ...]}}}`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        path = reading.spans_path or _beside(reading.file)
        self._nodes = {} if path is None else dict(AnnotationFile.read(path).parts())
        self._given = path is not None

    def duration(self, name: str) -> float | None:
        node = self._nodes.get(name)
        return None if node is None else required(node, "duration").number()

    def spans(self, name: str, question: str, duration: float, where: str) -> list[Span]:
        node = self._nodes.get(name)
        windows = None if node is None else required(node, "location").member(question)
        if windows is None:
            if self._given:
                self._reading.warn(
                    where, f'nothing says when question "{question}" of "{name}" is answered', "unlabelled"
                )
            return []
        return spans_of(self._reading, windows.items(), duration)


def _beside(file: AnnotationFile) -> str | None:
    """The spans that lie beside a CSV: `gsub_val.json` or `val.gsub.json` for `val.csv`."""
    stem = os.path.splitext(os.path.basename(file.name))[0]
    paths = (os.path.join(file.folder, name) for name in (f"gsub_{stem}.json", f"{stem}.gsub.json"))
    return next((path for path in paths if os.path.isfile(path)), None)
