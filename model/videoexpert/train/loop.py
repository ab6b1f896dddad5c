"""The loop: one optimiser step after the other, each the same whenever and however often it is begun."""

import math
import random
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from videoexpert.data.collate import Batch, collate
from videoexpert.data.dataset import LessonDataset
from videoexpert.errors import TrainingError
from videoexpert.train.job import Team
from videoexpert.train.learner import StepLosses, part_weights, shares
from videoexpert.train.options import TrainOptions

_AHEAD = 2
"""Steps whose batches are made while the one before is computed."""


@dataclass(frozen=True, slots=True)
class Done:
    """A step that was done. gradient: its norm before clipping. seconds: from the end of the one before."""

    step: int
    losses: StepLosses
    rate: float
    gradient: float
    seconds: float


class Loop:
    """Steps of a team on a dataset; `total` of them."""

    def __init__(self, team: Team, dataset: LessonDataset, options: TrainOptions) -> None:
        self._team, self._dataset, self._options = team, dataset, options
        self._accelerator = team.accelerator
        self.total = options.total_steps(len(dataset), self._accelerator.num_processes)

    def steps(self, done: int, *, should_stop: Callable[[], bool]) -> Generator[Done, None, None]:
        """Do the steps after the first `done`. Ends early, between two steps, where any process should stop.

        Raises TrainingError, naming the records, where a loss or a gradient is no finite number.
        """
        self._team.shared.train()
        started = time.monotonic()
        for step, batches in _ahead(self.batches, range(done, self.total)):
            whole, stop = self._count(batches, should_stop())
            if stop:
                return
            torch.manual_seed(self._seed(step))
            losses = self._learn(step, batches, whole)
            rate, gradient = self._options.rate(step, self.total), self._update(step, batches)
            now = time.monotonic()
            yield Done(step + 1, losses, rate, gradient, now - started)
            started = now

    def _draws(self, step: int) -> list[range]:
        """The draws of this process in a step, batch by batch; the processes' draws follow each other."""
        size, processes = self._options.batch, self._accelerator.num_processes
        first = step * self._options.examples_per_step(processes) + self._accelerator.process_index * size
        starts = [first + part * processes * size for part in range(self._options.accumulate)]
        return [range(start, start + size) for start in starts]

    def batches(self, step: int) -> list[Batch]:
        """The batches of this process in a step (from 0)."""
        return [collate([self._dataset[draw] for draw in draws]) for draws in self._draws(step)]

    def _count(self, batches: Sequence[Batch], stop: bool) -> tuple[list[float], bool]:
        """What is counted in all batches of a step, in all processes; and whether any process should stop."""
        counted = [sum(values) for values in zip(*(batch.counts for batch in batches), strict=True)]
        *counts, stops = self._sum(torch.tensor([*counted, stop], dtype=torch.float64)).tolist()
        return counts, stops > 0

    def _seed(self, step: int) -> int:
        return random.Random(f"{self._options.seed}/step/{step}/{self._accelerator.process_index}").getrandbits(63)

    def _learn(self, step: int, batches: Sequence[Batch], whole: Sequence[float]) -> StepLosses:
        """Forward and backward of a step; the gradients are those of the losses over all batches together."""
        team, processes = self._team, self._accelerator.num_processes
        sums = torch.zeros(4, device=self._accelerator.device)
        for number, batch in enumerate(batches, start=1):
            # Gradients travel between the processes once a step, where they are averaged: hence times `processes`.
            joining = nullcontext() if number == len(batches) else self._accelerator.no_sync(team.shared)
            with joining:
                parts = team.shared(batch.to(self._accelerator.device))
                if not bool(parts.isfinite().all()):
                    raise self._broken(step, "the loss is not a finite number", batch.origins)
                mine = parts * parts.new_tensor(shares(batch.counts, whole))
                self._accelerator.backward((mine * parts.new_tensor(part_weights())).sum() * processes)
            sums += mine.detach()
        return StepLosses.of(self._sum(sums).tolist())

    def _update(self, step: int, batches: Sequence[Batch]) -> float:
        optimiser = self._team.optimiser
        norm = float(self._accelerator.clip_grad_norm_(self._team.trained, self._options.clip))
        if not math.isfinite(norm):
            raise self._broken(step, "the gradient is not finite", [o for batch in batches for o in batch.origins])
        for group in optimiser.param_groups:
            group["lr"] = self._options.rate(step, self.total)
        optimiser.step()
        optimiser.zero_grad()
        return norm

    def _broken(self, step: int, what: str, origins: Sequence[str]) -> TrainingError:
        """The error that names the records which alone give no finite loss; all of the batch where none does."""
        guilty = []
        for draw in (draw for draws in self._draws(step) for draw in draws):
            lesson = self._dataset[draw]
            if lesson.origin in origins and lesson.origin not in guilty:
                with torch.no_grad():
                    parts = self._team.learner(collate([lesson]).to(self._accelerator.device))
                if not bool(parts.isfinite().all()):
                    guilty.append(lesson.origin)
        alone = guilty and len(guilty) < len(set(origins))
        hint = "leave it out, or correct it" if alone else "a lower learning rate may help"
        return TrainingError(f"{', '.join(guilty or origins)}: {what} in step {step + 1}", hint=hint)

    def _sum(self, values: Tensor) -> Tensor:
        """The sum over all processes."""
        if self._accelerator.num_processes == 1:
            return values
        total: Tensor = self._accelerator.reduce(values.to(self._accelerator.device), reduction="sum")
        return total


def _ahead(make: Callable[[int], list[Batch]], steps: range) -> Iterator[tuple[int, list[Batch]]]:
    """What `make` gives for each step, made in a thread while the steps before are used."""
    thread = ThreadPoolExecutor(1)
    try:
        coming: deque[Future[list[Batch]]] = deque(thread.submit(make, step) for step in steps[:_AHEAD])
        for step in steps:
            batches = coming.popleft().result()
            if step + _AHEAD < steps.stop:
                coming.append(thread.submit(make, step + _AHEAD))
            yield step, batches
    finally:
        thread.shutdown(cancel_futures=True)
