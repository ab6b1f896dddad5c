"""The sentence encoder of a model folder, with its tokenizer: what turns a query into what the match channel takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from videoexpert.checkpoint.paths import plain_path
from videoexpert.checkpoint.tensors import Shape, Tensors, check_tensors, open_tensors
from videoexpert.config import SentenceConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.sentences import SentenceEncoder

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
"""The files of a sentence encoder."""

_BATCH = 64
_LONGEST = 256
_LEFT_OUT = ("pooler.", "embeddings.position_ids")


class Sentences:
    """Reads sentences. encoder, tokenizer: those that belong together."""

    def __init__(self, encoder: SentenceEncoder, tokenizer: Tokenizer) -> None:
        self._encoder, self._tokenizer = encoder, tokenizer
        tokenizer.enable_truncation(_LONGEST)
        tokenizer.enable_padding()

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors [n, E] of texts, on the encoder's device; a text's vector depends on its words alone."""
        device = next(self._encoder.parameters()).device
        parts = []
        for start in range(0, len(texts), _BATCH):
            read = self._tokenizer.encode_batch(list(texts[start : start + _BATCH]))
            ids = torch.tensor([text.ids for text in read], device=device)
            mask = torch.tensor([text.attention_mask for text in read], device=device)
            parts.append(self._encoder(ids, mask))
        return torch.cat(parts)


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
    encoder = SentenceEncoder(config)
    tensors = open_sentences(parts[WEIGHTS])
    check_tensors(str(parts[WEIGHTS]), _shapes(encoder), tensors)
    encoder.bert.load_state_dict({name: tensor.read() for name, tensor in tensors.items()})
    return Sentences(encoder.float().to(device), read_tokenizer(parts[TOKENIZER]))


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


def _shapes(encoder: SentenceEncoder) -> dict[str, Shape]:
    return {name: tuple(parameter.shape) for name, parameter in encoder.bert.named_parameters()}
