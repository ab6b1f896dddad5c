"""Spatial Compress (spec §1): the patches of a few groups of frames, pooled into a few tokens per group.

Everything is batched over videos and groups; nothing loops over clusters. Only the frames that `patch_frames` names
are read, so only their patches need to be kept.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from videoexpert.config import CompressorConfig

_COSINE_FLOOR = 1e-8
_NORM_FLOOR = 1e-12
_STATIC_SIMILARITY = 0.7


def anchor_frames(frames: int, config: CompressorConfig) -> tuple[int, ...]:
    """The frame whose CLS token each group is compared with, of `frames` = T frames: [G] (spec §1.2: 0, 33, 66, 99)."""
    steps = max(config.groups - 1, 1)
    return tuple(round(group * (frames - 1) / steps) for group in range(config.groups))


def group_starts(frames: int, config: CompressorConfig) -> tuple[int, ...]:
    """The first patch frame of each group: [G]; the last groups move back to fit (spec §1.3: 0, 33, 66, 97).

    Raises ValueError where T is smaller than a group.
    """
    if frames < config.group_frames:
        raise ValueError(f"Spatial Compress needs at least {config.group_frames} frames, got {frames}")
    return tuple(min(anchor, frames - config.group_frames) for anchor in anchor_frames(frames, config))


def patch_frames(frames: int, config: CompressorConfig) -> tuple[int, ...]:
    """The frames whose patches are read, group by group: [G·F] (12); short videos name some of them twice."""
    return tuple(start + step for start in group_starts(frames, config) for step in range(config.group_frames))


def spatial_compress(cls: Tensor, patches: Tensor, config: CompressorConfig) -> Tensor:
    """Visual tokens of each video, in the dtype of the input (spec §1.9).

    cls: [B, T, D], one token per frame. patches: [B, G·F, P, D] of the frames `patch_frames(T, config)`, row-major.
    Returns [B, T + config.tokens(P), D]: the CLS tokens unchanged, then each group's tokens.
    """
    if config.variant == "only_cls":
        return cls
    frames, width = cls.shape[1:]
    anchors = anchor_frames(frames, config)
    groups = patches.reshape(len(cls), config.groups, config.group_frames, -1, width)  # [B, G, F, P, D]
    if config.variant == "mean_pool":
        steps = [anchor - start for anchor, start in zip(anchors, group_starts(frames, config), strict=True)]
        pooled = _halve(groups[:, range(config.groups), steps])
    else:
        pooled = _pool_clusters(groups, cls[:, anchors], config)
    return torch.cat((cls, pooled.reshape(len(cls), -1, width)), dim=1)


def centre_indices(groups: Tensor, anchors: Tensor, config: CompressorConfig) -> Tensor:
    """The patches of each group's first frame that the clusters start from: [B, G, C], indices into P (spec §1.4-5).

    groups: [B, G, F, P, D]; anchors: [B, G, D], the CLS tokens they are compared with.
    """
    first = groups[:, :, 0]
    salience = F.cosine_similarity(first, anchors[:, :, None], dim=-1, eps=_COSINE_FLOOR)  # [B, G, P]
    if config.variant == "compress_pool":
        return salience.topk(config.centres, dim=-1).indices
    salient = salience.topk(config.salient, dim=-1).indices.sort(dim=-1).values
    chosen = torch.zeros_like(salience, dtype=torch.bool).scatter_(-1, salient, True)
    # A stable sort of "was chosen" puts the others first and leaves them in ascending order.
    rest = chosen.to(torch.uint8).argsort(dim=-1, stable=True)[..., : salience.shape[-1] - config.salient]
    last, steps = rest.shape[-1] - 1, max(config.uniform - 1, 1)
    spread = [round(step * last / steps) for step in range(config.uniform)]
    return torch.cat((salient, rest[..., spread]), dim=-1)


def cluster_labels(groups: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of each token by cosine, the lowest of equals: [B, G, F, P] (spec §1.6).

    groups: [B, G, F, P, D]; centres: [B, G, C, D].
    """
    tokens = F.normalize(groups.flatten(2, 3), dim=-1, eps=_NORM_FLOOR)
    products = tokens @ F.normalize(centres, dim=-1, eps=_NORM_FLOOR).transpose(-1, -2)
    return products.argmax(dim=-1).reshape(groups.shape[:-1])


def _pool_clusters(groups: Tensor, anchors: Tensor, config: CompressorConfig) -> Tensor:
    """[B, G, C, D]: the mean of the tokens kept in each cluster, or its centre where none is (spec §1.8)."""
    indices = centre_indices(groups, anchors, config)
    centres = groups[:, :, 0].take_along_dim(indices[..., None], dim=2)
    labels = cluster_labels(groups, centres)
    kept = _moving(groups) if config.variant == "compress_pool" else labels != labels[:, :, :1]
    kept[:, :, 0] = True  # the first frame of a group stays whole (spec §1.7)
    members = labels[..., None] == torch.arange(config.centres, device=labels.device)  # [B, G, F, P, C]
    weights = (members & kept[..., None]).to(groups.dtype).flatten(2, 3)
    sums = weights.transpose(-1, -2) @ groups.flatten(2, 3)
    counts = weights.sum(dim=2)[..., None]
    return torch.where(counts > 0, sums / counts.clamp(min=1), centres)


def _moving(groups: Tensor) -> Tensor:
    """[B, G, F, P]: tokens unlike the one at their place in the group's first frame (spec §1, `compress_pool`)."""
    return F.cosine_similarity(groups, groups[:, :, :1], dim=-1, eps=_COSINE_FLOOR) < _STATIC_SIMILARITY


def _halve(frames: Tensor) -> Tensor:
    """Average 2x2 patches of each frame: [B, G, P, D] -> [B, G, P / 4, D] (spec §1, `mean_pool`)."""
    side = int(frames.shape[2] ** 0.5)
    squares = frames.reshape(*frames.shape[:2], side // 2, 2, side // 2, 2, -1)  # [B, G, row, 2, column, 2, D]
    return squares.mean(dim=(3, 5)).flatten(2, 3)
