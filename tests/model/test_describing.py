"""Sentences and the times that are given to them."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from videoexpert.config import Decoding
from videoexpert.decode import FloatArray, Located
from videoexpert.describing import describe
from videoexpert.options import GenerationOptions
from videoexpert.timeline import Span
from videoexpert.viewing import Viewing, Written
from videoexpert.windows import WindowPlan
from videoexpert.wording import MARK, Asked

VIDEO = Span(0.0, 20.0)


class Told:
    """Has written this, whatever is asked."""

    def __init__(self, sentences: Sequence[str], decoding: Decoding, sureness: FloatArray | None = None) -> None:
        scores = np.repeat([0.9, 0.1, 0.8, 0.1, 0.2], 4)
        middle = np.arange(20)[:, None] / 20
        located = Located(VIDEO, scores, np.hstack((middle, middle + 0.05)), decoding)
        text = " ".join(f"From {MARK}, {sentence}" for sentence in sentences)
        self._written = Written(text, (located,) * len(sentences), (), sureness)

    def write(self, window: int, asked: Sequence[Asked], options: GenerationOptions) -> list[Written]:
        return [self._written]


def told(*sentences: str, decoding: Decoding = "regions") -> list[tuple[str | None, float, float]]:
    plan = WindowPlan(VIDEO.duration, (VIDEO,))
    moments, warnings = describe(cast(Viewing, Told(sentences, decoding)), plan, Asked("", ()), GenerationOptions())
    assert warnings == ()
    return [(moment.text, moment.span.start, moment.span.end) for moment in moments]


def test_what_is_told_twice_is_shown_twice() -> None:
    assert told("a cat.", "a dog.", "a cat.") == [("A cat.", 0, 4), ("A dog.", 0, 4), ("A cat.", 8, 12)]


def test_what_is_told_more_often_than_it_is_shown_is_said_once_for_each() -> None:
    assert told("a cat.", "a cat.", "a cat.", "a cat.") == [("A cat.", 0, 4), ("A cat.", 8, 12)]


def test_windows_that_are_much_alike_are_no_second_time() -> None:
    assert len(told("a cat.", "a cat.", decoding="windows")) == 1


def test_a_sentence_is_no_surer_than_what_it_was_read_from() -> None:
    sureness = np.repeat([0.5, 1.0], [4, 16])
    plan = WindowPlan(VIDEO.duration, (VIDEO,))
    viewing = cast(Viewing, Told(("a cat.", "a cat."), "regions", sureness))
    moments, _ = describe(viewing, plan, Asked("", ()), GenerationOptions())
    assert [moment.score for moment in moments] == pytest.approx([0.45, 0.8])
