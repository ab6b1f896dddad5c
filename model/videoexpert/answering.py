"""Answers to questions, and where in the video their evidence lies: by choosing an option, or by writing.

The evidence is what the temporal head says of "From [LOC]" behind the question. How far a window of a long video
knows the answer is the best class score of its evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoexpert.choice import choose, choose_seen
from videoexpert.decode import FloatArray, Located, rank_moments
from videoexpert.options import GenerationOptions
from videoexpert.prompts import option_letters
from videoexpert.timeline import Answer, Moment
from videoexpert.viewing import Viewing, Written
from videoexpert.wording import MARK, Asked


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. evidence: the moments that each window offers for it, best first. warnings: for who reads it."""

    answer: Answer
    evidence: tuple[tuple[Moment, ...], ...]
    warnings: tuple[str, ...] = ()


def choose_options(viewing: Viewing, asked: Sequence[Asked], texts: Sequence[str]) -> list[Answered]:
    """The option that answers each question. asked: `wording.choice_question`s with the same options `texts`."""
    letters = option_letters(len(texts))
    located: list[list[Located]] = [[] for _ in asked]
    likely: list[list[list[float]]] = [[] for _ in asked]
    seen: list[FloatArray] = []
    for window in range(viewing.windows):
        if viewing.matches:
            seen.append(_peaks(viewing.match(window, texts)))
        for index, reading in enumerate(viewing.read(window, asked)):
            located[index] += viewing.located(window, reading.located)
            likely[index].append(viewing.next_log_probabilities(reading, asked[index].letters))
    answered = []
    for said, rows in zip(located, likely, strict=True):
        letters_said = np.array(rows)
        chosen = choose_seen(letters_said, np.array(seen)) if seen else choose(letters_said, _peaks(said))
        answer = Answer(texts[chosen], letters[chosen], tuple(texts))
        answered.append(Answered(answer, tuple(rank_moments(each) for each in said)))
    return answered


def write_answers(
    viewing: Viewing, located: Sequence[Asked], asked: Sequence[Asked], options: GenerationOptions
) -> list[Answered]:
    """What the model writes to each question, in the window with the best evidence for it.

    located, asked: the same questions as `wording.located_question`s and `open_question`s. A `[LOC]` in an answer is
    put as the time it means, and that moment is evidence too.
    """
    evidence = viewing.locate(located)
    best = [int(np.argmax(_peaks(said))) for said in evidence]
    written: dict[int, Written] = {}
    for window in sorted(set(best), reverse=True):  # the last window is the one that is still at hand
        here = [index for index, where in enumerate(best) if where == window]
        written |= zip(here, viewing.write(window, [asked[index] for index in here], options), strict=True)
    return [_answered(written[index], window, evidence[index]) for index, window in enumerate(best)]


def _answered(written: Written, window: int, evidence: Sequence[Located]) -> Answered:
    found = [rank_moments(said) for said in evidence]
    meant = [moment for said in written.located for moment in rank_moments(said)[:1]]
    found[window] = tuple(sorted((*found[window], *meant), key=lambda moment: -(moment.score or 0.0)))
    text = _with_times(written.text, [rank_moments(said)[:1] for said in written.located])
    warnings = written.warnings if text else (*written.warnings, "the model wrote nothing")
    return Answered(Answer(text), tuple(found), warnings)


def _with_times(text: str, times: Sequence[Sequence[Moment]]) -> str:
    """The text with each mark put as the span of its moment, or left out where it has none."""
    text, *rest = text.split(MARK)
    for moments, words in zip(times, rest, strict=True):
        text, words = text.rstrip(), words.lstrip()
        if moments:
            text += f" {moments[0].span.start:.1f} to {moments[0].span.end:.1f} s"
        text += f" {words}" if words[:1].isalnum() else words
    return text.strip()


def _peaks(located: Sequence[Located]) -> FloatArray:
    """The best score of each, of windows or of options: [n]."""
    return np.array([said.scores.max() for said in located])
