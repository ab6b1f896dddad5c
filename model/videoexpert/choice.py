"""Multiple choice by constrained scoring: how likely each option's letter is where the answer names one. Pure."""

from collections.abc import Sequence

import numpy as np

from videoexpert.decode import FloatArray

Ids = tuple[int, ...]

_SUREST = 1e-6
"""Scores are taken to be this far from 0 and 1 at least."""


def common_beginning(answers: Sequence[Ids]) -> tuple[Ids, Ids]:
    """What all answers begin with, and the one token each goes on with, which tells them apart.

    answers: the ids of two or more texts that end in "Option A.", "Option B.", ... after the same words.
    Raises ValueError where a single token does not tell them all apart.
    """
    length = next((i for i, tokens in enumerate(zip(*answers, strict=False)) if len(set(tokens)) > 1), None)
    letters = () if length is None else tuple(answer[length] for answer in answers)
    if length is None or len(set(letters)) < len(answers):
        raise ValueError(f"no single token tells {len(answers)} answers apart")
    return answers[0][:length], letters


def choose(log_probabilities: FloatArray, evidence: FloatArray) -> int:
    """The likeliest option over all windows.

    log_probabilities [W, K]: of each option's letter in each window; within a window only their ratios count.
    evidence [W]: the best class score of what was asked about, which is how far a window knows: its options'
    probabilities count by it.
    """
    return int(np.argmax(evidence @ _shares(log_probabilities)))


def choose_seen(log_probabilities: FloatArray, seen: FloatArray) -> int:
    """The option that some window shows most surely, where what it shows is known.

    log_probabilities: as of `choose`. seen [W, K]: how likely each option is seen in each window, 0 .. 1. It counts by
    its odds, so that of two things that may well both be there the surer one wins; how surely the letters speak then
    decides between options that are seen alike.
    """
    likely = np.clip(seen, _SUREST, 1 - _SUREST)
    return int(np.argmax((np.log(likely / (1 - likely)) + np.log(_shares(log_probabilities) + _SUREST)).max(axis=0)))


def _shares(log_probabilities: FloatArray) -> FloatArray:
    """The probabilities of the options among themselves, in each window: [W, K]."""
    letters = np.exp(log_probabilities - log_probabilities.max(axis=1, keepdims=True))
    shares: FloatArray = letters / letters.sum(axis=1, keepdims=True)
    return shares
