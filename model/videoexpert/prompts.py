"""What is asked, in words and in ids: question templates (spec §10), the conversation "v1" and its tokens (spec §8).

The only user of the tokenizer. A dialogue is a list of turns; its text names the video once, where `<video>` stands.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from videoexpert.config import IGNORED, LOC, VIDEO_ID
from videoexpert.errors import DataError
from videoexpert.timeline import LETTERS

VIDEO = "<video>"
SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions."
)
BASED_ON = "Based on the given video, answer the question: "
HIGHLIGHTS = "the most interesting moments"
"""What is asked for where highlights are wanted without a query: the model finds only what is named."""

GROUNDING = (
    "During which frames can we see {}?",
    "When does {} happen in the video?",
    "At what point in the video does {} happen?",
    "When is {} depicted in the video?",
    "At what time in the video does {} take place?",
)
DESCRIPTION = (
    "Provide a detailed description of the given video.",
    "Describe the provided video in detail.",
    "Summarize the visual content of the video.",
    "Write a informative summary of the video.",
    "Provide a detailed description of the events shown in the video.",
)
TIMESTAMPS = (
    "Each sentence should begin with the timestamps.",
    "At the beginning of each sentence, include the timestamps.",
    "Prepend each sentence with its timestamps.",
    "Please specify the exact time of each sentence.",
)
EVIDENCE = (
    "During which frames can we see the Question happen?",
    "When does the Question happen in the video?",
    "At what time in the video does the Question take place?",
)
_CHOOSE = "considering the information presented in the video, select the correct answer from the options ({})."
_INTERVAL = re.compile(r"(<s\d+>)\s+(?:to|and|between)\s+(<e\d+>)", re.IGNORECASE)
_LEADING_LOC = re.compile(r"(?:^|(?<=[.!?]\s)) +" + re.escape(LOC))

_T = TypeVar("_T")


class Tokenizer(Protocol):
    """What is used of a tokenizer of transformers."""

    bos_token_id: int | None
    eos_token: str

    def __call__(self, text: str, *, add_special_tokens: bool) -> Any: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; None where the model is to answer."""

    question: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A dialogue as ids. ids: [L], `VIDEO_ID` once. labels: [L], `IGNORED` on what is not learnt (spec §8)."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.labels) or self.ids.count(VIDEO_ID) != 1:
            raise ValueError(f"{len(self.ids)} ids, {len(self.labels)} labels, {self.ids.count(VIDEO_ID)} videos")

    @property
    def prefix(self) -> tuple[int, ...]:
        """What comes up to and with the video: the same for every question."""
        return self.ids[: self.ids.index(VIDEO_ID) + 1]

    @property
    def question(self) -> tuple[int, ...]:
        """What comes after the video."""
        return self.ids[self.ids.index(VIDEO_ID) + 1 :]


def pick(templates: Sequence[_T], choice: random.Random | None) -> _T:
    """One of the templates: drawn by `choice`, or the first, so that asking twice asks the same."""
    return templates[0] if choice is None else choice.choice(templates)


def grounding(query: str, *, answered: bool = False, choice: random.Random | None = None) -> Turn:
    """When does `query` happen (spec §10b)? answered: with the answer that is learnt."""
    template = pick(GROUNDING, choice)
    return Turn(f"{VIDEO}\n{BASED_ON}{template.format(_phrase(query))}", f"From {LOC}." if answered else None)


def captioning(sentences: Sequence[str] | None = None, *, choice: random.Random | None = None) -> Turn:
    """What happens, and when (spec §10c)? sentences: the answer that is learnt, in time order."""
    question = f"{VIDEO}\n{BASED_ON}{pick(DESCRIPTION, choice)} {pick(TIMESTAMPS, choice)}"
    if sentences is None:
        return Turn(question)
    told = (text if text.endswith(".") else f"{text}." for text in sentences)
    return Turn(question, " ".join(f"From {LOC}, {text}" for text in told))


def choosing(
    question: str,
    options: Sequence[str],
    *,
    correct: int | None = None,
    evidence: bool = False,
    choice: random.Random | None = None,
) -> Turn:
    """Which option answers `question` (spec §10d)? correct: the index that is learnt; evidence: asks when, too."""
    letters = option_letters(len(options))
    listed = " ".join(f"Option {letter}: {option}" for letter, option in zip(letters, options, strict=True))
    choose = _CHOOSE.format(", ".join(letters))
    ask = f"{pick(EVIDENCE, choice)} Then, {choose}" if evidence else choose[0].upper() + choose[1:]
    text = f"{VIDEO}\nQuestion: {_asked(question)} {listed} {ask}"
    if correct is None:
        return Turn(text)
    return Turn(text, (f"From {LOC}. " if evidence else "") + f"Option {letters[correct]}.")


def option_letters(count: int) -> tuple[str, ...]:
    """A, B, C, ... for 1 to 26 options."""
    if not 1 <= count <= 26:
        raise ValueError(f"from 1 to 26 options can be given, got {count}")
    return LETTERS[:count]


def asking(question: str, *, answer: str | None = None, evidence: bool = False) -> Turn:
    """A free question, put like the others (spec §10b). answer: what is learnt; evidence: begins with when."""
    if answer is not None and evidence:
        answer = f"From {LOC}. {answer}"
    return Turn(f"{VIDEO}\n{BASED_ON}{_asked(question)}", answer)


def located_dialogue(messages: Sequence[tuple[str, str]]) -> tuple[list[Turn], list[tuple[str, str]]]:
    """Turns of an annotated conversation, and the names of the start and end behind each `[LOC]` (spec §10a).

    messages: (question, answer) texts, in which `<s0> to <e0>` names a time. A question with a time is left out, with
    its answer. Names come in small letters.
    """
    turns: list[Turn] = []
    intervals: list[tuple[str, str]] = []
    for question, answer in messages:
        if _INTERVAL.search(question):
            continue
        intervals += [(found[1].lower(), found[2].lower()) for found in _INTERVAL.finditer(answer)]
        turns.append(Turn(question, _LEADING_LOC.sub(f"During {LOC}", _INTERVAL.sub(LOC, answer))))
    if turns:
        first = turns[0].question.replace("<image>", VIDEO)
        turns[0] = Turn(first if VIDEO in first else f"{VIDEO}\n{first}", turns[0].answer)
    return turns, intervals


def dialogue_text(turns: Sequence[Turn], *, end: str) -> str:
    """The conversation as it is read; `end` (`</s>`) closes each answer (spec §8)."""
    return "".join(_pieces(turns, end))


def build_prompt(turns: Sequence[Turn], tokenizer: Tokenizer) -> Prompt:
    """The ids of a dialogue and what is learnt of it: the answers and the tokens that end them (spec §8).

    The text is split at `<video>` and each half is tokenised by itself; only the first begins with BOS.
    Raises DataError where the text names the video more or less than once, or where the tokenizer joins a question's
    end with its answer, so that nobody could say which tokens are learnt.
    """
    pieces = list(_pieces(turns, tokenizer.eos_token))
    head, *tails = "".join(pieces).split(VIDEO)
    if len(tails) != 1:
        raise DataError(f"a dialogue must contain {VIDEO} once, not {len(tails)} times")
    tail = tails[0]
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    before, after = start + _ids(tokenizer, head), _ids(tokenizer, tail)
    labels = [IGNORED] * len(after)
    end = -len(head) - len(VIDEO)  # where the pieces read so far end in the second half
    for index, piece in enumerate(pieces):
        begin, end = end, end + len(piece)
        if index % 2 and piece:
            first, stop = (_count(tokenizer, tail[:cut], after) for cut in (begin, end))
            labels[first:stop] = after[first:stop]
    return Prompt((*before, VIDEO_ID, *after), (*[IGNORED] * (len(before) + 1), *labels))


def _pieces(turns: Sequence[Turn], end: str) -> Iterator[str]:
    """What is given and what is learnt, by turns: the even pieces are given, the odd ones are answers."""
    given = f"{SYSTEM} "
    for turn in turns:
        yield f"{given}USER: {turn.question} ASSISTANT:"
        yield "" if turn.answer is None else f" {turn.answer}{end}"
        given = ""


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)


def _count(tokenizer: Tokenizer, text: str, whole: Sequence[int]) -> int:
    """How many of the ids `whole` the beginning `text` of their text takes."""
    ids = _ids(tokenizer, text)
    if list(whole[: len(ids)]) != ids:
        raise DataError(f"the tokenizer joins {text[-20:]!r} with what follows it")
    return len(ids)


def _phrase(query: str) -> str:
    """A query as part of a sentence: no full stop at its end, a small first letter (spec §10b)."""
    query = query.strip().rstrip(".")
    return query[0].lower() + query[1:] if len(query) > 1 else query


def _asked(question: str) -> str:
    question = question.strip()
    return question if question.endswith("?") else f"{question}?"
