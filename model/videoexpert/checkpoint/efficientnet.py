"""EfficientNet-Lite from a file in the names of its port to PyTorch, each batch norm joined to its convolution."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from videoexpert.checkpoint.tensors import StoredTensor, Tensors, open_pickled
from videoexpert.config import EfficientNetConfig
from videoexpert.errors import CheckpointError

_EPSILON = 1e-3


def open_efficientnet(path: Path, config: EfficientNetConfig) -> tuple[Tensors, Tensors]:
    """The tensors of the tower, and `weight` and `bias` of its classifier.

    Raises CheckpointError where the file is missing, damaged, or no such network.
    """
    stored = open_pickled(path)
    try:
        tower: Tensors = {}
        for name, theirs, norm in _convolutions(config):
            weight, bias = _joined(stored, theirs, norm)
            tower[f"{name}.weight"] = StoredTensor.held(path, weight)
            tower[f"{name}.bias"] = StoredTensor.held(path, bias)
        return tower, {part: stored[f"_fc.{part}"] for part in ("weight", "bias")}
    except KeyError as error:
        raise CheckpointError(f"{path}: is no EfficientNet-Lite: it has no {error.args[0]}") from error


def _convolutions(config: EfficientNetConfig) -> Iterator[tuple[str, str, str]]:
    """(our name, theirs, the norm's) of each convolution."""
    yield "stem", "_conv_stem", "_bn0"
    index = 0
    for expansion, _, _, count, _ in config.stages:
        for _ in range(count):
            mine, theirs = f"blocks.{index}", f"_blocks.{index}"
            if expansion > 1:
                yield f"{mine}.expand", f"{theirs}._expand_conv", f"{theirs}._bn0"
            yield f"{mine}.depth", f"{theirs}._depthwise_conv", f"{theirs}._bn1"
            yield f"{mine}.project", f"{theirs}._project_conv", f"{theirs}._bn2"
            index += 1
    yield "head", "_conv_head", "_bn1"


def _joined(stored: Tensors, convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution and the batch norm behind it, as one convolution."""
    names = ("weight", "bias", "running_mean", "running_var")
    scale, shift, mean, variance = (stored[f"{norm}.{name}"].read().double() for name in names)
    factor = scale / (variance + _EPSILON).sqrt()
    weight = stored[f"{convolution}.weight"].read().double() * factor[:, None, None, None]
    return weight.to(torch.float32), (shift - mean * factor).to(torch.float32)
