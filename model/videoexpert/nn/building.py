"""What building any module of transformers needs: its attention's name, and memory without first filling it."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from videoexpert.config import Attention
from videoexpert.errors import ExtraMissingError

_NAMES = {"sdpa": "sdpa", "eager": "eager", "flash": "flash_attention_2"}

_POSITIONS = "position_ids"
"""A buffer that counts from 0."""

_Module = TypeVar("_Module", bound=nn.Module)


def attention_name(attn: Attention) -> str:
    """What transformers calls it. Raises ExtraMissingError where flash attention is not installed."""
    if attn == "flash" and importlib.util.find_spec("flash_attn") is None:
        raise ExtraMissingError("flash attention", extra="flash")
    return _NAMES[attn]


@contextmanager
def building(*, device: torch.device | str, dtype: torch.dtype | None) -> Iterator[None]:
    """Modules made in this block have their parameters there, and of that type (None: torch's default)."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype or before)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)


def allocate(module: _Module, device: torch.device | str) -> _Module:
    """Give a module that was built on the meta device its memory; its parameters hold nothing yet.

    Buffers that no file holds (rotary frequencies, position ids) are computed again.
    """
    # As `to_empty` does; but `empty_like` on the meta device has torch import its compiler, which takes a second.
    module._apply(lambda tensor: torch.empty(tensor.shape, dtype=tensor.dtype, device=device))  # type: ignore[no-untyped-call]
    for part in module.modules():
        names = set(part._non_persistent_buffers_set)
        if _POSITIONS in names:
            positions = part.get_buffer(_POSITIONS)
            setattr(part, _POSITIONS, torch.arange(positions.shape[-1], device=device).expand(positions.shape))
        if names - {_POSITIONS}:
            fresh = type(part)(part.config).to(device)
            for name in names - {_POSITIONS}:
                setattr(part, name, fresh.get_buffer(name))
    return module
