"""The conversations that VideoExpert was trained on (spec §10a): questions and answers in which `<s0> to <e0>` is a
time, whose seconds stand beside them."""

from collections.abc import Iterator

from videoexpert.config import LOC
from videoexpert.data.readers.base import Reading, optional, required
from videoexpert.data.records import Record
from videoexpert.jsonfile import Node
from videoexpert.prompts import VIDEO, located_dialogue
from videoexpert.timeline import Moment, Span, Timeline

_SPEAKERS = ("human", "gpt")


def read_conversations(reading: Reading) -> Iterator[Record]:
    """One record for each conversation. A question that holds a time is left out with its answer (spec §10a)."""
    return reading.json_parts(lambda part: _record(reading, part[1]))


def _record(reading: Reading, node: Node) -> Record:
    where, name = node.where, required(node, "video_id").text()
    messages = _messages(required(node, "conversations"))
    turns, intervals = located_dialogue(messages)
    if not turns:
        raise node.error("every question holds a time, so nothing is left of it")
    if sum((turn.question + (turn.answer or "")).count(VIDEO) for turn in turns) != 1:
        raise node.error(f"the conversation must name {VIDEO} once, in its first question")
    if sum((turn.answer or "").count(LOC) for turn in turns) != len(intervals):
        raise node.error(f"an answer holds {LOC} as text; times are written <s0> to <e0>")
    meta = optional(node, "meta")
    stated = None if meta is None else optional(meta, "duration")
    source = reading.source(name, where, duration=None if stated is None else stated.number())
    moments = tuple(Moment(_span(reading, meta or node, *names, source.duration)) for names in intervals)
    return Record(Timeline(source, "annotation", moments=moments), where, tuple(turns))


def _messages(conversation: Node) -> list[tuple[str, str]]:
    """The (question, answer) pairs; they must take turns."""
    values: list[str] = []
    for index, message in enumerate(conversation.items()):
        speaker = required(message, "from")
        if speaker.text() != _SPEAKERS[index % 2]:
            hint = "questions of human and answers of gpt take turns"
            raise speaker.error(f'"{_SPEAKERS[index % 2]}" must speak here', hint=hint)
        values.append(required(message, "value").text())
    if not values or len(values) % 2:
        raise conversation.error("the last question has no answer" if values else f"{conversation.name} is empty")
    return list(zip(values[::2], values[1::2], strict=True))


def _span(reading: Reading, meta: Node, first: str, last: str, duration: float) -> Span:
    tokens = required(meta, "token")
    by_name = {key.lower(): key for key in tokens.value} if isinstance(tokens.value, dict) else {}
    start, end = (required(tokens, by_name.get(name, name)) for name in (first, last))
    return reading.span(start.number(), end.number(), duration=duration, where=start)
