"""The recipe of nano, and one run of it: from the parts to the weights that are shipped, with a log of the losses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from safetensors.torch import save

from videoexpert.atomic import write_bytes
from videoexpert.checkpoint.sentences import read_sentence_files
from videoexpert.errors import TrainingError
from videoexpert.models.nano.language import LanguageTraining, train_language
from videoexpert.models.nano.making import TRAINED, open_parts
from videoexpert.models.nano.matching import MatchTraining, OnLoss, train_match
from videoexpert.models.nano.training import start_model, timeline_maker, trained_tensors
from videoexpert.models.nano.words import read_vocabulary

LOG = "training.jsonl"

_NOTED = 10

_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True, slots=True)
class Recipe:
    """seed: of everything that is drawn. threads: of the CPU. dtype: what the language model computes in."""

    seed: int = 0
    threads: int = 2
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    match: MatchTraining = field(default_factory=MatchTraining)
    language: LanguageTraining = field(default_factory=LanguageTraining)


def read_recipe(file: Path) -> Recipe:
    """A recipe of YAML. Raises TrainingError where it cannot be read, or says something that is not known."""
    try:
        values = yaml.safe_load(file.read_bytes())
        parts = {"match": MatchTraining, "language": LanguageTraining}
        made = {name: kind(**values.pop(name, {})) for name, kind in parts.items()}
        unknown = sorted(set(values) - {entry.name for entry in fields(Recipe)})
        if unknown or values.get("dtype", "float32") not in _DTYPES:
            raise ValueError(f"{', '.join(unknown) or values['dtype']} is not known")
        return Recipe(**values, **made)
    except OSError as error:
        raise TrainingError(f"{file}: {error.strerror or error}") from error
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise TrainingError(f"{file}: is no recipe of nano: {error}") from error


def run_recipe(recipe: Recipe, parts: Mapping[str, Path], out: Path) -> None:
    """Train nano from its parts, and write the weights and the log into the folder `out`.

    On one machine the same recipe gives the same file. Raises CheckpointError for a part, OutputError for `out`.
    """
    torch.set_num_threads(recipe.threads)
    ingredients, words = open_parts(parts), read_vocabulary()
    assert ingredients.config.sentences is not None
    sentences = read_sentence_files(ingredients.sentences, ingredients.config.sentences)
    model = start_model(ingredients, words, sentences, seed=recipe.seed)
    log: list[dict[str, Any]] = []
    assert model.match is not None
    maker = timeline_maker(model, seed=recipe.seed)
    train_match(model.match, maker, words, sentences.vectors, recipe.match, on_step=_logging(log, "match"))
    maker = timeline_maker(model, seed=recipe.seed + 1)
    dtype = _DTYPES[recipe.dtype]
    tell = _logging(log, "language")
    train_language(model, maker, words, ingredients.tokenizer, recipe.language, dtype=dtype, on_step=tell)
    weights = save(trained_tensors(model, ingredients), {"format": "pt"})
    write_bytes(out / TRAINED, weights, overwrite=True)
    write_bytes(out / LOG, "".join(f"{json.dumps(line)}\n" for line in log).encode(), overwrite=True)


def _logging(log: list[dict[str, Any]], stage: str) -> OnLoss:
    """What notes the mean loss of every ten steps."""
    losses: list[float] = []

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        if step % _NOTED == 0:
            log.append({"stage": stage, "step": step, "loss": round(sum(losses) / len(losses), 4)})
            losses.clear()

    return on_step
