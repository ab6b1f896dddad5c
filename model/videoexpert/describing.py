"""Dense captions: what the model writes of each window, each sentence with the time that the temporal head gives it."""

from videoexpert.captions import split_at_marks
from videoexpert.decode import rank_moments
from videoexpert.options import GenerationOptions
from videoexpert.timeline import Moment, Span
from videoexpert.viewing import Viewing, Written
from videoexpert.windows import WindowPlan, merge_sentences
from videoexpert.wording import MARK, Asked


def describe(
    viewing: Viewing, plan: WindowPlan, asked: Asked, options: GenerationOptions
) -> tuple[tuple[Moment, ...], tuple[str, ...]]:
    """The sentences in time order, and what to warn of. asked: the question behind the video.

    A sentence's time is the best-scored window of the temporal head for its `[LOC]`. Words without a time stand over
    the whole window that they were written for, without a score.
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
    for sentence in split_at_marks(written.text, mark=MARK):
        best = rank_moments(written.located[sentence.mark])[:1] if sentence.mark is not None else ()
        if best:
            timed.append(Moment(best[0].span, best[0].score, sentence.text or None))
        elif sentence.text:
            untimed.append(Moment(window, None, sentence.text))
    return list(dict.fromkeys(timed)), untimed  # what a small model repeats is said once
