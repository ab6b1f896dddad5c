"""The checkpoint as the authors publish it, made into a model folder. Every tensor must be where it belongs.

Names and rules are those of the published layout: a plain Llama base, `expert/pytorch_model.bin` with the experts,
`expert/non_lora_trainables.bin` with the heads and the enlarged vocabulary, the projector's file, OpenAI's CLIP.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoexpert.atomic import check_free
from videoexpert.checkpoint.clip import open_clip
from videoexpert.checkpoint.names import base_name, differing, expected_tensors, expected_vision, is_expert
from videoexpert.checkpoint.reference import Reference
from videoexpert.checkpoint.tensors import Shape, Tensors, check_tensors, open_pickled, open_tensors
from videoexpert.checkpoint.tokenizers import import_tokenizer
from videoexpert.checkpoint.writing import NewModel, write_model
from videoexpert.config import VideoExpertConfig, VisionConfig
from videoexpert.errors import CheckpointError

_EXPERTS = "pytorch_model.bin"
_OTHERS = "non_lora_trainables.bin"
_PROJECTOR = "mm_projector."
_VOCABULARY = ("model.embed_tokens.weight", "lm_head.weight")
_LORA = {"V_Expertlora_": "temporal.", "L_Expertlora_": "spatial."}
_HEADS = {
    "model.text_hidden_fcs_det.0.": "locator.mlp.",
    "model.class_embed_head.": "locator.class_head.",
    "model.span_embed_head.": "locator.span_head.",
    "model.mm_projector.": "projector.",
}
_LLM_SETTINGS_LEFT_OUT = ("auto_map", "architectures", "torch_dtype", "dtype", "transformers_version", "_name_or_path")


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """Where the parts of a published checkpoint lie. base and expert: folders; projector: a file; clip: either."""

    base: Path
    expert: Path
    projector: Path
    clip: Path


def import_published(
    files: PublishedFiles, out: Path, *, standalone: bool = False, overwrite: bool = False
) -> VideoExpertConfig:
    """Make the model folder `out`; returns what the model is.

    standalone: store everything. Otherwise only what differs from the base is stored, and the base and CLIP are used
    from where they lie, as long as their hashes stay the same.
    Raises CheckpointError naming each tensor that is missing, unexpected or of another shape, or the file that is
    missing, damaged or holds more than tensors; OutputError where `out` exists and is not to be replaced.
    """
    check_free(out, overwrite=overwrite)
    vision, tower = open_clip(files.clip)
    check_tensors(str(files.clip), expected_vision(vision), tower)
    config = _read_config(files, vision)
    expected = expected_tensors(config, source=files.base / "config.json")
    base = _read_base(files.base, config, expected)
    given = _read_experts(files.expert, expected) | _read_heads(files, expected)
    whole = {name: base[str(base_name(name))] for name in expected if name not in given} | given
    new = NewModel(
        config=config,
        tensors=whole if standalone else differing(whole, base),
        vision=tower if standalone else None,
        llm_base=None if standalone else Reference.to(files.base),
        vision_base=None if standalone else Reference.to(files.clip),
        tokenizer=import_tokenizer(files.base, loc_id=config.loc_id),
        card=_card(files, standalone),
    )
    write_model(new, out, overwrite=overwrite)
    return config


def _read_config(files: PublishedFiles, vision: VisionConfig) -> VideoExpertConfig:
    """The base's own configuration with `[LOC]` added to its vocabulary (spec §8)."""
    llm = _read_json(files.base / "config.json")
    vocabulary = llm.get("vocab_size")
    if not isinstance(vocabulary, int):
        raise CheckpointError(f"{files.base / 'config.json'}: has no vocab_size")
    said = _read_json(files.expert / "config.json").get("vocab_size")
    if said != vocabulary + 1:
        raise CheckpointError(
            f"{files.expert}: was trained with a vocabulary of {said}, the base has {vocabulary} and [LOC]",
            hint="give the base model that the experts were trained on",
        )
    kept = {name: value for name, value in llm.items() if name not in _LLM_SETTINGS_LEFT_OUT}
    published = VisionConfig()
    if (vision.features, vision.grid) != (published.features, published.grid):
        raise CheckpointError(
            f"{files.clip}: is a CLIP of {vision.patches} patches and {vision.features} features, the model was "
            f"trained on {published.patches} and {published.features}",
            hint="give CLIP ViT-L/14 for images of 224 pixels",
        )
    return VideoExpertConfig(llm=kept | {"vocab_size": vocabulary + 1}, loc_id=vocabulary, vision=vision)


def _read_base(path: Path, config: VideoExpertConfig, expected: Mapping[str, Shape]) -> Tensors:
    """The base's tensors by its own names; rotary tables, which are computed, are left out."""
    shapes = {known: shape for name, shape in expected.items() if (known := base_name(name))}
    for name in _VOCABULARY:
        if name in shapes:
            shapes[name] = (config.loc_id, *shapes[name][1:])
    tensors = {name: tensor for name, tensor in open_tensors(path).items() if not name.endswith(".inv_freq")}
    if _VOCABULARY[1] not in shapes:  # tied to the embeddings, though some files repeat it
        tensors.pop(_VOCABULARY[1], None)
    check_tensors(str(path), shapes, tensors)
    return tensors


def _read_experts(folder: Path, expected: Mapping[str, Shape]) -> Tensors:
    """The experts by the model's names: `….V_Expertlora_A.weight` -> `….temporal.A`."""
    shapes = {name: shape for name, shape in expected.items() if is_expert(name)}
    published = {_published_expert(name): name for name in shapes}
    path = folder / _EXPERTS
    tensors = open_pickled(_existing(path))
    check_tensors(str(path), {theirs: shapes[mine] for theirs, mine in published.items()}, tensors)
    return {published[name]: tensor for name, tensor in tensors.items()}


def _published_expert(name: str) -> str:
    for theirs, mine in _LORA.items():
        name = name.replace(mine, theirs)
    return f"{name.removeprefix('llm.')}.weight"


def _read_heads(files: PublishedFiles, expected: Mapping[str, Shape]) -> Tensors:
    """Heads, vocabulary and projector by the model's names; a projector beside the heads counts more than its file."""
    path = files.expert / _OTHERS
    tensors = _without_prefixes(open_pickled(_existing(path)))
    shapes = {_published_head(name): shape for name, shape in expected.items() if _published_head(name)}
    own_projector = any(_PROJECTOR in name for name in tensors)
    needed = {name: shape for name, shape in shapes.items() if own_projector or _PROJECTOR not in name}
    check_tensors(str(path), needed, tensors)
    if not own_projector:
        shapes = {name: shape for name, shape in shapes.items() if _PROJECTOR in name}
        read = open_pickled(_existing(files.projector))
        projector = {
            f"model.{_PROJECTOR}{name.split(_PROJECTOR)[-1]}": read[name] for name in read if _PROJECTOR in name
        }
        check_tensors(str(files.projector), shapes, projector)
        tensors |= projector
    return {mine: tensors[theirs] for mine in expected if (theirs := _published_head(mine))}


def _published_head(name: str) -> str:
    """What non_lora_trainables.bin calls a tensor of the model; "" where it never holds it."""
    for theirs, mine in _HEADS.items():
        if name.startswith(mine):
            return theirs + name.removeprefix(mine)
    known = base_name(name)
    return known if known in _VOCABULARY else ""


def _without_prefixes(tensors: Tensors) -> Tensors:
    """Undo what training wrappers put before the names (published layout, loading rule 2)."""
    tensors = {name.removeprefix("base_model."): tensor for name, tensor in tensors.items()}
    if any(name.startswith("model.model.") for name in tensors):
        tensors = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    return tensors


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(_existing(path).read_bytes())
    except ValueError as error:
        raise CheckpointError(f"{path}: is broken JSON") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: is no configuration")
    return values


def _card(files: PublishedFiles, standalone: bool) -> str:
    """What the folder is, for people."""
    parts = [files.base, files.expert / _EXPERTS, files.expert / _OTHERS, files.projector, files.clip]
    hashes = {pinned: pin.sha256 for part in parts if part.exists() for pinned, pin in Reference.to(part).files.items()}
    rows = "\n".join(f"| `{re.sub('[|`]', '_', name)}` | `{digest}` |" for name, digest in hashes.items())
    use = (
        "holds all of its weights"
        if standalone
        else (
            f"holds what differs from its base; the base in `{os.fspath(files.base.absolute())}` and CLIP in "
            f"`{os.fspath(files.clip.absolute())}` must stay as they are"
        )
    )
    return _CARD.format(use=use, rows=rows)


_CARD = """# VideoExpert, imported from its authors' checkpoint

This folder {use}.

The published weights are under CC BY-NC-ND 4.0: no commercial use. Vicuna and Llama 2 have licences of their own.

Made from:

| file | SHA-256 |
| --- | --- |
{rows}
"""
