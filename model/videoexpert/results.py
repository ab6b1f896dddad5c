"""Results as JSON: the format `vex.results/1`, written here and nowhere else, read back to the same values.

A document holds {"schema": "vex.results/1", "results": [timeline, ...]}. JSON lines hold one timeline on each line,
and each says its "schema". It is also the format that people correct by hand, so reading is strict and says which
line is wrong. `vexcli/schema/results-1.json` describes it for other programs.
"""

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, TypeVar

from videoexpert.jsonfile import Node, dump_json, read_nodes
from videoexpert.timeline import (
    LETTERS,
    TASKS,
    TIME_TOLERANCE,
    Answer,
    Moment,
    Provenance,
    Saliency,
    Source,
    Span,
    Task,
    Timeline,
)

SCHEMA = "vex.results/1"
"""The name and version that every document and every line states."""

_FPS = re.compile(r"[1-9][0-9]{0,17}(/[1-9][0-9]{0,17})?")

T = TypeVar("T")


def dumps_document(timelines: Iterable[Timeline]) -> str:
    """One document, laid out for people: a moment is one line. Text without lone surrogates or final newline."""
    return _layout({"schema": SCHEMA, "results": [_pack(timeline) for timeline in timelines]})


def dumps_line(timeline: Timeline, *, dialogue: Sequence[tuple[str, str]] = ()) -> str:
    """One line of JSON lines, without its newline; it holds no lone surrogates.

    dialogue: the questions and answers of an annotated conversation, which stand beside the timeline.
    """
    turns = [{"question": question, "answer": answer} for question, answer in dialogue]
    return dump_json({"schema": SCHEMA} | _pack(timeline) | _known(dialogue=turns or None))


def read_results(path: str | os.PathLike[str]) -> list[Timeline]:
    """The timelines of a document or of JSON lines; `-` reads stdin. The values are those that were written.

    Raises ResultsError, with `file:line:` where a line is to blame, for everything that is not a results file.
    """
    return [timeline_of(part) for node in read_nodes(path) for part in results_of(node)]


def _pack(timeline: Timeline) -> dict[str, Any]:
    """The JSON object of a timeline. Optional parts that are not there are left out; moments always appear."""
    video, saliency, answer, origin = timeline.video, timeline.saliency, timeline.answer, timeline.provenance
    windows = [[window.start, window.end] for window in origin.windows] if origin else []
    return _known(
        id=timeline.id,
        video=_known(
            path=video.path,
            duration=video.duration,
            fps=None if video.fps is None else str(video.fps),
            width=video.width,
            height=video.height,
        ),
        task=timeline.task,
        query=timeline.query,
        moments=[_pack_moment(moment) for moment in timeline.moments],
        saliency=saliency and {"times": saliency.times, "scores": saliency.scores},
        answer=answer and _known(text=answer.text, option=answer.option, options=answer.options or None),
        provenance=origin
        and _known(model=origin.model, prompt=origin.prompt, windows=windows or None, seed=origin.seed),
        warnings=timeline.warnings or None,
    )


def _pack_moment(moment: Moment) -> dict[str, Any]:
    return _known(start=moment.span.start, end=moment.span.end, score=moment.score, text=moment.text)


def _known(**members: Any) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


def _layout(value: Any, indent: str = "") -> str:
    """JSON in which what holds no object stands on one line: a moment, a video, a saliency curve."""
    if not _holds_object(value):
        return dump_json(value)
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{dump_json(key)}: {_layout(member, inner)}" for key, member in value.items()]
        opening, closing = "{", "}"
    else:
        parts = [_layout(item, inner) for item in value]
        opening, closing = "[", "]"
    lines = ",\n".join(inner + part for part in parts)
    return f"{opening}\n{lines}\n{indent}{closing}"


def _holds_object(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(part, dict) or _holds_object(part) for part in parts)


def results_of(node: Node) -> Iterator[Node]:
    """The results of a document, or the one that a line is. Raises ResultsError where it is neither."""
    schema = node.member("schema")
    if schema is None:
        raise node.error('not a results file: "schema" is missing', hint=f'results state "schema": "{SCHEMA}"')
    check_schema(schema)  # first of all: of another version nothing else can be said
    if node.member("results") is None:
        yield node
    else:
        yield from node.members(required=("schema", "results"))["results"].items()


def check_schema(node: Node) -> None:
    """Raise ResultsError unless the value names the version that is read here."""
    name = node.text()
    if re.fullmatch(r"vex\.results/[0-9]+", name) and name != SCHEMA:
        raise node.error(f"written by a newer vex ({name}); this one reads {SCHEMA}", hint="update vex")
    if name != SCHEMA:
        raise node.error(f'"schema" must be "{SCHEMA}", not {dump_json(name)}')


def timeline_of(node: Node) -> Timeline:
    """The timeline of one of `results_of`. Raises ResultsError at the line of what is wrong with it."""
    member = node.members(
        required=("video", "task"),
        optional=("schema", "id", "query", "moments", "saliency", "answer", "provenance", "warnings", "dialogue"),
    )
    if "schema" in member:
        check_schema(member["schema"])
    dialogue_of(node)  # is no part of a timeline, but must be right
    video = _source(member["video"])
    return Timeline(
        video=video,
        task=_task(member["task"]),
        query=_optional(member.get("query"), Node.text),
        moments=tuple(_moment(item, video.duration) for item in _items(member.get("moments"))),
        saliency=_optional(member.get("saliency"), _saliency),
        answer=_optional(member.get("answer"), _answer),
        provenance=_optional(member.get("provenance"), _provenance),
        warnings=tuple(item.text() for item in _items(member.get("warnings"))),
        id=_optional(member.get("id"), Node.text),
    )


def dialogue_of(node: Node) -> tuple[tuple[str, str], ...]:
    """The questions and answers beside the timeline of one of `results_of`; () where it has none."""
    dialogue = node.member("dialogue")
    if dialogue is None or dialogue.value is None:
        return ()
    turns = [turn.members(required=("question", "answer")) for turn in dialogue.items()]
    return tuple((turn["question"].text(), turn["answer"].text()) for turn in turns)


def _source(node: Node) -> Source:
    member = node.members(required=("path", "duration"), optional=("fps", "width", "height"))
    path = member["path"].text()
    if not path:
        raise member["path"].error('"path" must not be empty')
    return Source(
        path=path,
        duration=_positive(member["duration"]),
        fps=_optional(member.get("fps"), _fps),
        width=_optional(member.get("width"), _pixels),
        height=_optional(member.get("height"), _pixels),
    )


def _task(node: Node) -> Task:
    name = node.text()
    if name not in TASKS:
        close = get_close_matches(name, TASKS, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"tasks: {', '.join(TASKS)}"
        raise node.error(f"unknown task {dump_json(name)}", hint=hint)
    return name


def _fps(node: Node) -> Fraction:
    if not isinstance(node.value, str) or not _FPS.fullmatch(node.value):
        raise node.error('"fps" must be a whole number or a fraction, in quotes', hint='such as "25" or "30000/1001"')
    return Fraction(node.value)


def _positive(node: Node) -> float:
    number = node.number()
    if number <= 0:
        raise node.error(f"{node.name} must be positive, not {number}")
    return number


def _pixels(node: Node) -> int:
    _positive(node)
    return node.whole()


def _moment(node: Node, duration: float) -> Moment:
    member = node.members(required=("start", "end"), optional=("score", "text"))
    span = _span(member["start"], member["end"])
    if span.end > duration + TIME_TOLERANCE:
        raise member["end"].error(f'"end" ({span.end}) lies after the end of the video ({duration})')
    return Moment(span, _optional(member.get("score"), Node.number), _optional(member.get("text"), Node.text))


def _span(first: Node, last: Node) -> Span:
    start, end = first.number(), last.number()
    if start < 0:
        raise first.error(f"{first.name} ({start}) must not be negative")
    if end <= start:
        relation = "lies before" if end < start else "must lie after"
        raise last.error(f"{last.name} ({end}) {relation} {first.name} ({start})")
    return Span(start, end)


def _saliency(node: Node) -> Saliency:
    member = node.members(required=("times", "scores"))
    nodes = member["times"].items()
    times = tuple(time.number() for time in nodes)
    scores = tuple(score.number() for score in member["scores"].items())
    if len(scores) != len(times):
        raise member["scores"].error(f'"scores" holds {len(scores)} numbers but "times" {len(times)}')
    for index, (early, late) in enumerate(zip((-math.inf, *times), times, strict=False)):
        if late < 0:
            raise nodes[index].error(f'"times" must not be negative, got {late}')
        if late <= early:
            raise nodes[index].error(f'"times" must rise, but {late} follows {early}')
    return Saliency(times, scores)


def _answer(node: Node) -> Answer:
    member = node.members(required=("text",), optional=("option", "options"))
    options = tuple(item.text() for item in _items(member.get("options")))
    letter = _optional(member.get("option"), Node.text)
    if len(options) > len(LETTERS):
        raise member["options"].error(f'"options" holds {len(options)} texts, more than there are letters')
    if options and (letter is None or letter not in LETTERS[: len(options)]):
        blamed = member.get("option", member["options"])
        raise blamed.error(f'"option" must be one of the letters {", ".join(LETTERS[: len(options)])}')
    return Answer(member["text"].text(), letter, options)


def _provenance(node: Node) -> Provenance:
    member = node.members(required=("model",), optional=("prompt", "windows", "seed"))
    return Provenance(
        model=member["model"].text(),
        prompt=_optional(member.get("prompt"), Node.text),
        windows=tuple(_window(item) for item in _items(member.get("windows"))),
        seed=_optional(member.get("seed"), Node.whole),
    )


def _window(node: Node) -> Span:
    ends = node.items()
    if len(ends) != 2:
        raise node.error(f"{node.name} must hold two numbers, start and end, not {len(ends)}")
    return _span(*ends)


def _items(node: Node | None) -> list[Node]:
    return [] if node is None else node.items()


def _optional(node: Node | None, read: Callable[[Node], T]) -> T | None:
    return None if node is None else read(node)
