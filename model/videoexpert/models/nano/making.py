"""nano, put together: the parts as they are served, and what vex trained, which lies beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from videoexpert.checkpoint.efficientnet import open_efficientnet
from videoexpert.checkpoint.llama_gguf import open_llama_gguf
from videoexpert.checkpoint.names import expected_tensors, expected_vision, with_base
from videoexpert.checkpoint.sentences import TOKENIZER, WEIGHTS
from videoexpert.checkpoint.tensors import StoredTensor, Tensors, check_tensors, open_tensors
from videoexpert.checkpoint.writing import NewModel, write_model
from videoexpert.config import (
    CompressorConfig,
    EfficientNetConfig,
    ExpertConfig,
    LocatorConfig,
    MatchConfig,
    SentenceConfig,
    VideoExpertConfig,
)
from videoexpert.hub import known_model
from videoexpert.models.nano.words import Vocabulary, read_vocabulary
from videoexpert.nn.projector import SPELLED

TRAINED = "weights.safetensors"
"""What vex trained, by the model's names."""

THRESHOLD = 0.45
"""Of a moment's score: below it what was asked for counts as not found."""

_SECONDS = 100.0
_SHARPNESS = 2.0  # the classifier is less sure of frames than of the timelines that were learnt from


@dataclass(frozen=True, slots=True)
class Ingredients:
    """The parts, as nano takes them.

    base: the language model by its own names; tower: the vision tower; classifier: its `weight` and `bias`. sentences:
    the files of the sentence encoder.
    """

    config: VideoExpertConfig
    base: Tensors
    tokenizer: PreTrainedTokenizerFast
    tower: Tensors
    classifier: Tensors
    sentences: dict[str, Path]

    def fixed(self) -> Tensors:
        """Those tensors of the model that are neither the base's nor trained."""
        words = StoredTensor.held(Path("words"), spell(read_vocabulary(), self.base, self.tokenizer))
        return {f"classifier.{name}": tensor for name, tensor in self.classifier.items()} | {"projector.words": words}


def nano_config(llm: Mapping[str, Any]) -> VideoExpertConfig:
    """What nano is. llm: transformers' configuration of its language model, whose last token is `[LOC]`."""
    return VideoExpertConfig(
        llm=llm,
        loc_id=llm["vocab_size"] - 1,
        trained_seconds=_SECONDS,
        vision=EfficientNetConfig(),
        projector="posterior",
        sharpness=_SHARPNESS,
        compressor=CompressorConfig(variant="only_cls"),
        experts=ExpertConfig(rank=8, alpha=16.0, dropout=0.0),
        locator=LocatorConfig(decoding="regions"),
        match=MatchConfig(alone=True, threshold=THRESHOLD),
        sentences=SentenceConfig(),
    )


def open_parts(parts: Mapping[str, Path]) -> Ingredients:
    """Read the parts: `llm` and `vision`, and `text` with its `tokenizer`. Raises CheckpointError."""
    llm, base, tokenizer = open_llama_gguf(parts["llm"])
    config, vision = nano_config(llm), EfficientNetConfig()
    tower, classifier = open_efficientnet(parts["vision"], vision)
    check_tensors(str(parts["vision"]), expected_vision(vision), tower)
    sentences = {WEIGHTS: parts["text"], TOKENIZER: parts["tokenizer"]}
    return Ingredients(config, base, tokenizer, tower, classifier, sentences)


def spell(words: Vocabulary, base: Tensors, tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """The names of the classes, token by token, in the language model's embeddings: [SPELLED, C, H]."""
    table = base["model.embed_tokens.weight"].read()
    comma = tokenizer(",", add_special_tokens=False).input_ids
    ids = torch.empty(SPELLED, len(words.names), dtype=torch.long)
    for index, names in enumerate(words.names):
        name = tokenizer(f" {names[0]}", add_special_tokens=False).input_ids
        again = [*name, *comma] * SPELLED
        ids[:, index] = torch.tensor(again[:SPELLED])
    return table[ids]


def build(parts: Mapping[str, Path], out: Path) -> None:
    """Make the model folder `out`, which is not there yet, of the parts and of what was trained.

    Raises CheckpointError where a part is damaged or is another file, OutputError where `out` cannot be written.
    """
    with as_file(files(__package__ or __name__) / TRAINED) as trained:
        write_nano(open_parts(parts), open_tensors(trained), out)


def write_nano(ingredients: Ingredients, trained: Tensors, out: Path) -> None:
    """Make the model folder of the ingredients and trained tensors. Raises as `build` does."""
    config = ingredients.config
    stored = trained | ingredients.fixed()
    expected = expected_tensors(config, source=out)
    check_tensors(str(out), expected, with_base(expected, stored, ingredients.base))
    known = known_model("nano")
    assert known is not None
    new = NewModel(
        config=config,
        tensors=stored,
        vision=ingredients.tower,
        llm_base=None,
        vision_base=None,
        tokenizer=ingredients.tokenizer,
        card=known.card,
        base=ingredients.base,
        sentences=ingredients.sentences,
    )
    write_model(new, out)
