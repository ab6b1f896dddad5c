"""What a record teaches: the part of the video that is looked at, the words, and the windows that each `[LOC]` means.

A video longer than the model was trained for is seen in part, in one of the windows that an answer to a question about
it would look at. The window is drawn once for each record, the likelier the more of its moments it holds whole, so that
what was seen of it can be kept. Moments that the window cuts are learnt up to its edge; a sentence or a turn is learnt
where the middle of what it speaks of is seen.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from videoexpert.config import LOC
from videoexpert.data.records import Record
from videoexpert.errors import DataError
from videoexpert.prompts import HIGHLIGHTS, VIDEO, Turn, asking, captioning, choosing, grounding
from videoexpert.timeline import LETTERS, Moment, Span
from videoexpert.windows import plan_windows
from videoexpert.wording import MARK, spoken_of

Windows = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One answered dialogue about one video.

    stretch: what is looked at, seconds; None: all of the video. locs: for each `[LOC]` of the answers the windows that
    it means, seconds of the video; sought: for each, what it asks for in words. origin: `file:line`.
    """

    video: str
    stretch: Span | None
    turns: tuple[Turn, ...]
    locs: tuple[Windows, ...]
    sought: tuple[str, ...]
    origin: str

    def __post_init__(self) -> None:
        marks = sum((turn.answer or "").count(LOC) for turn in self.turns)
        if not marks == len(self.locs) == len(self.sought):
            raise ValueError(f"{self.origin}: {marks} {LOC}, {len(self.locs)} lists of windows, {self.sought}")


def choose_stretch(record: Record, *, seconds: float, seed: int) -> Span | None:
    """The part of a record's video that is looked at; None where it is no longer than `seconds` and is seen whole.

    The same seed gives a record, known by its origin, the same part.
    """
    windows = plan_windows(record.timeline.video.duration, length=seconds, overlap=seconds / 4).windows
    if len(windows) == 1:
        return None
    spans = [moment.span for moment in record.timeline.moments]
    weights = [float(sum(_holds(window, span) for span in spans)) for window in windows]
    if not any(weights):
        weights = [sum(window.intersection(span) for span in spans) for window in windows]
    choice = random.Random(f"{seed}/stretch/{record.origin}")
    return choice.choices(windows, weights if any(weights) else None)[0]


def make_example(record: Record, *, stretch: Span | None, choice: random.Random | None) -> Example:
    """What a record teaches about a stretch of its video. choice: draws the words; None takes the first templates.

    Raises DataError where nothing can be learnt from it.
    """
    turns, locs, sought = _TEACH[record.lesson](record, stretch, choice)
    if not turns or not any(turn.answer for turn in turns):
        raise DataError(f"{record.origin}: nothing can be learnt from it", hint="give it moments or an answer")
    return Example(record.timeline.video.path, stretch, tuple(turns), tuple(locs), tuple(sought), record.origin)


_Taught = tuple[Sequence[Turn], Sequence[Windows], Sequence[str]]


def _ground(record: Record, stretch: Span | None, choice: random.Random | None) -> _Taught:
    """One `[LOC]` that means all moments, of a query or, without one, of what matters in general (spec §10b)."""
    windows = _seen(record.timeline.moments, stretch)
    if not windows:
        raise DataError(f"{record.origin}: has no moment to learn", hint="give it moments, or leave it out")
    query = record.timeline.query or HIGHLIGHTS
    return [grounding(query, answered=True, choice=choice)], [windows], [query]


def _caption(record: Record, stretch: Span | None, choice: random.Random | None) -> _Taught:
    """A sentence and its `[LOC]` for each moment, in time order (spec §10c)."""
    told = [moment for moment in record.timeline.in_time_order() if _is_seen(moment.span, stretch)]
    sentences = [(moment.text or "").strip() for moment in told]
    if not told or not all(sentences):
        raise DataError(f"{record.origin}: has no sentence for a moment", hint='give each moment its "text"')
    sought = [sentence.rstrip(".!? ") or sentence for sentence in sentences]
    return [captioning(sentences, choice=choice)], [_seen([moment], stretch) for moment in told], sought


def _ask(record: Record, stretch: Span | None, choice: random.Random | None) -> _Taught:
    """The answer, and one `[LOC]` before it that means all its evidence, where there is some (spec §10d)."""
    question, answer = record.timeline.query, record.timeline.answer
    if question is None or answer is None:
        raise DataError(f"{record.origin}: has no question with an answer", hint='give it "query" and "answer"')
    evidence = _seen(record.timeline.moments, stretch)
    if answer.options and answer.option is not None:
        correct = LETTERS.index(answer.option)
        turn = choosing(question, answer.options, correct=correct, evidence=bool(evidence), choice=choice)
    else:
        turn = asking(question, answer=answer.text, evidence=bool(evidence))
    return ([turn], [evidence], [question]) if evidence else ([turn], [], [])


def _dialogue(record: Record, stretch: Span | None, choice: random.Random | None) -> _Taught:
    """The turns whose moments are all seen; each `[LOC]` means one moment (spec §10a)."""
    moments = iter(record.timeline.moments)
    turns, locs, sought = list[Turn](), list[Windows](), list[str]()
    for turn in record.turns:
        meant = [next(moments) for _ in range((turn.answer or "").count(LOC))]
        if all(_is_seen(moment.span, stretch) for moment in meant):
            turns.append(turn)
            locs += [_seen([moment], stretch) for moment in meant]
            question = turn.question.replace(VIDEO, "").strip()
            sought += spoken_of((turn.answer or "").replace(LOC, MARK), otherwise=question)
    if turns and VIDEO not in turns[0].question:
        turns[0] = replace(turns[0], question=f"{VIDEO}\n{turns[0].question}")
    return turns, locs, sought


_TEACH = {"ground": _ground, "highlights": _ground, "caption": _caption, "ask": _ask, "dialogue": _dialogue}


def _seen(moments: Sequence[Moment], stretch: Span | None) -> Windows:
    """What is seen of each moment of which something is."""
    return tuple(seen for moment in moments if (seen := cut(moment.span, stretch)) is not None)


def cut(span: Span, stretch: Span | None) -> Span | None:
    """The part of a span that lies in a stretch (None: everywhere), or None where nothing of it does."""
    if stretch is None:
        return span
    start, end = max(span.start, stretch.start), min(span.end, stretch.end)
    return Span(start, end) if start < end else None


def _is_seen(span: Span, stretch: Span | None) -> bool:
    return stretch is None or stretch.start <= (span.start + span.end) / 2 < stretch.end


def _holds(window: Span, span: Span) -> bool:
    return window.start <= span.start and span.end <= window.end
