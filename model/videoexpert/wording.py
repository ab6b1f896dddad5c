"""Between words and ids: a user's question as the model reads it, and what the model wrote as text.

Where only the temporal head is to answer, the words "From [LOC]" are given to the model as the beginning of its
answer, as it was trained to write them (spec §10): the state that predicts `[LOC]` is then there for certain, and
nothing is generated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from videoexpert.captions import split_at_marks
from videoexpert.choice import Ids, common_beginning
from videoexpert.config import LOC
from videoexpert.errors import CheckpointError, RequestError
from videoexpert.prompts import VIDEO, Tokenizer, Turn, build_prompt, captioning, choosing

MARK = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for a `[LOC]` in a text: one character, which no written word can be taken for."""


class WritingTokenizer(Tokenizer, Protocol):
    """What is used of a tokenizer of transformers to read what a model wrote."""

    eos_token_id: int | None

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool) -> Any: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """shown: the words, for the record. ids: those behind the video. letters: the tokens to choose from next, one for
    each option; empty without options. sought: what is to be found, in the user's words; None where it is whatever the
    video has to show."""

    shown: str
    ids: Ids
    letters: Ids = ()
    sought: str | None = None


def visual_prefix(tokenizer: Tokenizer) -> Ids:
    """The ids up to and with the video, the same for every question."""
    return build_prompt([captioning()], tokenizer).prefix


def open_question(turn: Turn, tokenizer: Tokenizer, *, sought: str | None = None) -> Asked:
    """A question that the model answers in its own words."""
    prompt = build_prompt([turn], tokenizer)
    return Asked(_shown(turn.question), prompt.question, sought=sought)


def located_question(turn: Turn, tokenizer: Tokenizer, *, loc_id: int, sought: str | None = None) -> Asked:
    """A question that the temporal head answers: the ids end with `[LOC]`, which is the token `loc_id`."""
    prompt = build_prompt([Turn(turn.question, f"From {LOC}.")], tokenizer)
    end = prompt.question.index(loc_id) + 1
    return Asked(_shown(turn.question, f"From {LOC}"), prompt.question[:end], sought=sought)


def choice_question(question: str, options: Sequence[str], tokenizer: Tokenizer) -> Asked:
    """A question with options: the ids hold "From [LOC]. Option", and the letter comes next (spec §10d).

    Raises CheckpointError where the tokenizer has no single token for each letter.
    """
    turns = [choosing(question, options, correct=index, evidence=True) for index in range(len(options))]
    prompts = [build_prompt([turn], tokenizer) for turn in turns]
    try:
        ids, letters = common_beginning([prompt.question for prompt in prompts])
    except ValueError as error:
        raise CheckpointError(f"the model's tokenizer does not fit multiple choice: {error}") from error
    return Asked(_shown(turns[0].question, f"From {LOC}. Option"), ids, letters, question)


def written_text(ids: Sequence[int], loc_indices: Sequence[int], tokenizer: WritingTokenizer) -> str:
    """What a model wrote, with a `MARK` for the `[LOC]` at each of `loc_indices` (rising)."""
    starts, ends = [0, *(index + 1 for index in loc_indices)], [*loc_indices, len(ids)]
    parts = (tokenizer.decode(list(ids[a:b]), skip_special_tokens=True) for a, b in zip(starts, ends, strict=True))
    return MARK.join(part.replace(MARK, "") for part in parts)


def spoken_of(text: str, *, otherwise: str) -> list[str]:
    """What the `MARK`s of a text speak of, in their order: each one's sentence, `otherwise` where it has no words."""
    sentences = {said.mark: said.text for said in split_at_marks(text, mark=MARK)}
    return [sentences.get(index, "").rstrip(".!? ") or otherwise for index in range(text.count(MARK))]


def plain(words: str) -> str:
    """A user's words, as they are. Raises RequestError where there are none, or a mark of the model's own."""
    if not words.strip():
        raise RequestError("a question must not be empty")
    for mark in (LOC, VIDEO):
        if mark in words:
            raise RequestError(
                f"a question must not contain {mark}, which the model gives a meaning", hint="leave it out"
            )
    return words


def _shown(question: str, answer: str = "") -> str:
    return f"USER: {question} ASSISTANT: {answer}".rstrip()
