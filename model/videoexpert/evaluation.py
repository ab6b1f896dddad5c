"""How well predictions agree with records: what `vex evaluate` prints and what training stops early on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from videoexpert.data.records import Record
from videoexpert.metrics.captions import Caption, Clip, caption_scores
from videoexpert.metrics.grounding import Ranked, columns, ranked_scores
from videoexpert.metrics.highlights import clip_precision, hit
from videoexpert.metrics.protocols import CaptionProtocol
from videoexpert.metrics.qa import grounding, question_scores
from videoexpert.metrics.scores import Scores
from videoexpert.metrics.spans import Ends
from videoexpert.options import GroundingOptions
from videoexpert.progress import OnStep, unheard
from videoexpert.timeline import Timeline

if TYPE_CHECKING:
    from videoexpert.features import EncodedVideo
    from videoexpert.metrics.java import Texts
    from videoexpert.predictor import Predictor

EvaluatedTask = Literal["ground", "highlights", "caption", "ask"]

MAIN_METRIC: dict[EvaluatedTask, str] = {"ground": "mIoU", "highlights": "mAP", "caption": "F1", "ask": "Acc@QA"}
"""The metric of each task that says in one number which of two models is better; training stops early on it."""

HEADLINES: dict[EvaluatedTask, tuple[str, ...]] = {
    "ground": ("R1@0.3", "R1@0.5", "R1@0.7", "R5@0.5", "R5@0.7", "mIoU", "mAP@0.5", "mAP@0.75", "mAP"),
    "highlights": ("HL-mAP", "HIT@1", "R1@0.5", "R1@0.7", "mAP@0.5", "mAP@0.75", "mAP"),
    "caption": ("SODA_c", "CIDEr", "METEOR", "F1", "Precision", "Recall"),
    "ask": ("Acc@QA", "Acc@GQA", "mIoP", "IoP@0.5", "mIoU", "IoU@0.5"),
}
"""The metrics of each task that people quote, in their order."""

PEAK = 0.75
"""A step of the truth is a highlight from this part of the curve's highest score."""

_LESSONS: dict[EvaluatedTask, tuple[str, ...]] = {
    "ground": ("ground", "highlights"),
    "highlights": ("ground", "highlights"),
    "caption": ("caption",),
    "ask": ("ask",),
}
_RANKED = GroundingOptions(top_k=10, min_score=0.0)  # a threshold would hide the scores that are judged


def evaluate_timelines(
    records: Sequence[Record],
    predicted: Sequence[Timeline | None],
    task: EvaluatedTask,
    *,
    captions: CaptionProtocol | None = None,
    texts: "Texts | None" = None,
) -> Scores:
    """Scores, in percent, of one prediction for each record, in the records' order; None is a question unanswered.

    ground and highlights: R1@0.3 ... R5@0.95, mIoU, mAP@0.5 ... mAP@0.95, mAP; highlights also HIT@1 and HL-mAP where
    the records hold saliency. caption: Precision, Recall and F1 at each tIoU; with `texts` METEOR, CIDEr and SODA_c.
    ask: Acc@QA, and where the records hold evidence mIoU, IoP@0.5 and Acc@GQA. `Scores.summary()` gives them by name.
    An unanswered question counts as a miss. Raises ValueError where the lengths differ.
    """
    if len(records) != len(predicted):
        raise ValueError(f"{len(predicted)} predictions for {len(records)} records")
    samples = [record.origin for record in records]
    pairs = list(zip((record.timeline for record in records), predicted, strict=True))
    if task == "caption":
        clips = [
            Clip(name, (_captions(true),), None if said is None else _captions(said))
            for name, (true, said) in zip(samples, pairs, strict=True)
        ]
        return caption_scores(clips, captions or CaptionProtocol(), texts)
    if task == "ask":
        return Scores.of(samples, columns(_answered(true, said) for true, said in pairs))
    rows = [ranked_scores(_ranked(said), _ends(true)) for true, said in pairs]
    if task == "highlights":
        rows = [row | _highlighted(true, said) for row, (true, said) in zip(rows, pairs, strict=True)]
    return Scores.of(samples, columns(rows))


def evaluated(records: Iterable[Record], task: EvaluatedTask) -> list[Record]:
    """The records that a task can be evaluated on."""
    return [record for record in records if record.lesson in _LESSONS[task]]


def answer_records(
    predictor: "Predictor",
    video: "EncodedVideo",
    records: Sequence[Record],
    task: EvaluatedTask,
    *,
    on_step: OnStep = unheard,
) -> list[Timeline]:
    """What a model answers to the questions of records about one video, in their order.

    Raises RequestError where a question is empty, too long or holds a mark of the model's own.
    """
    queries = [record.timeline.query for record in records]
    if task == "highlights":
        return predictor.highlights(video, queries, on_step=on_step)
    if task == "caption":
        return [predictor.caption(video, on_step=on_step)] * len(records)
    if task == "ground":
        return predictor.ground(video, [query or "" for query in queries], options=_RANKED, on_step=on_step)
    timelines = []
    for record in records:
        answer = record.timeline.answer
        choices = answer.options if answer is not None else ()
        timelines += predictor.ask(video, [record.timeline.query or ""], choices=choices, on_step=on_step)
    return timelines


@dataclass(frozen=True, slots=True)
class Paired:
    """Predictions beside the records that they answer. unknown: how many answer none of them."""

    timelines: tuple[Timeline | None, ...]
    unknown: int


def pair(records: Sequence[Record], predicted: Iterable[Timeline]) -> Paired:
    """Find the prediction for each record: by its id, or else by its video and query. The last one counts."""
    by_name = {_name(timeline): timeline for timeline in predicted}
    by_content = {_content(timeline): timeline for timeline in by_name.values()}
    found = []
    for record in records:
        timeline = by_name.get(_name(record.timeline)) if record.timeline.id is not None else None
        found.append(timeline or by_content.get(_content(record.timeline)))
    used = {id(timeline) for timeline in found}
    return Paired(tuple(found), sum(id(timeline) not in used for timeline in by_name.values()))


def _name(timeline: Timeline) -> object:
    return _content(timeline) if timeline.id is None else (timeline.video.path, timeline.id)


def _content(timeline: Timeline) -> object:
    return timeline.video.path, timeline.query


def _ranked(said: Timeline | None) -> Ranked:
    """The moments as listed; those without a score in the order in which they stand."""
    moments = said.moments if said is not None else ()
    scores = tuple(-float(rank) if moment.score is None else moment.score for rank, moment in enumerate(moments))
    return Ranked(_ends(said), scores)


def _ends(timeline: Timeline | None) -> tuple[Ends, ...]:
    return tuple((moment.span.start, moment.span.end) for moment in timeline.moments) if timeline is not None else ()


def _captions(timeline: Timeline) -> tuple[Caption, ...]:
    return tuple(Caption((moment.span.start, moment.span.end), moment.text or "") for moment in timeline.moments)


def _highlighted(true: Timeline, said: Timeline | None) -> dict[str, float]:
    """HL-mAP and HIT@1 over the steps of the true curve; NaN without one."""
    curve = true.saliency
    if curve is None or not curve.scores or max(curve.scores) <= 0:
        return {"HL-mAP": float("nan"), "HIT@1": float("nan")}
    labels = np.asarray(curve.scores) >= PEAK * max(curve.scores)
    if said is None or said.saliency is None or not said.saliency.times:
        return {"HL-mAP": 0.0, "HIT@1": 0.0}
    times = np.asarray(said.saliency.times)
    middles = np.asarray(curve.times) + np.diff(curve.times, append=true.video.duration) / 2
    steps = np.maximum(np.searchsorted(times, middles, side="right") - 1, 0)
    scores = np.asarray(said.saliency.scores)[steps]
    return {"HL-mAP": clip_precision(labels, scores), "HIT@1": hit(labels, scores)}


def _answered(true: Timeline, said: Timeline | None) -> dict[str, float]:
    """A choice is right by its letter, words by the same words. Evidence is the best moment."""
    right = said is not None and said.answer is not None and true.answer is not None
    if right and said is not None and said.answer is not None and true.answer is not None:
        if true.answer.option is not None:
            right = said.answer.option == true.answer.option
        else:
            right = _words(said.answer.text) == _words(true.answer.text)
    if not true.moments:
        return question_scores(right, None, counted=False)
    best = _ends(said)[:1]
    return question_scores(right, grounding(best[0], _ends(true)) if best else None)


def _words(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!")
