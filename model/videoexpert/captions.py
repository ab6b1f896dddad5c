"""A model's text, taken apart at its time marks: which words belong to which moment. Pure; no word is lost.

Dense captions come as `From [LOC], a man sits down. From [LOC], he reads.` (spec §10). A model may also write a mark
in the middle or at the end of a sentence, several in one, or none at all.
"""

import re
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_LEAD_IN = re.compile(r"(?:^|(?<=[\s,;:]))(?:from|during|in|at|between|within)\s*$", re.IGNORECASE)
_CONNECTION = re.compile(r"(?:and|to|or|until|then)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words of the model. mark: which time mark of the text says when (0 for the first), or None where none does."""

    text: str
    mark: int | None


def split_at_marks(text: str, *, mark: str) -> tuple[Sentence, ...]:
    """The sentences of `text`, one for each time mark and in their order, after the words that have no time, if any.

    mark: how a time mark is written, such as `[LOC]`. The words of a mark are those from it to the next mark; a
    preposition that leads to a mark ("From") is left out. A sentence that only has its mark later on belongs to it as
    a whole. A sentence without a mark goes on with what came before it. Marks that share one sentence without words
    between them share its words. The text of a mark without any words is empty.
    """
    untimed: list[str] = []
    timed: list[str] = []
    for sentence in _SENTENCE_END.split(text.strip()):
        head, *tails = sentence.split(mark)
        if tails:
            timed += _texts_of_marks(head, tails)
        elif timed:
            timed[-1] = f"{timed[-1]} {sentence}".strip()
        elif sentence:
            untimed.append(sentence)
    marked = [Sentence(words, index) for index, words in enumerate(timed)]
    return (*([Sentence(" ".join(untimed), None)] if untimed else []), *marked)


def _texts_of_marks(head: str, tails: list[str]) -> list[str]:
    """The words of each mark of one sentence. head: what stands before its first mark; tails: what follows each."""
    last = len(tails) - 1
    texts = [_tidy(tail, leads=index < last) for index, tail in enumerate(tails)]
    opening = _tidy(head, leads=True)
    if opening:
        closes = not re.search(r"\w", texts[0])
        texts[0] = f"{opening}{'' if closes else ' '}{texts[0]}"
    for index in reversed(range(last)):
        if not texts[index]:
            texts[index] = texts[index + 1]
    for index in range(1, last + 1):
        if not re.search(r"\w", texts[index]):
            texts[index] = texts[index - 1]
    return texts if re.search(r"\w", "".join(texts)) else [""] * len(texts)


def _tidy(words: str, *, leads: bool) -> str:
    """Words without the punctuation that followed a mark and without what only leads to the next one."""
    words = words.lstrip(" \t\n,;:")
    if leads:
        words = _LEAD_IN.sub("", words).rstrip(" \t\n,;:")
        if _CONNECTION.fullmatch(words):
            return ""
    return words
