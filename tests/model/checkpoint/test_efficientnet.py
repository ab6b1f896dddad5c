"""A port's EfficientNet-Lite, with its batch norms: joined to the convolutions it computes the same."""

from pathlib import Path

import pytest
import torch
from tiny_nano import VISION
from torch import nn
from torch.nn import functional as F

from videoexpert.checkpoint.efficientnet import open_efficientnet
from videoexpert.errors import CheckpointError
from videoexpert.nn.vision import build_tower


class Port:
    """The network as its port has it, written out plainly."""

    def __init__(self) -> None:
        self.values: dict[str, torch.Tensor] = {}
        self.generator = torch.Generator().manual_seed(0)
        self.convolution("_conv_stem", "_bn0", 3, VISION.stem, 3)
        index, before = 0, VISION.stem
        for expansion, kernel, _, count, after in VISION.stages:
            for _ in range(count):
                block, width = f"_blocks.{index}", before * expansion
                if expansion > 1:
                    self.convolution(f"{block}._expand_conv", f"{block}._bn0", before, width, 1)
                self.convolution(f"{block}._depthwise_conv", f"{block}._bn1", 1, width, kernel)
                self.convolution(f"{block}._project_conv", f"{block}._bn2", width, after, 1)
                index, before = index + 1, after
        self.convolution("_conv_head", "_bn1", before, VISION.features, 1)
        self.values["_fc.weight"] = self.draw(VISION.classes, VISION.features)
        self.values["_fc.bias"] = self.draw(VISION.classes)

    def draw(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def convolution(self, name: str, norm: str, before: int, after: int, kernel: int) -> None:
        self.values[f"{name}.weight"] = self.draw(after, before, kernel, kernel) / (before * kernel)
        for part in ("weight", "bias", "running_mean"):
            self.values[f"{norm}.{part}"] = self.draw(after)
        self.values[f"{norm}.running_var"] = self.draw(after).abs() + 0.1
        self.values[f"{norm}.num_batches_tracked"] = torch.tensor(1)

    def run(self, name: str, norm: str, states: torch.Tensor, *, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight = self.values[f"{name}.weight"]
        total = [max(0, (-(-n // stride) - 1) * stride + weight.shape[-1] - n) for n in states.shape[:1:-1]]
        states = F.pad(states, [side for n in total for side in (n // 2, n - n // 2)])
        states = F.conv2d(states, weight, stride=stride, groups=groups)
        mean, variance, scale, shift = (
            self.values[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(states, mean, variance, scale, shift, eps=1e-3)

    def features(self, states: torch.Tensor) -> torch.Tensor:
        states = self.run("_conv_stem", "_bn0", states, stride=2).clamp(0, 6)
        index, before = 0, VISION.stem
        for expansion, _, stage_stride, count, after in VISION.stages:
            for number in range(count):
                block, inner, stride = f"_blocks.{index}", states, stage_stride if number == 0 else 1
                if expansion > 1:
                    inner = self.run(f"{block}._expand_conv", f"{block}._bn0", inner).clamp(0, 6)
                inner = self.run(
                    f"{block}._depthwise_conv", f"{block}._bn1", inner, stride=stride, groups=inner.shape[1]
                ).clamp(0, 6)
                inner = self.run(f"{block}._project_conv", f"{block}._bn2", inner)
                states = states + inner if stride == 1 and before == after else inner
                index, before = index + 1, after
        return self.run("_conv_head", "_bn1", states).clamp(0, 6)


def test_the_joined_network_computes_the_same(tmp_path: Path) -> None:
    port, file = Port(), tmp_path / "net.pth"
    torch.save(port.values, file)
    stored, classifier = open_efficientnet(file, VISION)
    tower = build_tower(VISION)
    tower.network.load_state_dict({name: tensor.read() for name, tensor in stored.items()})
    pixels = torch.randn(2, 3, 32, 51, generator=port.generator)
    expected = port.features(pixels).flatten(2).transpose(1, 2)
    torch.testing.assert_close(tower(pixels)[:, 1:], expected, rtol=1e-4, atol=1e-4)
    read = nn.Linear(VISION.features, VISION.classes)
    read.load_state_dict({name: tensor.read() for name, tensor in classifier.items()})
    assert torch.equal(read.weight, port.values["_fc.weight"])


def test_another_network_is_refused(tmp_path: Path) -> None:
    values, file = Port().values, tmp_path / "net.pth"
    del values["_blocks.1._bn2.running_var"]
    torch.save(values, file)
    with pytest.raises(CheckpointError, match=r"it has no _blocks\.1\._bn2\.running_var"):
        open_efficientnet(file, VISION)
