"""Dense captions: what the model writes of each window, each sentence with the time that the temporal head gives it."""

from collections import Counter

import numpy as np

from videoexpert.captions import split_at_marks
from videoexpert.decode import REGION, Located, rank_moments
from videoexpert.options import GenerationOptions
from videoexpert.timeline import Moment, Span
from videoexpert.viewing import Viewing, Written
from videoexpert.windows import WindowPlan, merge_sentences
from videoexpert.wording import MARK, Asked


def describe(
    viewing: Viewing, plan: WindowPlan, asked: Asked, options: GenerationOptions
) -> tuple[tuple[Moment, ...], tuple[str, ...]]:
    """The sentences in time order, and what to warn of. asked: the question behind the video.

    A sentence's time is the best-scored window of the temporal head for its `[LOC]`; a sentence that is said again, of
    regions, has the next best. Its score is the head's, times how likely what the model was told of that time is right.
    Words without a time stand over the whole window that they were written for, without a score.
    """
    timed: list[list[Moment]] = []
    untimed: list[Moment] = []
    warnings: list[str] = []
    for index, window in enumerate(plan.windows):
        (written,) = viewing.write(index, [asked], options)
        sentences, rest = _sentences(written, window)
        timed.append(sentences)
        untimed += rest
        where = f"{window.start:.1f} to {window.end:.1f} s"
        warnings += [f"{where}: {warning}" for warning in written.warnings]
        if rest:
            warnings.append(f"{where}: the model gave no time for some words; they stand over the whole stretch")
        if not (sentences or rest):
            warnings.append(f"{where}: the model wrote nothing")
    merged = (*merge_sentences(plan, timed), *untimed)
    return tuple(sorted(merged, key=lambda moment: moment.span)), tuple(warnings)


def _sentences(written: Written, window: Span) -> tuple[list[Moment], list[Moment]]:
    """The sentences with a time, and what there is without one."""
    timed: list[Moment] = []
    untimed: list[Moment] = []
    told: Counter[str] = Counter()
    for sentence in split_at_marks(written.text, mark=MARK):
        text = sentence.text[:1].upper() + sentence.text[1:]  # what followed "From [LOC]," stands alone now
        best = None if sentence.mark is None else _moment(written.located[sentence.mark], told[text])
        if best is not None:
            timed.append(Moment(best.span, _score(best, written, window), text or None))
            told[text] += 1
        elif text:
            untimed.append(Moment(window, None, text))
    return list(dict.fromkeys(timed)), untimed  # what a small model repeats is said once


def _score(moment: Moment, written: Written, window: Span) -> float | None:
    """How surely a sentence is right: that its words fit there says nothing where they were read off wrong frames."""
    if written.sureness is None or moment.score is None:
        return moment.score
    frames = (np.arange(len(written.sureness)) + 0.5) / len(written.sureness) * window.duration + window.start
    inside = (frames >= moment.span.start) & (frames <= moment.span.end)
    return moment.score * float(written.sureness[inside].mean()) if inside.any() else moment.score


def _moment(located: Located, before: int) -> Moment | None:
    """When a sentence is meant that was said so often `before`: what is shown twice is in two regions."""
    ranked = rank_moments(located)
    if not ranked:
        return None
    if located.decoding != "regions":
        return ranked[0]
    clear = [moment for moment in ranked if (moment.score or 0.0) >= REGION * (ranked[0].score or 0.0)]
    return clear[min(before, len(clear) - 1)]
