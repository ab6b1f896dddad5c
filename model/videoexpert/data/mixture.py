"""In which order examples of several sources are drawn: seeded, and known for any draw without those before it."""

import random
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Mixture:
    """An endless sequence of draws from sources of these sizes, in epochs of as many draws as there are examples.

    weights: how often each source is drawn from, relative to each other; none: as often as it has examples, which
    draws each example once in each epoch. Every example of a source comes before one of it comes again.
    """

    sizes: tuple[int, ...]
    weights: tuple[float, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"every source needs an example, got sizes {self.sizes}")
        if self.weights and (len(self.weights) != len(self.sizes) or min(self.weights) <= 0):
            raise ValueError(f"{len(self.sizes)} sources need as many weights above 0, got {self.weights}")

    def __len__(self) -> int:
        """Draws in an epoch."""
        return sum(self.sizes)

    @property
    def quotas(self) -> tuple[int, ...]:
        """Draws from each source in an epoch: the weights' shares, rounded so that they add up."""
        weights = self.weights or self.sizes
        ends = [round(part * len(self) / sum(weights)) for part in accumulate(weights)]
        return tuple(end - start for start, end in zip([0, *ends], ends, strict=False))

    def epoch(self, number: int) -> list[int]:
        """The examples of an epoch (from 0) in their order, as indices into the sources laid end to end."""
        starts = [0, *accumulate(self.sizes)]
        drawn = [
            starts[source] + index
            for source, quota in enumerate(self.quotas)
            for index in self._drawn(source, number * quota, (number + 1) * quota)
        ]
        random.Random(f"{self.seed}/epoch/{number}").shuffle(drawn)
        return drawn

    def _drawn(self, source: int, start: int, stop: int) -> list[int]:
        """What the draws [start, stop) from a source give: one pass over it after the other, each in a new order."""
        size, drawn = self.sizes[source], list[int]()
        for turn in range(start // size, -(-stop // size)):
            order = list(range(size))
            random.Random(f"{self.seed}/source/{source}/{turn}").shuffle(order)
            drawn += order[max(0, start - turn * size) : stop - turn * size]
        return drawn
