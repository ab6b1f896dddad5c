"""Small published checkpoints for tests: whatever a folder of conformance vectors lacks for an import is made here."""

import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from videoexpert.checkpoint import PublishedFiles
from videoexpert.config import VisionConfig
from videoexpert.nn.vision import build_tower

TINY_VISION = VisionConfig(hidden=8, layers=1, heads=2, intermediate=8)
"""A tower of two thousand times fewer weights that sees as many patches and gives as many features as ViT-L/14."""

CONV_HEADS = "_embed_head."


def write_tokenizer(folder: Path, size: int) -> None:
    """A tokenizer of `size` tokens: <unk>, <s>, </s>, then characters, then numbered words."""
    words = ["<unk>", "<s>", "</s>", *map(chr, range(32, 127)), "\n", "▁"]
    vocabulary = {word: index for index, word in enumerate([*words, *(f"w{i}" for i in range(size))][:size])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)


def write_clip(folder: Path, config: VisionConfig = TINY_VISION) -> None:
    """A vision tower with random weights as a folder of Hugging Face."""
    build_tower(config).clip.save_pretrained(folder)


def complete(checkpoint: Path, folder: Path, *, heads: Path | None = None) -> PublishedFiles:
    """Copy the checkpoint of a conformance folder to `folder` and add a tokenizer and a tower.

    heads: a checkpoint to take the convolutional heads from, where this one has none.
    """
    base, expert = folder / "base", folder / "expert"
    shutil.copytree(checkpoint / "base", base)
    shutil.copytree(checkpoint / "expert", expert)
    for copied in folder.rglob("*"):
        copied.chmod(0o755 if copied.is_dir() else 0o644)
    others = expert / "non_lora_trainables.bin"
    tensors = torch.load(others, weights_only=True)
    if heads is not None and not any(CONV_HEADS in name for name in tensors):
        more = torch.load(heads / "expert" / others.name, weights_only=True)
        torch.save(tensors | {name: more[name] for name in more if CONV_HEADS in name}, others)
    vocabulary = torch.load(base / "pytorch_model.bin", weights_only=True)["model.embed_tokens.weight"]
    write_tokenizer(base, len(vocabulary))
    write_clip(folder / "clip")
    return PublishedFiles(base, expert, checkpoint / "mm_projector.bin", folder / "clip")
