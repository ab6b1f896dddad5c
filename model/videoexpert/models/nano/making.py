"""nano, put together: the parts as they are served, and what vex trained, which lies beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

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
from videoexpert.nn.projector import LONGEST

TRAINED = "weights.safetensors"
"""What vex trained, by the model's names."""

THRESHOLD = 0.3
"""Of a moment's score: below it what was asked for counts as not found."""

_SECONDS = 100.0
_ALPHA = 2.0  # for each rank
_SHARPNESS = 2.0  # the classifier is less sure than it is right
_MARKS = ("\n", " or", ",")


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

    def sized(self, *, rank: int, width: int) -> "Ingredients":
        """The same for a model with experts of this rank and a head of this width in its match channel."""
        assert self.config.match is not None
        experts = replace(self.config.experts, rank=rank, alpha=_ALPHA * rank)
        return replace(
            self, config=replace(self.config, experts=experts, match=replace(self.config.match, width=width))
        )

    def fixed(self) -> Tensors:
        """Those tensors of the model that are neither the base's nor trained."""
        table = self.base["model.embed_tokens.weight"].read()
        words = {
            "projector.words": spell(read_vocabulary(), table, self.tokenizer),
            "projector.marks": table[[self._token(mark) for mark in _MARKS]],
        }
        spelled = {name: StoredTensor.held(Path("words"), tensor) for name, tensor in words.items()}
        return {f"classifier.{name}": tensor for name, tensor in self.classifier.items()} | spelled

    def _token(self, text: str) -> int:
        (token,) = self.tokenizer(text, add_special_tokens=False).input_ids
        return int(token)


def nano_config(llm: Mapping[str, Any]) -> VideoExpertConfig:
    """What nano is. llm: transformers' configuration of its language model, whose last token is `[LOC]`."""
    return VideoExpertConfig(
        llm=llm,
        loc_id=llm["vocab_size"] - 1,
        trained_seconds=_SECONDS,
        vision=EfficientNetConfig(),
        projector="spelled",
        sharpness=_SHARPNESS,
        compressor=CompressorConfig(variant="only_cls"),
        experts=ExpertConfig(rank=8, alpha=8 * _ALPHA, dropout=0.0),
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


def spell(words: Vocabulary, table: Tensor, tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """The names of the classes, token by token, in the embeddings `table` [V, H]: [C, LONGEST, H], then zeros."""
    spelled = table.new_zeros(len(words.names), LONGEST, table.shape[1])
    for row, names in zip(spelled, words.names, strict=True):
        ids = tokenizer(f" {names[0]}", add_special_tokens=False).input_ids[:LONGEST]
        row[: len(ids)] = table[ids]
    return spelled


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
