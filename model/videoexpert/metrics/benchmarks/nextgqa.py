"""NExT-GQA: multiple-choice questions, and the span that shows the answer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoexpert.errors import ResultsError
from videoexpert.jsonfile import Node, name_of
from videoexpert.metrics.benchmarks.reading import (
    duration_of,
    ends,
    entries,
    need,
    one_object,
    shortened,
    table_rows,
    true_ends,
)
from videoexpert.metrics.grounding import columns
from videoexpert.metrics.protocols import AnswerProtocol
from videoexpert.metrics.qa import grounding, question_scores
from videoexpert.metrics.scores import Scores
from videoexpert.metrics.spans import Ends

HEADLINE = ("Acc@GQA", "Acc@QA", "mIoP", "IoP@0.3", "IoP@0.5", "mIoU", "IoU@0.3", "IoU@0.5")
TYPES = {"CW": "Why", "CH": "How", "TN": "Bef&Aft", "TP": "Bef&Aft", "TC": "When"}
GROUPS = {"CW": "Acc_C", "CH": "Acc_C", "TN": "Acc_T", "TP": "Acc_T", "TC": "Acc_T"}


@dataclass(frozen=True, slots=True)
class _Question:
    segments: tuple[Ends, ...]
    duration: float


def score(spans: Node, answers: Node, segments: str, questions: str | None, protocol: AnswerProtocol) -> Scores:
    """The scores of `{"video_question": [start, end]}` and `{"video_question": {"prediction": 2, "answer": 2}}`.

    segments: the file with the true spans; questions: the CSV with the types, without which only totals are scored.
    """
    asked = _read_segments(segments)
    types = {} if questions is None else _read_types(questions)
    given = _read_spans(spans, asked, protocol)
    right = _read_answers(answers, asked, protocol)
    rows = []
    for name, question in asked.items():
        found = grounding(given[name], question.segments) if name in given else None
        row = question_scores(right.get(name, False), found, counted=protocol.missing_span == "zero")
        if types:
            if name not in types:
                raise ResultsError(f"{questions}: no row for question {name}, which {segments} asks")
            kind = types[name]
            for group in dict.fromkeys([*TYPES.values(), *GROUPS.values()]):
                row[group] = float(right.get(name, False)) if group in (TYPES[kind], GROUPS[kind]) else float("nan")
        rows.append(row)
    return Scores.of(list(asked), columns(rows), notes=_notes(asked, given, right, protocol))


def _notes(
    asked: dict[str, _Question], given: dict[str, Ends], right: dict[str, bool], protocol: AnswerProtocol
) -> list[str]:
    notes = []
    without = [name for name in asked if name not in given]
    unanswered = [name for name in asked if name not in right]
    if without:
        effect = "leave the grounding numbers" if protocol.missing_span == "drop" else "count as 0"
        notes.append(f"{len(without)} of {len(asked)} questions have no span and {effect}")
    if unanswered:
        notes.append(f"{len(unanswered)} of {len(asked)} questions have no answer and count as wrong")
    return notes


def _read_segments(path: str) -> dict[str, _Question]:
    questions = {}
    for video, node in entries(one_object(path)).items():
        duration = duration_of(node)
        for number, segments in entries(need(node, "location")).items():
            spans = tuple(true_ends(item) for item in segments.items())
            questions[f"{video}_{number}"] = _Question(spans, duration)
    return questions


def _read_types(path: str) -> dict[str, str]:
    types = {}
    for line, row in table_rows(path, ("video_id", "qid", "type")):
        if row["type"] not in TYPES:
            raise ResultsError(f"{name_of(path)}:{line}: type '{row['type']}' is none of {', '.join(TYPES)}")
        types[f"{row['video_id']}_{row['qid']}"] = row["type"]
    return types


def _read_spans(node: Node, asked: dict[str, _Question], protocol: AnswerProtocol) -> dict[str, Ends]:
    spans = {}
    for name, entry in entries(node).items():
        if name not in asked:
            continue
        start, end = ends(entry)
        if protocol.spans == "fractions":
            # Half of a tenth goes to the even one, as numpy rounds.
            start, end = np.round(np.array([start, end]) * asked[name].duration, 1).tolist()
        spans[name] = (start, end)
    return spans


def _read_answers(node: Node, asked: dict[str, _Question], protocol: AnswerProtocol) -> dict[str, bool]:
    """Whether each answer is right: an option's number, so that the text "1" is not the option 1."""
    right = {}
    for name, entry in entries(node).items():
        chosen, true = need(entry, "prediction").value, need(entry, "answer").whole()
        right[name] = type(chosen) in (int, float) and chosen == true
    unanswered = [name for name in asked if name not in right]
    if unanswered and protocol.missing_answer == "error":
        raise node.error(f"no answer to {len(unanswered)} questions ({shortened(unanswered)})")
    return {name: value for name, value in right.items() if name in asked}


def tell_apart(nodes: Sequence[Node]) -> tuple[Node, Node]:
    """The spans and the answers among two prediction files. Raises ResultsError where one of them is missing."""
    answers = [node for node in nodes if isinstance(next(iter(node.value.values()), None), dict)]
    spans = [node for node in nodes if node not in answers]
    if len(spans) != 1 or len(answers) != 1:
        asked = json.dumps("video_question")
        raise ResultsError(
            "nextgqa takes two prediction files, one with spans and one with answers",
            hint=f'{{{asked}: [start, end]}} and {{{asked}: {{"prediction": 2, "answer": 2}}}}',
        )
    return spans[0], answers[0]
