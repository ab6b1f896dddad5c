"""Spatial Compress against a re-derivation of its specification, one group and one token at a time."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from videoexpert.config import CompressorConfig, Variant
from videoexpert.nn.compressor import anchor_frames, group_starts, patch_frames, spatial_compress


def unit(vector: Tensor, floor: float) -> Tensor:
    return vector / max(float(vector.norm()), floor)


def by_hand(features: Tensor, config: CompressorConfig) -> Tensor:
    """[T, 1 + P, D] -> [T + G·C, D], following spec §1 step by step."""
    frames = len(features)
    rows = [features[t, 0] for t in range(frames)]
    for group in range(config.groups):
        anchor = round(group * (frames - 1) / max(config.groups - 1, 1))
        start = frames - config.group_frames if anchor + config.group_frames > frames else anchor
        patches = features[start : start + config.group_frames, 1:]
        first, cls = patches[0], features[anchor, 0]
        salience = [float(unit(token, 1e-8) @ unit(cls, 1e-8)) for token in first]
        best = sorted(range(len(first)), key=lambda j: -salience[j])
        if config.variant == "compress_pool":
            centre_indices = best[: config.centres]
        else:
            salient = sorted(best[: config.salient])
            rest = [j for j in range(len(first)) if j not in salient]
            spread = [rest[round(i * (len(rest) - 1) / (config.uniform - 1))] for i in range(config.uniform)]
            centre_indices = salient + spread
        centres = [first[j] for j in centre_indices]
        members: list[list[Tensor]] = [[] for _ in centres]
        labels: list[list[int]] = []
        for step, frame in enumerate(patches):
            labels.append([])
            for j, token in enumerate(frame):
                products = [float(unit(token, 1e-12) @ unit(centre, 1e-12)) for centre in centres]
                label = products.index(max(products))
                labels[-1].append(label)
                if config.variant == "compress_pool":
                    kept = float(unit(token, 1e-8) @ unit(first[j], 1e-8)) < 0.7
                else:
                    kept = label != labels[0][j]
                if step == 0 or kept:
                    members[label].append(token)
        rows += [torch.stack(own).mean(0) if own else centre for own, centre in zip(members, centres, strict=True)]
    return torch.stack(rows)


@settings(max_examples=25, deadline=None)
@given(
    frames=st.integers(3, 23),
    side=st.integers(3, 5),
    salient=st.integers(1, 4),
    uniform=st.integers(2, 5),
    variant=st.sampled_from(["class_pool", "compress_pool"]),
    seed=st.integers(0, 2**31),
)
def test_equals_the_specification_step_by_step(
    frames: int, side: int, salient: int, uniform: int, variant: Variant, seed: int
) -> None:
    config = CompressorConfig(variant=variant, salient=salient, uniform=uniform)
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(frames, 1 + side * side, 6, generator=generator, dtype=torch.float64)
    patches = features[list(patch_frames(frames, config)), 1:]
    tokens = spatial_compress(features[None, :, 0], patches[None], config)
    torch.testing.assert_close(tokens[0], by_hand(features, config), rtol=0, atol=1e-10)


def test_frames_that_are_read() -> None:
    config = CompressorConfig()
    assert anchor_frames(100, config) == (0, 33, 66, 99)
    assert group_starts(100, config) == (0, 33, 66, 97)
    assert patch_frames(100, config) == (0, 1, 2, 33, 34, 35, 66, 67, 68, 97, 98, 99)
    assert patch_frames(3, config) == (0, 1, 2) * 4
    with pytest.raises(ValueError, match="at least 3 frames, got 2"):
        patch_frames(2, config)


def test_a_batch_equals_its_videos_and_keeps_their_type() -> None:
    config = CompressorConfig(salient=3, uniform=2)
    cls, patches = torch.randn(3, 9, 8, dtype=torch.float16), torch.randn(3, 12, 16, 8, dtype=torch.float16)
    together = spatial_compress(cls, patches, config)
    assert together.dtype == torch.float16
    assert together.shape == (3, 9 + config.tokens(16), 8)
    for video in range(3):
        alone = spatial_compress(cls[video : video + 1], patches[video : video + 1], config)
        torch.testing.assert_close(together[video : video + 1], alone)


def test_mean_pool_averages_squares_of_patches_of_the_anchor_frames() -> None:
    config = CompressorConfig(variant="mean_pool")
    patches = torch.arange(4 * 3 * 16, dtype=torch.float32).reshape(1, 12, 16, 1)
    tokens = spatial_compress(torch.zeros(1, 100, 1), patches, config)[0, 100:, 0]
    assert len(tokens) == config.tokens(16) == 16
    # The last group's anchor is the last of its three frames; patch (0, 0) averages patches 0, 1, 4 and 5.
    assert tokens[0] == (0 + 1 + 4 + 5) / 4
    assert tokens[12] == 11 * 16 + (0 + 1 + 4 + 5) / 4


def test_only_cls_needs_no_patches() -> None:
    cls = torch.randn(2, 5, 8)
    assert spatial_compress(cls, torch.empty(2, 12, 0, 8), CompressorConfig(variant="only_cls")) is cls


def test_identical_patches_make_one_cluster_and_the_others_fall_back_to_their_centres() -> None:
    config = CompressorConfig(salient=2, uniform=2)
    tokens = spatial_compress(torch.ones(1, 4, 3), torch.full((1, 12, 9, 3), 0.5), config)
    assert torch.equal(tokens[:, 4:], torch.full((1, 16, 3), 0.5))
    assert math.isfinite(float(spatial_compress(torch.zeros(1, 4, 3), torch.zeros(1, 12, 9, 3), config).sum()))
