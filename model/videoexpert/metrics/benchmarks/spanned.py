"""One span for each sentence: Charades-STA, and grounding in ActivityNet Captions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoexpert.errors import RequestError, ResultsError
from videoexpert.jsonfile import Node, name_of, read_nodes
from videoexpert.metrics.benchmarks.reading import (
    duration_of,
    ends,
    entries,
    need,
    one_object,
    table_rows,
    text_lines,
    true_ends,
)
from videoexpert.metrics.protocols import SpanProtocol
from videoexpert.metrics.scores import Scores
from videoexpert.metrics.spans import EPSILON, Ends, as_spans, overlaps

HEADLINE = ("R1@0.3", "R1@0.5", "R1@0.7", "mIoU")
RECALL_AT = (0.3, 0.5, 0.7)

_ROW = re.compile(r"(?P<video>\S+) (?P<start>\S+) (?P<end>\S+)##(?P<sentence>.*)")


@dataclass(frozen=True, slots=True)
class Sentence:
    """When a sentence is true. name: `row` or `video-index`; duration: of the video, seconds, where it is known."""

    name: str
    span: Ends
    duration: float | None


def span_scores(sentences: Sequence[Sentence], answers: Mapping[str, Ends], protocol: SpanProtocol) -> Scores:
    """R1 and mIoU over all sentences; one without an answer has an IoU of 0."""
    iou = np.zeros(len(sentences))
    for index, sentence in enumerate(sentences):
        if sentence.name in answers:
            iou[index] = span_overlap(answers[sentence.name], _cut(sentence, protocol), protocol)
    met = iou > np.array(RECALL_AT)[:, None] if protocol.threshold == "gt" else iou >= np.array(RECALL_AT)[:, None]
    fractions = {f"R1@{t}": met[index].astype(np.float64) for index, t in enumerate(RECALL_AT)} | {"mIoU": iou}
    without = sum(sentence.name not in answers for sentence in sentences)
    notes = [f"{without} of {len(sentences)} sentences have no prediction and count as misses"] if without else []
    return Scores.of([sentence.name for sentence in sentences], fractions, notes=notes)


def span_overlap(predicted: Ends, truth: Ends, protocol: SpanProtocol) -> float:
    """The IoU of two spans as the protocol computes it; 0/0 is 0."""
    kind = np.float32 if protocol.numbers == "float32" else np.float64
    iou = overlaps(
        as_spans([predicted]).astype(kind),
        as_spans([truth]).astype(kind),
        union=protocol.union,
        epsilon=EPSILON if protocol.epsilon == "1e-8" else 0.0,
        negative=protocol.disjoint == "negative",
    ).item()
    iou = 0.0 if np.isnan(iou) else float(iou)
    return round(iou, 2) if protocol.rounding == "hundredths" else iou


def _cut(sentence: Sentence, protocol: SpanProtocol) -> Ends:
    if protocol.truth == "raw":
        return sentence.span
    if sentence.duration is None:
        raise RequestError(
            "--protocol truth=clipped: the lengths of the videos are not known",
            hint="give a CSV with the columns id and length to -a, too",
        )
    return min(sentence.span[0], sentence.duration), min(sentence.span[1], sentence.duration)


def read_charades(rows: str, durations: str | None) -> list[Sentence]:
    """The sentences of a Charades-STA text file, called by their row, counted from 0."""
    lengths = {} if durations is None else _lengths(durations)
    sentences = []
    for index, (line, text) in enumerate(text_lines(rows)):
        place = f"{name_of(rows)}:{line}"
        found = _ROW.fullmatch(text)
        if found is None:
            raise ResultsError(f"{place}: not `VIDEO START END##SENTENCE`")
        span = _seconds(place, found["start"]), _seconds(place, found["end"])
        if span[1] < span[0]:
            raise ResultsError(f"{place}: the span ends before it starts", hint="correct or remove the line")
        if lengths and found["video"] not in lengths:
            raise ResultsError(f"{place}: no duration for {found['video']} in {durations}")
        sentences.append(Sentence(str(index), span, lengths.get(found["video"])))
    return sentences


def _lengths(path: str) -> dict[str, float]:
    return {
        row["id"]: _seconds(f"{name_of(path)}:{line}", row["length"])
        for line, row in table_rows(path, ("id", "length"))
    }


def _seconds(place: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ResultsError(f"{place}: '{text}' is not a number of seconds")
    return value


def read_charades_answers(path: str, rows: int) -> dict[str, Ends]:
    """The spans of JSON lines `{"index": row, "pred": [start, end]}`; null, [] and no line are no answer."""
    answers: dict[str, Ends] = {}
    seen: set[int] = set()
    for node in read_nodes(path):
        row, span = need(node, "index"), need(node, "pred")
        index = row.whole()
        if not 0 <= index < rows:
            raise row.error(f'"index" is {index}, but the annotations have the rows 0 to {rows - 1}')
        if index in seen:
            raise row.error(f"row {index} is predicted twice")
        seen.add(index)
        if span.value not in (None, []):
            answers[str(index)] = _top(span)
    return answers


def read_sentences(path: str) -> list[Sentence]:
    """The sentences of a file of ActivityNet Captions, called `clip-index`, counted from 0."""
    sentences = []
    for clip, node in entries(one_object(path)).items():
        duration = duration_of(node)
        for index, item in enumerate(need(node, "timestamps").items()):
            sentences.append(Sentence(f"{clip}-{index}", true_ends(item), duration))
    return sentences


def read_sentence_answers(node: Node, sentences: Sequence[Sentence]) -> dict[str, Ends]:
    """The first windows of `{"results": {"clip-index": {"timestamp": [[start, end], ...]}}}`."""
    known = {sentence.name for sentence in sentences}
    answers: dict[str, Ends] = {}
    for name, entry in entries(need(node, "results")).items():
        if name not in known:
            raise entry.error(f'"{name}" is no sentence of the annotations')
        windows = need(entry, "timestamp")
        if windows.value not in (None, []):
            answers[name] = _top(windows)
    return answers


def _top(node: Node) -> Ends:
    """A span, or the first of several."""
    items = node.items()
    return ends(items[0]) if items and isinstance(items[0].value, list) else ends(node)
