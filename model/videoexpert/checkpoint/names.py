"""What a model's tensors are called and how large they must be; which of them its base has, and how they differ."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from videoexpert.checkpoint.tensors import Shape, StoredTensor, Tensors
from videoexpert.config import AnyVision, VideoExpertConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.vision import build_tower

_LLM = "llm."
_INNER = ".base."
_TAIL = ":new_rows"
"""Marks the rows that a larger vocabulary adds to a table whose other rows are the base's."""


def expected_tensors(config: VideoExpertConfig, *, source: Path) -> dict[str, Shape]:
    """The tensors of a model of this configuration, which comes from `source`.

    Raises CheckpointError where transformers knows no such language model, or it is not of the Llama family.
    """
    from huggingface_hub.errors import StrictDataclassError

    from videoexpert.nn.model import build_model

    try:
        return shapes_of(build_model(config, device="meta"))
    except (ValueError, KeyError, TypeError, AttributeError, StrictDataclassError) as error:
        reason = (str(error).splitlines() or [""])[0].partition(". ")[0]
        raise CheckpointError(f"{source}: no language model of the Llama family can be made of it: {reason}") from error


def expected_vision(config: AnyVision) -> dict[str, Shape]:
    """The tensors of a vision tower; CLIP's by Hugging Face's names."""
    return shapes_of(build_tower(config, device="meta").network)


def shapes_of(module: nn.Module) -> dict[str, Shape]:
    """The parameters of a module, by name."""
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


def is_expert(name: str) -> bool:
    """Whether a tensor of the model belongs to an expert."""
    return ".temporal." in name or ".spatial." in name


def base_name(name: str) -> str | None:
    """What the base model calls a tensor of the model; None where it has no such tensor."""
    if not name.startswith(_LLM) or is_expert(name):
        return None
    return name.removeprefix(_LLM).replace(_INNER, ".")


def differing(tensors: Tensors, base: Mapping[str, StoredTensor]) -> Tensors:
    """What has to be stored of a model beside its base: tensors that it lacks or has otherwise, and added rows."""
    stored: Tensors = {}
    for name, tensor in tensors.items():
        known = base_name(name)
        if known is None or known not in base:
            stored[name] = tensor
            continue
        mine, theirs = tensor.read(), base[known].read()
        rows = len(theirs)
        if mine.shape[1:] != theirs.shape[1:] or not torch.equal(mine[:rows], theirs.to(mine.dtype)):
            stored[name] = tensor
        elif len(mine) > rows:
            stored[name + _TAIL] = StoredTensor.held(tensor.file, mine[rows:].clone())
    return stored


def with_base(expected: Mapping[str, Shape], stored: Tensors, base: Mapping[str, StoredTensor]) -> Tensors:
    """What a model is loaded from: what was stored, and the base's for the rest."""
    tensors = {name: tensor for name, tensor in stored.items() if not name.endswith(_TAIL)}
    for name in expected:
        known = base_name(name)
        if name in tensors or known is None or known not in base:
            continue
        tail = stored.get(name + _TAIL)
        tensors[name] = base[known] if tail is None else _joined(base[known], tail)
    return tensors


def stored_rows(table: str, stored: Tensors, base: Mapping[str, StoredTensor]) -> tuple[str, torch.Tensor, int]:
    """The rows that are stored of a table: under which name, a copy of them, and the number of the first.

    Where none are stored, the base has the table, and to change a row all of it has to be stored.
    """
    known = base_name(table)
    if table + _TAIL in stored:
        assert known is not None
        return table + _TAIL, stored[table + _TAIL].read().clone(), base[known].shape[0]
    whole = stored.get(table) or base[known or table]
    return table, whole.read().clone(), 0


def _joined(rows: StoredTensor, more: StoredTensor) -> StoredTensor:
    shape = (rows.shape[0] + more.shape[0], *rows.shape[1:])
    return StoredTensor(more.file, shape, rows.bytes + more.bytes, lambda: _cat(rows, more))


def _cat(rows: StoredTensor, more: StoredTensor) -> torch.Tensor:
    added = more.read()
    return torch.cat((rows.read().to(added.dtype), added))
