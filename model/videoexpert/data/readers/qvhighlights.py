"""QVHighlights, and what else has its form: a query with its windows on each line, and how much each clip matters."""

from collections.abc import Iterator

from videoexpert.data.readers.base import Reading, label_of, optional, required, spans_of
from videoexpert.data.records import Record
from videoexpert.jsonfile import Node
from videoexpert.timeline import Moment, Saliency, Timeline

CLIP = 2.0
"""Seconds of a clip: clip i is [2 i, 2 i + 2)."""


def read_qvhighlights(reading: Reading) -> Iterator[Record]:
    """One record for each line. Saliency is the mean of the workers' scores, 0 for a clip that is not listed."""
    return reading.json_lines(lambda node: _record(reading, node))


def _record(reading: Reading, node: Node) -> Record:
    where = node.where
    name = required(node, "vid").text()
    query = reading.words(required(node, "query").text(), where=where, what='"query"')
    source = reading.source(name, where, duration=required(node, "duration").number())
    windows = optional(node, "relevant_windows")
    if windows is None and optional(node, "relevant_clip_ids") is not None:
        raise node.error('the object has no "relevant_windows"')
    spans = spans_of(reading, windows.items() if windows else (), source.duration)
    qid = optional(node, "qid")
    timeline = Timeline(
        source,
        "ground",
        query,
        moments=tuple(map(Moment, spans)),
        saliency=_saliency(node, source.duration),
        id=None if qid is None else label_of(qid),
    )
    return Record(timeline, where)


def _saliency(node: Node, duration: float) -> Saliency | None:
    scores, listed = optional(node, "saliency_scores"), optional(node, "relevant_clip_ids")
    if scores is None:
        return None
    clips, rows = required(node, "relevant_clip_ids") if listed is None else listed, scores.items()
    if len(clips.items()) != len(rows):
        raise scores.error(f'"saliency_scores" holds {len(rows)} clips but "relevant_clip_ids" {len(clips.items())}')
    values = [0.0] * max(1, -int(-duration // CLIP))
    for clip, row in zip(clips.items(), rows, strict=True):
        index, votes = clip.whole(), [vote.number() for vote in row.items()]
        if not 0 <= index < len(values):
            raise clip.error(f"clip {index} lies outside the video, which has {len(values)}")
        if not votes:
            raise row.error(f"{row.name} is empty")
        values[index] = sum(votes) / len(votes)
    return Saliency(tuple(CLIP * index for index in range(len(values))), tuple(values))
