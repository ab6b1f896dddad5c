"""Draws from several sources: the order is the seed's, and nothing is drawn more often than it should be."""

from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.data.mixture import Mixture

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@given(SIZES, st.integers(0, 5), st.integers(0, 9))
def test_without_weights_an_epoch_draws_each_example_once(sizes: list[int], epoch: int, seed: int) -> None:
    mixture = Mixture(tuple(sizes), seed=seed)
    assert sorted(mixture.epoch(epoch)) == list(range(sum(sizes)))
    assert mixture.epoch(epoch) == Mixture(tuple(sizes), seed=seed).epoch(epoch)


@given(SIZES, st.data())
def test_weights_are_kept_in_every_epoch_and_no_example_is_favoured(sizes: list[int], data: st.DataObject) -> None:
    weights = tuple(data.draw(st.floats(0.1, 10)) for _ in sizes)
    mixture = Mixture(tuple(sizes), weights, seed=1)
    starts = [0, *accumulate(sizes)]
    drawn = Counter(index for epoch in range(4) for index in mixture.epoch(epoch))
    for source, weight in enumerate(weights):
        counts = [drawn[index] for index in range(starts[source], starts[source + 1])]
        assert max(counts) - min(counts) <= 1
        assert abs(sum(counts) / 4 - sum(sizes) * weight / sum(weights)) <= 1
    assert sum(drawn.values()) == 4 * sum(sizes)


def test_epochs_and_seeds_differ() -> None:
    orders = [Mixture((50,), seed=seed).epoch(epoch) for seed in range(3) for epoch in range(3)]
    assert len(set(map(tuple, orders))) == 9


def test_a_mixture_needs_examples_and_a_weight_for_each_source() -> None:
    for sizes, weights in (((3, 0), ()), ((), ()), ((3, 3), (1.0,)), ((3,), (0.0,))):
        with pytest.raises(ValueError, match="source"):
            Mixture(sizes, weights)
