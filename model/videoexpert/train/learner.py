"""What one step computes: a model's losses on batches, put together as if all of them had been one batch.

A batch's losses are means over its own tokens, frames and moments. Summed over the batches of a step, in all processes,
each weighted with its share of what is counted, they are the losses of the published recipe (spec §7) over the whole
step, however it was divided.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videoexpert.data.collate import Batch
from videoexpert.nn.losses import LossWeights
from videoexpert.nn.model import VideoExpert
from videoexpert.train.trainable import LocRow

PARTS = ("token", "inside", "border", "overlap")
"""The parts of the loss, in the order in which they are computed with here."""

_WEIGHTS = LossWeights()


@dataclass(frozen=True, slots=True)
class StepLosses:
    """The parts, unweighted, and their weighted sum."""

    total: float
    token: float
    inside: float
    border: float
    overlap: float

    @classmethod
    def of(cls, parts: Sequence[float]) -> "StepLosses":
        """The losses with these parts, in the order of PARTS."""
        return cls(sum(w * part for w, part in zip(part_weights(), parts, strict=True)), *parts)


class Learner(nn.Module):
    """A model and its trained `[LOC]` rows as one module, for optimisers and for wrappers that join processes."""

    def __init__(self, model: VideoExpert, row: LocRow | None) -> None:
        super().__init__()
        self.model, self.row = model, row

    def forward(self, batch: Batch) -> Tensor:
        """The parts of the loss of a batch: [4], float32, in the order of PARTS."""
        output = self.model(batch.ids, batch.visual, lengths=batch.lengths, labels=batch.labels, targets=batch.targets)
        losses = output.loss
        moments = losses.moments
        if moments is None:
            # Without a [LOC] the head has gradients of 0, not none: processes wait for those of every parameter.
            trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
            none = torch.stack([parameter.sum().float() for parameter in trained]).sum() * 0.0
            return torch.stack((losses.token, none, none, none)).float()
        return torch.stack((losses.token, moments.inside, moments.border, moments.overlap)).float()


def part_weights() -> tuple[float, ...]:
    """What each part counts in the sum (spec §7)."""
    inside, border, overlap = (_WEIGHTS.moment * w for w in (_WEIGHTS.inside, _WEIGHTS.border, _WEIGHTS.overlap))
    return _WEIGHTS.token, inside, border, overlap


def part_counts(counts: Sequence[float]) -> tuple[float, ...]:
    """What each part is a mean over, of a batch's `Batch.counts` or of their sums."""
    tokens, frames, inside = counts
    return tokens, frames, inside, inside


def shares(batch: Sequence[float], whole: Sequence[float]) -> list[float]:
    """The part of the whole that a batch is, for each part of the loss: [4], 0 .. 1."""
    return [mine / all_ if all_ else 0.0 for mine, all_ in zip(part_counts(batch), part_counts(whole), strict=True)]
