"""EfficientNet-Lite: frames, in their own aspect, to the features that its classifier reads.

Its batch norms are part of the convolutions here. A frame's own token is the mean of its patches, so the classifier
can be put to either.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoexpert.config import EfficientNetConfig
from videoexpert.nn.tower import VisionTower

_MEAN, _SCALE = 127.0, 128.0


class EfficientNetTower(VisionTower):
    """An EfficientNet-Lite without its classifier, frozen."""

    config: EfficientNetConfig

    def __init__(self, config: EfficientNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = _SameConv(3, config.stem, 3, stride=2)
        blocks, before = [], config.stem
        for expansion, kernel, stride, count, after in config.stages:
            for index in range(count):
                blocks.append(_Block(before, after, expansion, kernel, stride=stride if index == 0 else 1))
                before = after
        self.blocks = nn.ModuleList(blocks)
        self.head = _SameConv(before, config.features, 1)
        self.requires_grad_(False).eval()

    @property
    def network(self) -> nn.Module:
        return self

    def prepare(self, frames: Tensor) -> Tensor:
        """Short side to `image_size` (bicubic), the long one cut to `long_side` in the middle, values about -1 .. 1."""
        height, width = frames.shape[-2:]
        size, most = self.config.image_size, self.config.long_side
        pixels = frames.float()
        if (short := min(height, width)) != size:
            scaled = (max(size, round(height * size / short)), max(size, round(width * size / short)))
            pixels = F.interpolate(pixels, scaled, mode="bicubic", antialias=True).clamp(0, 255)
        height, width = pixels.shape[-2:]
        top, left = max(0, (height - most) // 2), max(0, (width - most) // 2)
        return (pixels[..., top : top + most, left : left + most] - _MEAN) / _SCALE

    def forward(self, pixels: Tensor) -> Tensor:
        """Prepared pixels [T, 3, h, w] -> all tokens [T, 1 + P, D], the mean of the patches first."""
        states = pixels.to(self.stem.weight.dtype, memory_format=torch.channels_last)
        states = F.relu6(self.stem(states), inplace=True)
        for block in self.blocks:
            states = block(states)
        patches = F.relu6(self.head(states), inplace=True).flatten(2).transpose(1, 2)
        return torch.cat((patches.mean(dim=1, keepdim=True), patches), dim=1)


class _SameConv(nn.Conv2d):
    """A convolution padded so that its output has the input's size / stride, rounded up; the odd pixel comes last."""

    def __init__(self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(before, after, kernel, stride=stride, groups=groups)

    def forward(self, states: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        rows, columns = (max(0, (-(-n // stride) - 1) * stride + kernel - n) for n in states.shape[-2:])
        if rows == columns and rows % 2 == 0:
            padding = rows // 2
        else:
            states = F.pad(states, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
            padding = 0
        return F.conv2d(states, self.weight, self.bias, stride, padding, groups=self.groups)


class _Block(nn.Module):
    """An inverted bottleneck: wider, by each channel over the patches, narrower; added to its input where it fits."""

    def __init__(self, before: int, after: int, expansion: int, kernel: int, *, stride: int) -> None:
        super().__init__()
        width = before * expansion
        self.expand = _SameConv(before, width, 1) if expansion > 1 else None
        self.depth = _SameConv(width, width, kernel, stride=stride, groups=width)
        self.project = _SameConv(width, after, 1)
        self.adds = stride == 1 and before == after

    def forward(self, states: Tensor) -> Tensor:
        inner = states if self.expand is None else F.relu6(self.expand(states), inplace=True)
        output: Tensor = self.project(F.relu6(self.depth(inner), inplace=True))
        return output.add_(states) if self.adds else output
