"""QVHighlights: windows and saliency for queries about 150-second clips."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoexpert.errors import ResultsError
from videoexpert.jsonfile import Node, read_nodes
from videoexpert.metrics.benchmarks.reading import duration_of, identifier, need, numbers, shortened, true_ends
from videoexpert.metrics.grounding import Ranked, columns, names, ranked_scores
from videoexpert.metrics.highlights import LEVELS, clip_scores
from videoexpert.metrics.protocols import RankedProtocol
from videoexpert.metrics.scores import FloatArray, Scores
from videoexpert.metrics.spans import Ends

HEADLINE = (
    *("MR-full-R1@0.5", "MR-full-R1@0.7", "MR-full-mIoU", "MR-full-mAP@0.5", "MR-full-mAP@0.75", "MR-full-mAP"),
    *("MR-short-mAP", "MR-middle-mAP", "MR-long-mAP"),
    *(f"HL-min-{level}-{metric}" for level in LEVELS for metric in ("mAP", "Hit1")),
)
CLIP = 2
"""Seconds of a clip, the unit of saliency."""

_MISSING_HINT = "answer every query once, or take --protocol missing=drop or missing=zero"


@dataclass(frozen=True, slots=True)
class _Query:
    windows: tuple[Ends, ...]
    ratings: FloatArray | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to a query: windows of all its lines together, and those of its last line, which `node` is."""

    node: Node
    windows: Ranked | None
    last: Ranked | None
    saliency: FloatArray | None


def score(predictions: str, annotations: str, protocol: RankedProtocol) -> Scores:
    """The scores of a submission. Raises ResultsError with `file:line` for what the official code fails on."""
    queries = _read_queries(annotations)
    answers = _read_answers(predictions)
    if protocol.missing == "error":
        _match(predictions, annotations, queries, answers)
    if not queries.keys() & answers.keys():
        raise ResultsError(f"{predictions}: answers none of the queries in {annotations}")
    given = [answer for qid, answer in answers.items() if qid in queries]
    with_windows = any(answer.last is not None for answer in given)
    with_saliency = any(answer.saliency is not None for answer in given)
    if with_saliency and any(query.ratings is None for query in queries.values()):
        raise ResultsError(f"{annotations}: saliency was predicted, but there is none to compare it with")
    classes = {"full": (-np.inf, np.inf), "short": (0.0, 10.0), "middle": (10.0, 30.0)}
    classes["long"] = (30.0, float(protocol.longest))
    rows = []
    for qid, query in queries.items():
        answer = answers.get(qid)
        row: dict[str, float] = {}
        if with_windows:
            for name, (above, most) in classes.items():
                windows = tuple(window for window in query.windows if above < window[1] - window[0] <= most)
                part = _retrieved(answer, windows, protocol)
                row |= {f"MR-{name}-{metric}": value for metric, value in part.items()}
        if with_saliency:
            row |= _highlighted(answer, query, protocol)
        rows.append(row)
    return Scores.of(list(queries), columns(rows))


def _retrieved(answer: _Answer | None, windows: tuple[Ends, ...], protocol: RankedProtocol) -> dict[str, float]:
    unanswered = answer is None or answer.last is None or not answer.last.windows
    if unanswered and protocol.missing == "drop":
        return dict.fromkeys(names(), float("nan"))
    if unanswered or answer is None or answer.windows is None or answer.last is None:
        return ranked_scores(Ranked((), ()), windows)
    row = ranked_scores(answer.last, windows)
    if answer.windows is not answer.last:
        row |= {name: value for name, value in ranked_scores(answer.windows, windows).items() if "mAP" in name}
    return row


def _highlighted(answer: _Answer | None, query: _Query, protocol: RankedProtocol) -> dict[str, float]:
    assert query.ratings is not None
    if answer is not None and answer.saliency is not None and len(answer.saliency):
        return clip_scores(query.ratings, answer.saliency)
    worth = float("nan") if protocol.missing == "drop" else 0.0
    return dict.fromkeys((f"HL-min-{level}-{metric}" for level in LEVELS for metric in ("mAP", "Hit1")), worth)


def _match(predictions: str, annotations: str, queries: dict[str, _Query], answers: dict[str, _Answer]) -> None:
    """Every query must be answered, and every answer must hold what the others hold."""
    missing = [qid for qid in queries if qid not in answers]
    if missing:
        what = f"no answer to {len(missing)} of {len(queries)} queries in {annotations} (qid {shortened(missing)})"
        raise ResultsError(f"{predictions}: {what}", hint=_MISSING_HINT)
    with_windows = any(answer.last is not None for answer in answers.values())
    with_saliency = any(answer.saliency is not None for answer in answers.values())
    for qid, answer in answers.items():
        if qid not in queries:
            hint = "take --protocol missing=drop to ignore such answers"
            raise answer.node.error(f"qid {qid} is no query of {annotations}", hint=hint)
        if with_windows and (answer.last is None or not answer.last.windows):
            raise answer.node.error(f"no window for qid {qid}", hint=_MISSING_HINT)
        if with_saliency and (answer.saliency is None or not len(answer.saliency)):
            raise answer.node.error(f"no saliency for qid {qid}", hint=_MISSING_HINT)


def _read_queries(path: str) -> dict[str, _Query]:
    queries: dict[str, _Query] = {}
    for node in read_nodes(path):
        qid = identifier(need(node, "qid"))
        if qid in queries:
            raise node.error(f"qid {qid} stands twice in the annotations")
        windows = tuple(true_ends(item) for item in need(node, "relevant_windows").items())
        rated = node.member("saliency_scores") is not None
        queries[qid] = _Query(windows, _ratings(node) if rated else None)
    return queries


def _ratings(node: Node) -> FloatArray:
    """What each worker gave each clip, [clips, workers]."""
    rows = [numbers(item) for item in need(node, "saliency_scores").items()]
    clips = [item.whole() for item in need(node, "relevant_clip_ids").items()]
    count = int(duration_of(node) / CLIP)
    if len(rows) != len(clips):
        raise node.error(f'{len(rows)} "saliency_scores" for {len(clips)} "relevant_clip_ids"')
    workers = {len(row) for row in rows}
    if len(workers) > 1:
        raise node.error('"saliency_scores" must have one number for each worker, for every clip')
    ratings = np.zeros((count, workers.pop() if workers else 3))
    for clip, row in zip(clips, rows, strict=True):
        if not 0 <= clip < count:
            raise node.error(f'"relevant_clip_ids" names clip {clip}, but there are {count}')
        ratings[clip] = row
    return ratings


def _read_answers(path: str) -> dict[str, _Answer]:
    answers: dict[str, _Answer] = {}
    for node in read_nodes(path):
        qid = identifier(need(node, "qid"))
        windows, saliency = node.member("pred_relevant_windows"), node.member("pred_saliency_scores")
        if windows is None and saliency is None:
            raise node.error('neither "pred_relevant_windows" nor "pred_saliency_scores"')
        last = None if windows is None else _ranked(windows.items())
        together = last
        earlier = answers.get(qid)
        if earlier is not None and earlier.windows is not None and last is not None:
            before = earlier.windows
            together = Ranked(before.windows + last.windows, before.scores + last.scores)
        answers[qid] = _Answer(node, together, last, None if saliency is None else np.asarray(numbers(saliency)))
    return answers


def _ranked(items: Sequence[Node]) -> Ranked:
    rows = []
    for item in items:
        row = numbers(item)
        if len(row) != 3:
            raise item.error(f"{item.name} must hold start, end and score, not {len(row)} numbers")
        rows.append(row)
    return Ranked(tuple((row[0], row[1]) for row in rows), tuple(row[2] for row in rows))
