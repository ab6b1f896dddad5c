"""A folder of CLIP or SigLIP as Hugging Face has them: its two sides, its tokenizer, and how words look to it."""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from videoexpert.checkpoint.names import shapes_of
from videoexpert.checkpoint.sentences import TOKENIZER, read_tokenizer
from videoexpert.checkpoint.tensors import Tensors, check_tensors, fill, open_tensors
from videoexpert.config import ImageTextConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.imagetext import IMAGE_SIDE, TEXT_SIDE, TextEncoder, build_text_encoder

_SETTINGS = "config.json"
_TOKENIZER_SETTINGS = "tokenizer_config.json"
_SCALE = "logit_scale"
_BUFFERS = "embeddings.position_ids"
_BATCH = 64

PROMPTS = ("{}", "a photo of {}.", "a video of {}.")
"""How words are put to the text side, which has read captions; a vector is the mean over them."""


class Looks:
    """Says how words look, to a text side and its tokenizer."""

    def __init__(self, encoder: TextEncoder, tokenizer: Tokenizer) -> None:
        self._encoder, self._tokenizer = encoder, tokenizer
        config = encoder.config
        tokenizer.enable_truncation(config.context)
        if config.family == "clip":  # it has learnt from texts that end where they end
            tokenizer.no_padding()
        else:
            tokenizer.enable_padding(length=config.context, pad_id=config.pad)

    def rows(self, texts: Sequence[str]) -> Tensor:
        """A row of a classifier for each text, [n, D]: its product with a frame's unit vector is a logit."""
        prompted = [prompt.format(text.lower()) for text in texts for prompt in PROMPTS]
        vectors = self._encode(prompted).view(len(texts), len(PROMPTS), -1)
        return self._encoder.config.scale * F.normalize(vectors.mean(dim=1), dim=-1)

    def _encode(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [n, D]. Texts of one length go together, so that none has to be filled up."""
        device = next(self._encoder.parameters()).device
        ids = [read.ids for read in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
        vectors: list[tuple[int, Tensor]] = []
        for _, same in groupby(order, key=lambda index: len(ids[index])):
            indices = list(same)
            for start in range(0, len(indices), _BATCH):
                part = indices[start : start + _BATCH]
                encoded = self._encoder(torch.tensor([ids[index] for index in part], device=device))
                vectors.extend(zip(part, encoded, strict=True))
        return torch.stack([vector for _, vector in sorted(vectors, key=lambda pair: pair[0])])


def open_image_text(path: Path, *, classes: int) -> tuple[ImageTextConfig, Tensors]:
    """What an encoder's folder says of it, and the tensors of both sides. classes: of the classifier to be.

    Raises CheckpointError where it is no CLIP or SigLIP, or a file is missing or damaged.
    """
    settings = _settings(path)
    tensors = open_tensors(path)
    if _SCALE not in tensors:
        raise CheckpointError(f"{path}: holds no {_SCALE}, so it is only one side of an image-text encoder")
    scale = tensors[_SCALE].read().float().exp().item()
    pad = _pad(path) if settings["model_type"] != "clip" else 0
    try:
        config = ImageTextConfig(settings, classes=classes, scale=scale, pad=pad)
    except ValueError as error:
        raise CheckpointError(f"{path / _SETTINGS}: {error}") from error
    return config, open_sides(tensors)


def open_sides(tensors: Tensors) -> Tensors:
    """Of the tensors of an encoder those of its two sides."""
    return open_side(tensors, (*IMAGE_SIDE, *TEXT_SIDE))


def open_side(tensors: Tensors, side: Sequence[str]) -> Tensors:
    """Of the tensors of an encoder those of one side, IMAGE_SIDE or TEXT_SIDE."""
    return {
        name: tensor
        for name, tensor in tensors.items()
        if name.partition(".")[0] in side and not name.endswith(_BUFFERS)
    }


def read_looks(path: Path, tokenizer: Path, config: ImageTextConfig, *, device: torch.device | str = "cpu") -> Looks:
    """The text side of the folder `path`, with its tokenizer.json.

    Raises CheckpointError where a file is missing or damaged, or naming each tensor that is not as expected.
    """
    tensors = open_side(open_tensors(path), TEXT_SIDE)
    encoder = build_text_encoder(config, device=device, initialise=False)
    check_tensors(f"{path}: text side", shapes_of(encoder.sides), tensors)
    fill(encoder.sides, tensors)
    return Looks(encoder, read_tokenizer(tokenizer))


def _settings(path: Path) -> dict[str, Any]:
    """transformers' configuration of a folder, whole: what its file leaves out has transformers' defaults."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CLIPConfig, SiglipConfig

    file = path / _SETTINGS
    kinds = {"clip": CLIPConfig, "siglip": SiglipConfig}
    hint = "give the folder of a CLIP or SigLIP of Hugging Face"
    if not path.is_dir():
        raise CheckpointError(f"{path}: {'is a file' if path.exists() else 'no such folder'}", hint=hint)
    if not file.is_file():
        raise CheckpointError(f"{path}: has no {_SETTINGS}", hint=hint)
    try:
        values = json.loads(file.read_bytes())
        kind = values.get("model_type")
        if kind not in kinds:
            what = f"a {kind} model" if kind else "something else"
            raise CheckpointError(f"{path}: is {what}, not a CLIP or SigLIP with both its sides", hint=hint)
        if kind == "siglip":  # it has no use for these, whose defaults are of another tokenizer
            values["text_config"] = (values.get("text_config") or {}) | {"bos_token_id": None, "eos_token_id": None}
        read: dict[str, Any] = json.loads(json.dumps(kinds[kind](**values).to_dict()))  # as it is stored
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError) as error:
        raise CheckpointError(f"{file}: cannot be read as the configuration of CLIP or SigLIP: {error}") from error
    return read


def _pad(path: Path) -> int:
    """The id of the token that fills texts up, as the tokenizer's settings name it."""
    file = path / _TOKENIZER_SETTINGS
    try:
        named = json.loads(file.read_bytes())["pad_token"]
        text = named["content"] if isinstance(named, dict) else str(named)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: does not say which token fills a text up: {error}") from error
    pad = read_tokenizer(path / TOKENIZER).token_to_id(text)
    if pad is None:
        raise CheckpointError(f"{file}: fills texts up with {text!r}, which its tokenizer does not know")
    return pad
