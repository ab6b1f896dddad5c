"""Several lessons as one batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from videoexpert.config import IGNORED
from videoexpert.nn.losses import MomentTargets


@dataclass(frozen=True, slots=True)
class Lesson:
    """An example as numbers.

    ids, labels: [L]; visual: [N, D], float16; targets: of its n `[LOC]`s. origin: `file:line`.
    """

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    visual: Tensor
    targets: MomentTargets
    origin: str


@dataclass(frozen=True, slots=True)
class Batch:
    """B lessons for `VideoExpert.forward`, which says the shapes. origins: [B], where each comes from."""

    ids: Tensor
    lengths: tuple[int, ...]
    labels: Tensor
    visual: Tensor
    targets: MomentTargets
    origins: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, int, int]:
        """What its losses are means over: learnt tokens, frames seen from `[LOC]`s, frames inside moments."""
        inside = self.targets.inside
        return int((self.labels != IGNORED).sum()), inside.numel(), int(inside.sum())

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        moved = {name: getattr(self, name).to(device) for name in ("ids", "labels", "visual")}
        queries = None if self.targets.queries is None else self.targets.queries.to(device)
        targets = MomentTargets(self.targets.nearest.to(device), self.targets.inside.to(device), queries)
        return replace(self, targets=targets, **moved)


def collate(lessons: Sequence[Lesson]) -> Batch:
    """One batch of lessons that were seen in equally many frames; ids are padded on the right."""
    ids = pad_sequence([torch.tensor(lesson.ids) for lesson in lessons], batch_first=True)
    labels = pad_sequence(
        [torch.tensor(lesson.labels) for lesson in lessons], batch_first=True, padding_value=float(IGNORED)
    )
    queries = [lesson.targets.queries for lesson in lessons if lesson.targets.queries is not None]
    targets = MomentTargets(
        torch.cat([lesson.targets.nearest for lesson in lessons]),
        torch.cat([lesson.targets.inside for lesson in lessons]),
        torch.cat(queries) if queries else None,
    )
    return Batch(
        ids,
        tuple(len(lesson.ids) for lesson in lessons),
        labels,
        torch.stack([lesson.visual for lesson in lessons]),
        targets,
        tuple(lesson.origin for lesson in lessons),
    )
