"""CLIP's vision tower from where people have it: OpenAI's file, or a folder of Hugging Face, whose names it gets."""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor

from videoexpert.checkpoint.tensors import Shape, StoredTensor, Tensors, open_pickled, open_tensors
from videoexpert.checkpoint.torchscript import is_torchscript, open_torchscript
from videoexpert.config import VisionConfig
from videoexpert.errors import CheckpointError

_OTHER_PARTS = ("text_model.", "text_projection.", "logit_scale", "vision_model.embeddings.position_ids")
_LAYER = "vision_model.encoder.layers"
_OPENAI = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "ln_pre": "vision_model.pre_layrnorm",
    "ln_post": "vision_model.post_layernorm",
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_SETTINGS = {
    "image_size": "image_size",
    "patch_size": "patch_size",
    "hidden_size": "hidden",
    "num_hidden_layers": "layers",
    "num_attention_heads": "heads",
    "intermediate_size": "intermediate",
    "projection_dim": "features",
    "hidden_act": "activation",
}
_OPENAI_HEAD_WIDTH = 64


def open_clip(path: Path) -> tuple[VisionConfig, Tensors]:
    """The sizes and tensors of a vision tower; text towers beside it are left out.

    path: OpenAI's file, or a folder with config.json and weights. Raises CheckpointError where it is no CLIP.
    """
    if path.is_dir():
        return _folder_config(path), {
            name: tensor for name, tensor in open_tensors(path).items() if not name.startswith(_OTHER_PARTS)
        }
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file or folder")
    stored = open_torchscript(path) if is_torchscript(path) else open_pickled(path)
    visual = {name.removeprefix("visual."): tensor for name, tensor in stored.items() if name.startswith("visual.")}
    if "conv1.weight" not in visual or "proj" not in visual:
        raise CheckpointError(f"{path}: holds no CLIP vision transformer", hint="VideoExpert uses CLIP ViT-L/14")
    return _openai_config(path, visual), _rename(visual)


def _folder_config(path: Path) -> VisionConfig:
    from transformers import CLIPVisionConfig

    file = path / "config.json"
    try:
        values = json.loads(file.read_bytes())
        kind = values["model_type"]
        if kind not in ("clip", "clip_vision_model"):
            raise CheckpointError(f"{path}: is a {kind} model, not CLIP")
        vision = values
        if kind == "clip":
            vision = values["vision_config"] | {"projection_dim": values["projection_dim"]}
        read = CLIPVisionConfig(**vision).to_dict()  # what the file leaves out has transformers' defaults
        return VisionConfig(**{mine: read[theirs] for theirs, mine in _SETTINGS.items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: cannot be read as CLIP's configuration: {error}") from error


def _openai_config(path: Path, visual: Tensors) -> VisionConfig:
    try:
        hidden, features = visual["proj"].shape
        patch = visual["conv1.weight"].shape[-1]
        grid = int((visual["positional_embedding"].shape[0] - 1) ** 0.5)
        layers = {found[1] for name in visual if (found := re.match(r"transformer\.resblocks\.(\d+)\.", name))}
        return VisionConfig(
            image_size=grid * patch,
            patch_size=patch,
            hidden=hidden,
            layers=len(layers),
            heads=hidden // _OPENAI_HEAD_WIDTH,
            intermediate=visual["transformer.resblocks.0.mlp.c_fc.weight"].shape[0],
            features=features,
        )
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(f"{path}: holds no CLIP vision transformer: {error}") from error


def _rename(visual: Tensors) -> Tensors:
    """OpenAI's names in Hugging Face's words; a joint query-key-value map becomes three, a projection is turned."""
    renamed: Tensors = {}
    for name, tensor in visual.items():
        layer = re.match(r"transformer\.resblocks\.(\d+)\.(.+)", name)
        if name == "proj":
            renamed["visual_projection.weight"] = _derived(tensor, tensor.shape[::-1], Tensor.t)
        elif layer and (joint := re.fullmatch(r"attn\.in_proj_(weight|bias)", layer[2])):
            for third, part in enumerate("qkv"):
                shape = (tensor.shape[0] // 3, *tensor.shape[1:])
                new = f"{_LAYER}.{layer[1]}.self_attn.{part}_proj.{joint[1]}"
                renamed[new] = _derived(tensor, shape, partial(_third, index=third))
        else:
            prefix, part = (f"{_LAYER}.{layer[1]}.", layer[2]) if layer else ("", name)
            module, dot, ending = part.rpartition(".")
            renamed[prefix + (_OPENAI.get(part) or f"{_OPENAI.get(module, module)}{dot}{ending}")] = tensor
    return renamed


def _third(whole: Tensor, *, index: int) -> Tensor:
    return whole.chunk(3)[index]


def _derived(tensor: StoredTensor, shape: Shape, change: Callable[[Tensor], Tensor]) -> StoredTensor:
    share = math.prod(shape) * tensor.bytes // math.prod(tensor.shape)
    return StoredTensor(tensor.file, shape, share, lambda: change(tensor.read()).contiguous())
