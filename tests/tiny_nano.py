"""A very small model of nano's kind: a classifier that tells a few things apart, and sentences of a few words."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny_model import tiny_config, tiny_tokenizer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from videoexpert.checkpoint.sentences import TOKENIZER, WEIGHTS, Sentences, read_sentence_files
from videoexpert.checkpoint.tensors import StoredTensor
from videoexpert.checkpoint.writing import NewModel, write_model
from videoexpert.config import (
    CompressorConfig,
    EfficientNetConfig,
    LocatorConfig,
    MatchConfig,
    SentenceConfig,
    VideoExpertConfig,
)
from videoexpert.nn.model import VideoExpert, build_model
from videoexpert.nn.vision import build_tower

WORDS = ("[PAD]", "[UNK]", "a", "the", "video", "ball", "cat", "dog", "owl", "tree", "house", "car", "boat", "red")
VISION = EfficientNetConfig(
    image_size=32,
    long_side=57,
    stem=8,
    stages=((1, 3, 1, 1, 8), (2, 5, 2, 2, 12), (2, 3, 2, 1, 16)),
    features=24,
    classes=8,
)
SENTENCES = SentenceConfig(hidden=16, layers=1, heads=2, intermediate=24, vocabulary=len(WORDS), positions=32)


def nano_config(*, alone: bool = True, threshold: float = 0.0, classes: int = 8) -> VideoExpertConfig:
    return replace(
        tiny_config(tiny_tokenizer(), frames=16),
        vision=replace(VISION, classes=classes),
        projector="spelled",
        compressor=CompressorConfig(variant="only_cls"),
        locator=LocatorConfig(width=32, decoding="regions"),
        match=MatchConfig(width=8, likeliest=4, alone=alone, threshold=threshold),
        sentences=SENTENCES,
    )


def nano_model(*, alone: bool = True, threshold: float = 0.0, classes: int = 8) -> VideoExpert:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(nano_config(alone=alone, threshold=threshold, classes=classes)).eval()


def random_bert(config: SentenceConfig) -> BertModel:
    """A sentence encoder as transformers has it, the same one each time."""
    settings = BertConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        max_position_embeddings=config.positions,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        bert = BertModel(settings, add_pooling_layer=False)
    bert.train(False)
    return bert


def write_sentences(folder: Path) -> dict[str, Path]:
    """The files of a random sentence encoder, by their names."""
    folder.mkdir(parents=True)
    save_file(dict(random_bert(SENTENCES).named_parameters()), folder / WEIGHTS)
    raw = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    raw.save(str(folder / TOKENIZER))
    return {name: folder / name for name in (WEIGHTS, TOKENIZER)}


def tiny_sentences(folder: Path) -> Sentences:
    return read_sentence_files(write_sentences(folder), SENTENCES)


def write_nano_model(folder: Path, *, threshold: float = 0.0, alone: bool = True, classes: int = 8) -> Path:
    """A model folder that holds everything, with random weights and its base beside it."""
    model = nano_model(alone=alone, threshold=threshold, classes=classes)
    base = {
        name.removeprefix("llm.").replace(".base.", "."): StoredTensor.held(folder, value)
        for name, value in model.named_parameters()
        if name.startswith("llm.") and ".temporal." not in name and ".spatial." not in name
    }
    own = {
        name: StoredTensor.held(folder, value)
        for name, value in model.named_parameters()
        if not name.startswith("llm.") or ".temporal." in name or ".spatial." in name
    }
    with torch.random.fork_rng():
        torch.manual_seed(2)
        tower = build_tower(VISION)
    vision = {name: StoredTensor.held(folder, value) for name, value in tower.network.named_parameters()}
    sentences = write_sentences(folder.parent / f"{folder.name} sentences")
    card = "# tiny nano\n\nRandom numbers, for tests.\n"
    new = NewModel(model.config, own, vision, None, None, tiny_tokenizer(), card, base=base, sentences=sentences)
    write_model(new, folder)
    return folder
