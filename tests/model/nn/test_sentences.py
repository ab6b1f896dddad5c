"""Sentences as vectors: the same ones that transformers' BERT gives."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_nano import SENTENCES, random_bert, write_sentences
from torch.nn import functional as F

from videoexpert.checkpoint.sentences import TOKENIZER, WEIGHTS, Sentences, read_sentence_files
from videoexpert.config import SentenceConfig
from videoexpert.errors import CheckpointError

CONFIG = SentenceConfig(hidden=48, layers=3, heads=4, intermediate=96, vocabulary=14, positions=32)
TEXTS = ["a red ball", "the cat", "a", "the dog the owl the tree a house a car the boat"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A deep encoder whose numbers are large enough to matter."""
    files = write_sentences(tmp_path_factory.mktemp("sentences") / "files")
    bert = random_bert(CONFIG)
    save_file(
        {name: value * 3 if value.ndim == 2 else value for name, value in bert.named_parameters()}, files[WEIGHTS]
    )
    return files


def theirs(files: dict[str, Path], texts: list[str]) -> torch.Tensor:
    """The vectors as transformers computes them, all texts padded to the longest."""
    bert = random_bert(CONFIG)
    bert.load_state_dict(load_file(files[WEIGHTS]))
    tokenizer = read_sentence_files(files, CONFIG)._tokenizer
    read = tokenizer.encode_batch(texts)
    ids, mask = (torch.tensor([getattr(text, name) for text in read]) for name in ("ids", "attention_mask"))
    with torch.no_grad():
        states = bert(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
    return F.normalize(states.sum(dim=1) / mask.sum(dim=1, keepdim=True), dim=-1)


@pytest.fixture(scope="module")
def sentences(files: dict[str, Path]) -> Sentences:
    return read_sentence_files(files, CONFIG)


def test_vectors_are_those_of_transformers(files: dict[str, Path], sentences: Sentences) -> None:
    ours = sentences.vectors(TEXTS)
    torch.testing.assert_close(ours, theirs(files, TEXTS), rtol=0, atol=1e-5)
    assert (ours @ ours.t()).fill_diagonal_(0).max() < 0.999, "texts that cannot be told apart would prove nothing"


def test_padding_changes_nothing(sentences: Sentences) -> None:
    alone = torch.cat([sentences.vectors([text]) for text in TEXTS])
    torch.testing.assert_close(sentences.vectors(TEXTS), alone, rtol=0, atol=1e-5)


def test_what_is_wrong_with_the_file_is_named_as_in_the_file(tmp_path: Path) -> None:
    files = write_sentences(tmp_path / "files")
    tensors = dict(random_bert(SENTENCES).named_parameters())
    del tensors["encoder.layer.0.attention.self.key.bias"]
    tensors["embeddings.word_embeddings.weight"] = torch.nn.Parameter(torch.zeros(3, 16))
    save_file({**tensors, "pooler.dense.weight": torch.zeros(16, 16), "other": torch.zeros(1)}, files[WEIGHTS])
    with pytest.raises(CheckpointError) as failed:
        read_sentence_files({WEIGHTS: files[WEIGHTS], TOKENIZER: files[TOKENIZER]}, SENTENCES)
    assert set(failed.value.problems) == {
        "missing encoder.layer.0.attention.self.key.bias",
        "embeddings.word_embeddings.weight in model.safetensors is 3x16, not 14x16",
        "unexpected other in model.safetensors",
    }
