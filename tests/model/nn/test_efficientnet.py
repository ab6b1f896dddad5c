"""EfficientNet-Lite: padding, aspect, what stands for a frame."""

import pytest
import torch
from tiny_nano import VISION
from torch.nn import functional as F

from videoexpert.config import EfficientNetConfig
from videoexpert.nn.efficientnet import EfficientNetTower
from videoexpert.nn.vision import build_tower


@pytest.fixture(scope="module")
def tower() -> EfficientNetTower:
    torch.manual_seed(0)
    tower = build_tower(VISION)
    assert isinstance(tower, EfficientNetTower)
    return tower


def frames(count: int, height: int, width: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, height, width), dtype=torch.uint8)


def test_a_frame_stands_for_the_mean_of_its_patches(tower: EfficientNetTower) -> None:
    cls, patches = tower.encode(frames(5, 32, 32), keep=range(5))
    assert cls.shape == (5, VISION.features)
    assert patches.shape == (5, VISION.patches, VISION.features)
    torch.testing.assert_close(cls, patches.mean(dim=1))


@pytest.mark.parametrize(
    ("height", "width", "prepared"),
    [
        (32, 32, (32, 32)),
        (64, 64, (32, 32)),
        (32, 50, (32, 50)),
        (80, 45, (57, 32)),
        (20, 100, (32, 57)),
        (33, 40, (32, 39)),
    ],
)
def test_frames_keep_their_aspect_up_to_a_length(
    tower: EfficientNetTower, height: int, width: int, prepared: tuple[int, int]
) -> None:
    pixels = tower.prepare(frames(1, height, width))
    assert pixels.shape == (1, 3, *prepared)
    rows, columns = (-(-side // 8) for side in prepared)
    assert tower(pixels).shape == (1, 1 + rows * columns, VISION.features)


def test_what_is_cut_off_is_cut_off_on_both_sides(tower: EfficientNetTower) -> None:
    ramp = torch.arange(100, dtype=torch.uint8).expand(1, 3, 32, 100)
    kept = tower.prepare(ramp) * 128 + 127
    assert kept[0, 0, 0].tolist() == list(range(21, 78))


@pytest.mark.parametrize("size", [7, 8, 9, 16, 17])
def test_strides_pad_as_tensorflow_does(tower: EfficientNetTower, size: int) -> None:
    """The output has size / stride rows, rounded up, and an odd row of padding comes last."""
    states = torch.randn(2, 3, size, size)
    stem = tower.stem
    total = max(0, (-(-size // 2) - 1) * 2 + 3 - size)
    before = total // 2
    padded = F.pad(states, (before, total - before, before, total - before))
    torch.testing.assert_close(stem(states), F.conv2d(padded, stem.weight, stem.bias, stride=2))


def test_what_is_kept_and_how_many_run_at_once_change_nothing(tower: EfficientNetTower) -> None:
    pixels = frames(7, 40, 60)
    cls, patches = tower.encode(pixels, keep=range(7), batch=7)
    again, kept = tower.encode(pixels, keep=(5, 0, 0), batch=2)
    torch.testing.assert_close(again, cls)
    torch.testing.assert_close(kept, patches[[5, 0, 0]])


def test_frames_on_several_cores_are_those_on_one(tower: EfficientNetTower) -> None:
    pixels, done = frames(9, 40, 60), list[int]()
    cls, patches = tower.encode(pixels, keep=(0, 8), batch=1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        again, kept = tower.encode(pixels, keep=(0, 8), on_frames=done.append)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert torch.equal(again, cls) and torch.equal(kept, patches)
    assert done == list(range(1, 10)) and not again.requires_grad


def test_lite2_has_the_published_sizes() -> None:
    config = EfficientNetConfig()
    tower = build_tower(config, device="meta")
    assert (config.grid, config.patches) == (9, 81)
    # Of the 6.1 million that its authors give, 1.3 are the classifier's, and norms are part of the convolutions.
    assert sum(parameter.numel() for parameter in tower.parameters()) == 4_782_024
