"""A whole model folder: loaded with its language model and the base that it builds on, and saved. Strict."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from videoexpert.checkpoint.folder import ModelFolder, open_vision, read_folder
from videoexpert.checkpoint.names import differing, expected_tensors, is_expert, stored_rows, with_base
from videoexpert.checkpoint.tensors import StoredTensor, Tensors, check_tensors, fill, open_tensors
from videoexpert.checkpoint.tokenizers import load_tokenizer
from videoexpert.checkpoint.writing import CONFIG, NewModel, write_model
from videoexpert.config import Attention
from videoexpert.nn.experts import is_merged, merge_spatial
from videoexpert.nn.model import VideoExpert, build_model


def load_model(
    path: Path,
    *,
    attn: Attention = "sdpa",
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    merge: bool = True,
    base: Path | None = None,
) -> VideoExpert:
    """The model of a folder, without its vision tower, in evaluation mode.

    dtype: of the weights, torch's default where None. merge: the Spatial Expert into the base weights, for inference
    alone (spec §3); experts that are stored in 16 bits then stay in them. base: where the base model lies now, if it
    was moved.
    Raises CheckpointError where a file is missing, damaged or changed, or naming every tensor that is missing,
    unexpected or of another shape; ExtraMissingError where flash attention is not installed.
    """
    folder = read_folder(path)
    expected = expected_tensors(folder.config, source=path / CONFIG)
    tensors = with_base(expected, open_tensors(path), open_base(folder, moved_to=base))
    check_tensors(str(path), expected, tensors)
    experts = _stored_type(tensors, dtype or torch.get_default_dtype()) if merge else None
    model = build_model(folder.config, attn=attn, device=device, dtype=dtype, experts=experts, initialise=False)
    fill(model, tensors)
    if merge:
        merge_spatial(model)
    return model.eval()


def save_model(model: VideoExpert, out: Path, *, like: Path, standalone: bool = False, overwrite: bool = False) -> None:
    """Write a model that was trained from the folder `like`, which gives its tokenizer, vision tower, base and card.

    standalone: store everything, not only what differs from the base. Raises OutputError where `out` exists and is not
    to be replaced; ValueError where the experts are merged, because they cannot be told apart any more.
    """
    if is_merged(model):
        raise ValueError("a model whose experts are merged cannot be saved")
    folder = read_folder(like)
    tensors = {name: StoredTensor.held(out, parameter) for name, parameter in model.named_parameters()}
    whole_llm, whole_vision = standalone or folder.llm_base is None, standalone or folder.vision_base is None
    new = NewModel(
        config=model.config,
        tensors=tensors if whole_llm else differing(tensors, open_base(folder)),
        vision=open_vision(folder, None) if whole_vision else None,
        llm_base=None if whole_llm else folder.llm_base,
        vision_base=None if whole_vision else folder.vision_base,
        tokenizer=load_tokenizer(like, loc_id=folder.config.loc_id),
        card=folder.card(),
        sentences=folder.sentences,
    )
    write_model(new, out, overwrite=overwrite)


def save_trained(
    out: Path, *, like: Path, tensors: Mapping[str, Tensor], loc_rows: Mapping[str, Tensor], overwrite: bool = False
) -> None:
    """Write a model that differs from the folder `like` in what was trained alone; all else is stored as it is there.

    tensors: new values, by name. loc_rows: by the name of a table, its new row of `[LOC]`, [H]. Values are stored with
    the type that those before have. Raises OutputError where `out` exists and is not to be replaced.
    """
    folder = read_folder(like)
    base, stored = open_base(folder), open_tensors(like)
    for name, value in tensors.items():
        stored[name] = StoredTensor.held(out, value.to(stored[name].read().dtype))
    for table, row in loc_rows.items():
        name, values, first = stored_rows(table, stored, base)
        values[folder.config.loc_id - first] = row.to(values.dtype)
        stored[name] = StoredTensor.held(out, values)
    new = NewModel(
        config=folder.config,
        tensors=stored,
        vision=open_vision(folder, None) if folder.vision_base is None else None,
        llm_base=folder.llm_base,
        vision_base=folder.vision_base,
        tokenizer=load_tokenizer(like, loc_id=folder.config.loc_id),
        card=folder.card(),
        sentences=folder.sentences,
    )
    write_model(new, out, overwrite=overwrite)


def open_base(folder: ModelFolder, *, moved_to: Path | None = None) -> Tensors:
    """The tensors that a model builds on, by the base's names; none where it holds everything itself."""
    if folder.llm_base is None:
        return {}
    return open_tensors(folder.llm_base.find(moved_to=moved_to))


def _stored_type(tensors: Tensors, dtype: torch.dtype) -> torch.dtype | None:
    """The narrower numbers in which the experts of a model that computes in float32 are stored, if they are."""
    stored = {tensor.read().dtype for name, tensor in tensors.items() if is_expert(name)}
    narrow = dtype == torch.float32 and len(stored) == 1 and stored <= {torch.float16, torch.bfloat16}
    return stored.pop() if narrow else None
