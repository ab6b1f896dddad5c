"""A model's text taken apart at its time marks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.captions import Sentence, split_at_marks


@pytest.mark.parametrize(
    "text, expected",
    [
        ("From [LOC], a man sits down. From [LOC], he reads.", ["a man sits down.", "he reads."]),
        ("From[LOC] , a man sits.  From [LOC] he reads", ["a man sits.", "he reads"]),
        ("During [LOC], Mr. Smith waves. He smiles! From [LOC], he goes.", ["Mr. Smith waves. He smiles!", "he goes."]),
        ("[LOC] a dog. [LOC] a cat.", ["a dog.", "a cat."]),
        ("A man runs during [LOC].", ["A man runs."]),
        ("The man runs from [LOC] along a river.", ["The man runs along a river."]),
        ("From [LOC], he sits. Then he runs during [LOC].", ["he sits.", "Then he runs."]),
        ("From [LOC], he runs, and from [LOC], he walks.", ["he runs, and", "he walks."]),
        ("From [LOC] and [LOC], he runs.", ["he runs.", "he runs."]),
        ("He runs in [LOC] and [LOC].", ["He runs", "He runs"]),
        ("From [LOC].", [""]),
        ("From [LOC]. Option A.", ["Option A."]),
        ("From [LOC]", [""]),
    ],
)
def test_each_mark_has_its_words(text: str, expected: list[str]) -> None:
    assert split_at_marks(text, mark="[LOC]") == tuple(Sentence(words, i) for i, words in enumerate(expected))


def test_words_without_a_time_are_kept_and_come_first() -> None:
    text = "The video shows a park. It is sunny. From [LOC], a dog runs."
    assert split_at_marks(text, mark="[LOC]") == (
        Sentence("The video shows a park. It is sunny.", None),
        Sentence("a dog runs.", 0),
    )


@pytest.mark.parametrize("text", ["A dog runs.", "A dog runs. It is happy"])
def test_a_text_without_any_mark_is_kept_as_it_is(text: str) -> None:
    assert split_at_marks(text, mark="[LOC]") == (Sentence(text, None),)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_nothing_gives_nothing(text: str) -> None:
    assert split_at_marks(text, mark="[LOC]") == ()


PIECES = st.lists(st.sampled_from(["[LOC]", "dog", "runs", "From", "and", ".", ",", "!", " ", "  ", "\n", "3.5"]))
LEADS = {"from", "during", "in", "at", "between", "within", "and", "to", "or", "until", "then"}


@given(PIECES.map("".join))
def test_no_word_is_lost_and_every_mark_is_there_once(text: str) -> None:
    sentences = split_at_marks(text, mark="[LOC]")
    marks = [sentence.mark for sentence in sentences if sentence.mark is not None]
    assert marks == list(range(text.count("[LOC]")))
    kept = re.findall(r"[\w.]*\w", " ".join(sentence.text for sentence in sentences))
    for word in re.findall(r"[\w.]*\w", text.replace("[LOC]", " ")):
        assert word in kept or word.lower() in LEADS
