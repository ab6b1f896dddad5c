"""The training losses (spec §7): the next token, and for each `[LOC]` the frames in its moment and the borders."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from videoexpert.config import IGNORED
from videoexpert.nn.locator import LocatorOutput

BACKGROUND_WEIGHT = 0.1
"""Weight of the frames outside the moment in the class loss (spec §7)."""


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each part counts. token and moment: the two halves; inside, border, overlap: within the second (spec §7)."""

    token: float = 1.0
    moment: float = 1.0
    inside: float = 2.0
    border: float = 5.0
    overlap: float = 2.0


@dataclass(frozen=True, slots=True)
class MomentTargets:
    """What the head should say for n `[LOC]`s, batch-major (spec §6).

    nearest: [n, T, 2], the window that each frame belongs to, as fractions of the duration. inside: [n, T], whether the
    frame lies in it. queries: [n, E], what each asks for, which a match channel has to be told.
    """

    nearest: Tensor
    inside: Tensor
    queries: Tensor | None = None


@dataclass(frozen=True, slots=True)
class MomentLosses:
    """The parts about moments, unweighted scalars (spec §7: loss_f, loss_b, loss_g)."""

    inside: Tensor
    border: Tensor
    overlap: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        """2 f + 5 b + 2 g with the published weights."""
        return weights.inside * self.inside + weights.border * self.border + weights.overlap * self.overlap


@dataclass(frozen=True, slots=True)
class Losses:
    """All parts, unweighted scalars, and their weighted sum. moments: None where the batch has no `[LOC]`."""

    total: Tensor
    token: Tensor
    moments: MomentLosses | None


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of `logits` [M, V] with the learnt `labels` [M]; 0 where M is 0 (spec §7, ce)."""
    return F.cross_entropy(logits.float(), labels, reduction="sum") / max(len(labels), 1)


def learnt(labels: Tensor) -> Tensor:
    """[B, S], True where the logits predict a token that is learnt: one position before it (spec §7, ce)."""
    return F.pad(labels[:, 1:], (0, 1), value=IGNORED) != IGNORED


def moment_losses(scores: Tensor, windows: Tensor, targets: MomentTargets) -> MomentLosses:
    """Compare `scores` [n, T] in [0, 1] and `windows` [n, T, 2] with the targets (spec §7).

    Where no frame lies in any moment, border and overlap are 0 (the reference has NaN there).
    """
    inside = targets.inside.to(scores.dtype)
    weight = torch.where(targets.inside.bool(), 1.0, BACKGROUND_WEIGHT)
    # F.binary_cross_entropy clamps its logarithms at -100, which is what the spec asks for.
    # Its check that scores lie in [0, 1] would end the program for one that is NaN, which then is in the sum instead.
    class_loss = F.binary_cross_entropy(scores.nan_to_num(), inside, weight=weight) + 0.0 * scores.sum()
    count = inside.sum().clamp(min=1)
    distance = F.smooth_l1_loss(windows, targets.nearest, reduction="none").sum(dim=-1)
    border = (distance * inside).sum() / count
    overlap = ((1 - _giou(windows, targets.nearest)) * inside).sum() / count
    return MomentLosses(class_loss, border, overlap)


def all_losses(
    token: Tensor, located: LocatorOutput | None, targets: MomentTargets | None, weights: LossWeights
) -> Losses:
    """The weighted sum; without a `[LOC]` in the batch the token loss alone (spec §7, total)."""
    if located is None or targets is None:
        return Losses(weights.token * token, token, None)
    moments = moment_losses(located.scores, located.windows, targets)
    return Losses(weights.token * token + weights.moment * moments.total(weights), token, moments)


def _giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised intersection over union of windows [..., 2]: IoU - (hull - union) / hull, in (-1, 1]."""
    low, high = torch.maximum(first, second), torch.minimum(first, second)
    shared = (high[..., 1] - low[..., 0]).clamp(min=0)
    lengths = (first[..., 1] - first[..., 0]) + (second[..., 1] - second[..., 0])
    union = lengths - shared
    hull = low[..., 1] - high[..., 0]
    tiny = torch.finfo(union.dtype).tiny
    return shared / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)
