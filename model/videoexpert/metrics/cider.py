"""CIDEr (Vedantam et al., 2015): the variant with clipping and a penalty for another length, as coco-caption has it."""

import math
from collections import Counter
from collections.abc import Sequence

LONGEST_NGRAM = 4
SIGMA = 6.0
"""How quickly a difference in length costs, in bigrams."""

Ngrams = Counter[tuple[str, ...]]
Weighted = dict[tuple[str, ...], float]


def cider(pairs: Sequence[tuple[str, Sequence[str]]]) -> list[float]:
    """The score of each caption with its references, tokens between single spaces, 0 .. 10.

    How rare words are is counted over the references of all the pairs; a single pair scores 0.
    """
    cooked = [(_ngrams(said.split()), [_ngrams(true.split()) for true in truths]) for said, truths in pairs]
    frequency: Ngrams = Counter()
    for _, truths in cooked:
        frequency.update(set().union(*truths))
    rarest = math.log(len(cooked)) if cooked else 0.0
    return [
        10 * sum(_similarity(said, true, frequency, rarest) for true in truths) / len(truths) for said, truths in cooked
    ]


def _ngrams(tokens: Sequence[str]) -> Ngrams:
    sizes = range(1, LONGEST_NGRAM + 1)
    return Counter(tuple(tokens[at : at + size]) for size in sizes for at in range(len(tokens) - size + 1))


def _similarity(said: Ngrams, true: Ngrams, frequency: Ngrams, rarest: float) -> float:
    one, other = _weighted(said, frequency, rarest), _weighted(true, frequency, rarest)
    apart = _bigrams(said) - _bigrams(true)
    penalty = math.exp(-(apart**2) / (2 * SIGMA**2))
    return penalty * sum(_cosine(a, b) for a, b in zip(one, other, strict=True)) / LONGEST_NGRAM


def _weighted(ngrams: Ngrams, frequency: Ngrams, rarest: float) -> list[Weighted]:
    """The weights of the n-grams of each size."""
    weights: list[Weighted] = [{} for _ in range(LONGEST_NGRAM)]
    for ngram, count in ngrams.items():
        weights[len(ngram) - 1][ngram] = count * (rarest - math.log(max(1, frequency[ngram])))
    return weights


def _bigrams(ngrams: Ngrams) -> int:
    return sum(count for ngram, count in ngrams.items() if len(ngram) == 2)


def _cosine(said: Weighted, true: Weighted) -> float:
    shared = sum(min(weight, true[ngram]) * true[ngram] for ngram, weight in said.items() if ngram in true)
    norms = math.hypot(*said.values()) * math.hypot(*true.values())
    return shared / norms if norms else shared
