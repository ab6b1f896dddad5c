"""A model folder, written whole or not at all."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from videoexpert.atomic import atomic_folder
from videoexpert.checkpoint.paths import plain_path
from videoexpert.checkpoint.reference import Reference
from videoexpert.checkpoint.tensors import Tensors
from videoexpert.config import VideoExpertConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CONFIG = "config.json"
CARD = "README.md"
VISION = "vision"
"""The folder of the vision tower's tensors, where they are stored."""

BASE = "base"
"""The folder of the base's tensors, where they are stored."""

SENTENCES = "sentences"
"""The folder of the sentence encoder of a match channel."""

LOOKS_TOKENIZER = "image-text.json"
"""In that folder: the tokenizer of an image-text encoder, where one looks."""

SCHEMA = "vex.model/1"

_SHARD_BYTES = 4 * 2**30
_METADATA = {"format": "pt"}


@dataclass(frozen=True, slots=True)
class NewModel:
    """Everything that a model folder holds.

    tensors: what is stored of the model. vision: the tower's tensors, None where they are used from elsewhere. llm_base
    and vision_base: where the rest is, None where all is stored. base: the base's tensors, by its own names, where it
    is to lie in the folder itself. sentences: the files of a sentence encoder, by their names, to copy.
    """

    config: VideoExpertConfig
    tensors: Tensors
    vision: Tensors | None
    llm_base: Reference | None
    vision_base: Reference | None
    tokenizer: "PreTrainedTokenizerFast"
    card: str
    base: Tensors | None = None
    sentences: Mapping[str, Path] = field(default_factory=dict)


def write_model(model: NewModel, out: Path, *, overwrite: bool = False) -> None:
    """Write the folder `out`. Raises OutputError where it exists and is not to be replaced, or cannot be written."""
    from videoexpert.checkpoint.tokenizers import save_tokenizer

    values = {
        "schema": SCHEMA,
        "model": model.config.to_dict(),
        "llm_base": model.llm_base and model.llm_base.to_dict(),
        "vision_base": model.vision_base and model.vision_base.to_dict(),
    }
    with atomic_folder(out, overwrite=overwrite) as folder:
        write_tensors(model.tensors, folder)
        if model.base is not None:
            (folder / BASE).mkdir()
            write_tensors(model.base, folder / BASE)
            values["llm_base"] = replace(Reference.to(folder / BASE), path=BASE).to_dict()
        if model.vision is not None:
            (folder / VISION).mkdir()
            write_tensors(model.vision, folder / VISION)
        for name, file in model.sentences.items():
            (folder / SENTENCES).mkdir(exist_ok=True)
            shutil.copyfile(file, folder / SENTENCES / name)
        save_tokenizer(model.tokenizer, folder)
        (folder / CARD).write_text(model.card, encoding="utf-8", errors="surrogateescape")
        (folder / CONFIG).write_text(json.dumps(values, indent=1), encoding="utf-8")


def write_tensors(tensors: Tensors, folder: Path) -> None:
    """Write model.safetensors, or shards of 4 GiB and their index; one shard is in memory at a time."""
    shards: list[list[str]] = [[]]
    sizes: list[int] = [0]
    for name, tensor in tensors.items():
        size = tensor.bytes
        if sizes[-1] and sizes[-1] + size > _SHARD_BYTES:
            shards.append([])
            sizes.append(0)
        shards[-1].append(name)
        sizes[-1] += size
    if len(shards) == 1:
        write_file({name: tensor.read() for name, tensor in tensors.items()}, folder / "model.safetensors")
        return
    files: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_file({name: tensors[name].read() for name in names}, folder / file)
        files |= dict.fromkeys(names, file)
    index = {"metadata": {"total_size": sum(sizes)}, "weight_map": files}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1))


def write_file(tensors: Mapping[str, Tensor], file: Path, metadata: Mapping[str, str] = _METADATA) -> None:
    """Write one file of tensors, which whoever may read the user's files may read. Raises OSError."""
    # A tensor that is part of a larger storage (a mapped file, a slice) would drag the whole of it along.
    alone = {
        name: tensor
        if tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
        else tensor.clone()
        for name, tensor in tensors.items()
    }
    file.touch()
    mode = file.stat().st_mode
    try:
        with plain_path(file.parent) as folder:
            whole = {name: tensor.detach().contiguous() for name, tensor in alone.items()}
            save_file(whole, folder / file.name, dict(metadata))
    except SafetensorError as error:  # a full disk, for one
        raise OSError(str(error)) from error
    file.chmod(mode)  # the library makes files that only their owner can read
