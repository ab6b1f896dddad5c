"""Multiple choice by constrained scoring: how likely each option's letter is where the answer names one. Pure."""

from collections.abc import Sequence

import numpy as np

from videoexpert.decode import FloatArray

Ids = tuple[int, ...]


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
    letters = np.exp(log_probabilities - log_probabilities.max(axis=1, keepdims=True))
    shares = letters / letters.sum(axis=1, keepdims=True)
    return int(np.argmax(evidence @ shares))
