"""Logs of VTimeLLM: spans inside text, in hundredths of the clip. Other models are reported with its evaluator too."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from videoexpert.jsonfile import Node
from videoexpert.metrics.benchmarks.reading import duration_of, entries, need, one_object, true_ends
from videoexpert.metrics.benchmarks.spanned import Sentence
from videoexpert.metrics.captions import Caption, Captions
from videoexpert.metrics.protocols import CaptionProtocol, SpanProtocol
from videoexpert.metrics.spans import Ends

SPANS = SpanProtocol(rounding="hundredths")
CAPTIONS = CaptionProtocol(missing="drop")
"""What its evaluator does, other than the official ones."""

_TIMES = re.compile(r"(\d{2}) (?:to|and) (\d{2})")
_SAME = 0.98
"""How alike two sentences are that tell the same event."""


def is_log(nodes: Sequence[Node]) -> bool:
    """Whether JSON lines are such a log."""
    return all(node.member("answer") is not None and node.member("task") is not None for node in nodes)


def read_span(answer: str) -> tuple[int, int] | None:
    """The first two times of an answer, in hundredths."""
    found = _TIMES.search(answer)
    return None if found is None else (int(found[1]), int(found[2]))


def read_grounding(nodes: Sequence[Node], annotations: str) -> tuple[list[Sentence], dict[str, Ends]]:
    """The sentences that the log was asked about, with their answers, as parts of the clip."""
    clips = entries(one_object(annotations))
    sentences, answers = [], {}
    for number, node in enumerate(node for node in nodes if need(node, "task").value == "grounding"):
        clip = _clip(node, clips)
        index = need(need(node, "info"), "sentence_id")
        spans = need(clip, "timestamps").items()
        if not 0 <= index.whole() < len(spans):
            raise index.error(f'"sentence_id" is {index.value}, but the clip has {len(spans)} sentences')
        start, end = true_ends(spans[index.whole()])
        duration = duration_of(clip)
        name = f"{need(node, 'video_id').text()}-{index.whole()}#{number}"
        sentences.append(Sentence(name, (start / duration, end / duration), 1.0))
        times = read_span(need(node, "answer").text())
        if times is not None:
            answers[name] = (times[0] / 100, times[1] / 100)
    return sentences, answers


def read_captions(nodes: Sequence[Node], annotations: str) -> dict[str, Captions]:
    """What the log says about each clip, in seconds; an answer that cannot be read says nothing."""
    clips = entries(one_object(annotations))
    said = {}
    for node in nodes:
        if need(node, "task").value == "captioning":
            duration = duration_of(_clip(node, clips))
            events = _merged(_events(need(node, "answer").text()))
            said[need(node, "video_id").text()] = tuple(
                Caption((start * duration / 100, (end + 1) * duration / 100), text) for text, start, end in events
            )
    return said


def _clip(node: Node, clips: Mapping[str, Node]) -> Node:
    video = need(node, "video_id")
    if video.text() not in clips:
        raise video.error(f'"{video.text()}" is no clip of the annotations')
    return clips[video.text()]


def _events(answer: str) -> list[tuple[str, int, int]]:
    """The sentences of a JSON list somewhere in the answer, with their times; none where it is broken."""
    found = re.search(r"\[.*\]", answer, re.DOTALL)
    try:
        listed = json.loads(found[0]) if found else []
    except ValueError:
        return []
    events = []
    for item in listed:
        times = read_span(str(item.get("timestamps", ""))) if isinstance(item, dict) else None
        if times is None or not isinstance(item.get("event"), str):
            return []
        events.append((item["event"], *times))
    return events


def _merged(events: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Neighbours that say the same and touch, as one."""
    merged: list[tuple[str, int, int]] = []
    for text, start, end in events:
        if merged and start - merged[-1][2] <= 1 and SequenceMatcher(None, merged[-1][0], text).ratio() > _SAME:
            merged[-1] = (merged[-1][0], merged[-1][1], end)
        else:
            merged.append((text, start, end))
    return merged
