"""nano with other eyes: the CLIP or SigLIP that someone has, in the place of its classifier. Nothing is trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from videoexpert.atomic import check_free
from videoexpert.checkpoint.folder import ModelFolder, read_folder
from videoexpert.checkpoint.imagetext import Looks, open_image_text, open_side, read_looks
from videoexpert.checkpoint.names import expected_tensors, expected_vision, with_base
from videoexpert.checkpoint.reference import Reference
from videoexpert.checkpoint.sentences import TOKENIZER
from videoexpert.checkpoint.tensors import StoredTensor, Tensors, check_tensors, open_tensors
from videoexpert.checkpoint.tokenizers import load_tokenizer
from videoexpert.checkpoint.whole import open_base
from videoexpert.checkpoint.writing import LOOKS_TOKENIZER, NewModel, write_model
from videoexpert.config import ImageTextConfig, VideoExpertConfig
from videoexpert.errors import CheckpointError, OutputError
from videoexpert.models.nano.words import Vocabulary, read_vocabulary, with_article
from videoexpert.nn.imagetext import IMAGE_SIDE

OnNames = Callable[[float], None]
"""Hears what part of the names has been read, 0 .. 1."""

_AT_ONCE = 50


def equip(model: Path, encoder: Path, out: Path, *, overwrite: bool = False, on_names: OnNames | None = None) -> None:
    """Make the model folder `out` of the model in `model`, nano or one tuned from it, and of an encoder's folder.

    The encoder becomes a classifier of nano's names, whose rows are how its text side says that they look; and each
    query becomes one more class, so that what has no name among them is seen too. What was trained stays as it is. The
    encoder is used from where it lies. on_names: hears how far the names are.
    Raises CheckpointError where the model is not of nano's kind, or the encoder no whole CLIP or SigLIP; OutputError
    where `out` exists and is not to be replaced, or cannot be written.
    """
    check_free(out, overwrite=overwrite)
    folder, words = read_folder(model), read_vocabulary()
    _check_kind(folder, words)
    if out.resolve() in (model.resolve(), encoder.resolve()):
        raise OutputError(f"{out}: is what the new model is made of", hint="choose another folder with --out")
    vision, sides = open_image_text(encoder, classes=len(words.names))
    check_tensors(f"{encoder}: image side", expected_vision(vision), open_side(sides, IMAGE_SIDE))
    config = replace(folder.config, vision=vision, sharpness=1.0)  # its chances are what it was trained to give
    tokenizer = encoder / TOKENIZER
    looks = read_looks(encoder, tokenizer, vision)
    stored = open_tensors(model) | _seeing(config, out, _rows(looks, words, on_names))
    expected = expected_tensors(config, source=out)
    check_tensors(str(out), expected, with_base(expected, stored, open_base(folder)))
    new = NewModel(
        config=config,
        tensors=stored,
        vision=None,
        llm_base=folder.llm_base,
        vision_base=Reference.to(encoder),
        tokenizer=load_tokenizer(model, loc_id=config.loc_id),
        card=_card(folder, vision, encoder, out),
        sentences=folder.sentences | {LOOKS_TOKENIZER: tokenizer},
    )
    write_model(new, out, overwrite=overwrite)


def _check_kind(folder: ModelFolder, words: Vocabulary) -> None:
    """Raise CheckpointError unless a model matches words with nano's classes."""
    vision = folder.config.vision
    if folder.config.match is None or getattr(vision, "classes", 0) != len(words.names):
        raise CheckpointError(
            f"{folder.path}: has no match channel with nano's classes, so it cannot be given other eyes",
            hint="take nano, or a model that was tuned from it",
        )


def _rows(looks: Looks, words: Vocabulary, on_names: OnNames | None) -> Tensor:
    """The classifier: [C, D]."""
    texts = [_described(words, index) for index in range(len(words.names))]
    rows = []
    for start in range(0, len(texts), _AT_ONCE):
        rows.append(looks.rows(texts[start : start + _AT_ONCE]))
        if on_names is not None:
            on_names(min(1.0, (start + _AT_ONCE) / len(texts)))
    return torch.cat(rows)


def _described(words: Vocabulary, index: int) -> str:
    """ "a crane, a bird": the kind says which crane is meant."""
    return ", ".join(with_article(name) for name in words.described(index))


def _seeing(config: VideoExpertConfig, out: Path, rows: Tensor) -> Tensors:
    """The tensors that depend on what the model sees with; what it spells needs no linear part beside it."""
    hidden, features = config.llm["hidden_size"], config.vision.features
    tensors = {
        "classifier.weight": rows,
        "classifier.bias": torch.zeros(len(rows)),
        "projector.linear.weight": torch.zeros(hidden, features),
        "projector.linear.bias": torch.zeros(hidden),
    }
    return {name: StoredTensor.held(out, tensor) for name, tensor in tensors.items()}


def _card(folder: ModelFolder, vision: ImageTextConfig, encoder: Path, out: Path) -> str:
    before, kind = folder.path.resolve().name, {"clip": "CLIP", "siglip": "SigLIP"}[vision.family]
    return (
        f"# {out.resolve().name}\n\n"
        f"{before}, which looks through {kind}: {encoder.resolve()} ({vision.image_size} pixels, {vision.features} "
        "features). It is used from there; the model does not work without it.\n\n"
        "Each query is shown to its text side and compared with what its image side sees, so people, actions, scenes "
        f"and colours can be found as far as {kind} knows them. Captions and choices still know only the names that "
        f"{before} has. "
        + ("Of a wide frame it sees the square in the middle. " if vision.family == "clip" else "")
        + "Nothing was trained, and nothing below was measured with these eyes: scores are not calibrated for them. "
        "Where too little is found try `--min-score 0`, and `vex evaluate` or `vex finetune` with your own videos.\n\n"
        f"What follows is the card of {before}.\n\n{folder.card()}"
    )
