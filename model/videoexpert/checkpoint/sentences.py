"""The sentence encoder of a model folder, with its tokenizer: what turns a query into what the match channel takes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from videoexpert.checkpoint.names import shapes_of
from videoexpert.checkpoint.paths import plain_path
from videoexpert.checkpoint.tensors import Shape, StoredTensor, Tensors, check_tensors, open_tensors
from videoexpert.config import SentenceConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.building import building
from videoexpert.nn.sentences import SentenceEncoder

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
"""The files of a sentence encoder."""

_BATCH = 64
_LONGEST = 256
_LEFT_OUT = ("pooler.", "embeddings.position_ids")
_EMBEDDINGS = {
    "words": "word_embeddings.weight",
    "positions": "position_embeddings.weight",
    "kinds": "token_type_embeddings.weight",
    "norm.weight": "LayerNorm.weight",
    "norm.bias": "LayerNorm.bias",
}
_LAYER = {
    "self_attn.out_proj": ("attention.output.dense",),
    "norm1": ("attention.output.LayerNorm",),
    "linear1": ("intermediate.dense",),
    "linear2": ("output.dense",),
    "norm2": ("output.LayerNorm",),
}
_JOINED = ("attention.self.query", "attention.self.key", "attention.self.value")


class Sentences:
    """Reads sentences. encoder, tokenizer: those that belong together.

    looks: where an image-text encoder looks, how each text does, as a row of a classifier: [n, D].
    """

    looks: Callable[[Sequence[str]], Tensor] | None = None

    def __init__(self, encoder: SentenceEncoder, tokenizer: Tokenizer) -> None:
        self._encoder, self._tokenizer = encoder, tokenizer
        tokenizer.enable_truncation(_LONGEST)
        tokenizer.enable_padding()

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [n, E] of texts, on the encoder's device; with how each looks behind them, [n, E + D].

        A text's vector depends on its words alone.
        """
        device = next(self._encoder.parameters()).device
        parts = []
        for start in range(0, len(texts), _BATCH):
            read = self._tokenizer.encode_batch(list(texts[start : start + _BATCH]))
            ids = torch.tensor([text.ids for text in read], device=device)
            mask = torch.tensor([text.attention_mask for text in read], device=device)
            parts.append(self._encoder(ids, mask))
        vectors = torch.cat(parts)
        return vectors if self.looks is None else torch.cat((vectors, self.looks(texts)), dim=1)


def open_sentences(path: Path) -> Tensors:
    """The tensors of a sentence encoder, those of parts that are not used left out."""
    return {name: tensor for name, tensor in open_tensors(path).items() if not name.startswith(_LEFT_OUT)}


def read_sentences(folder: Path, config: SentenceConfig, *, device: torch.device | str = "cpu") -> Sentences:
    """The sentence encoder in a folder. Raises as `read_sentence_files` does."""
    return read_sentence_files({name: folder / name for name in (WEIGHTS, TOKENIZER)}, config, device=device)


def read_sentence_files(
    parts: Mapping[str, Path], config: SentenceConfig, *, device: torch.device | str = "cpu"
) -> Sentences:
    """The sentence encoder whose files are `parts`, by the names WEIGHTS and TOKENIZER.

    Raises CheckpointError where a file is missing or damaged, or naming each tensor that is not as expected.
    """
    with building(device="meta", dtype=torch.float32):
        encoder = SentenceEncoder(config)
    shapes = shapes_of(encoder)
    tensors = open_sentences(parts[WEIGHTS])
    check_tensors(str(parts[WEIGHTS]), _expected(shapes), tensors)
    encoder.load_state_dict({name: _joined([tensors[one] for one in bert_names(name)]) for name in shapes}, assign=True)
    return Sentences(encoder.requires_grad_(False).to(device), read_tokenizer(parts[TOKENIZER]))


def bert_names(name: str) -> tuple[str, ...]:
    """What Hugging Face's BERT calls a parameter of the encoder: one tensor, or several that lie in it in a row."""
    if name in _EMBEDDINGS:
        return (f"embeddings.{_EMBEDDINGS[name]}",)
    module, _, ending = name.rpartition(".")
    _, _, index, part = module.split(".", 3)
    kind = ending.removeprefix("in_proj_")
    theirs = _LAYER[part] if kind == ending else _JOINED
    return tuple(f"encoder.layer.{index}.{each}.{kind}" for each in theirs)


def _joined(rows: Sequence[StoredTensor]) -> Tensor:
    """Tensors below each other; one alone stays where it is, mapped into memory, of which little is ever touched."""
    parts = [tensor.read().float() for tensor in rows]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _expected(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The tensors of a file, for an encoder whose parameters have these shapes."""
    names = {name: bert_names(name) for name in shapes}
    return {one: (shapes[name][0] // len(each), *shapes[name][1:]) for name, each in names.items() for one in each}


def read_tokenizer(file: Path) -> Tokenizer:
    """A tokenizer.json. Raises CheckpointError where it is missing or damaged."""
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file", hint="fetch or copy it again")
    try:
        with plain_path(file.parent) as folder:
            return Tokenizer.from_file(str(folder / file.name))
    except Exception as error:
        # The reader of tokenizer.json raises bare Exception.
        raise CheckpointError(f"{file}: cannot be read: {error}", hint="fetch or copy it again") from error
