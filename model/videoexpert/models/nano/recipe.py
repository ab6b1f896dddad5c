"""The recipe of nano, and one run of it: from the parts to a model, with the weights that are shipped and their log."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import yaml
from safetensors.torch import save
from torch import Tensor

from videoexpert.atomic import prepare_folder, temporary_folder
from videoexpert.checkpoint.sentences import read_sentence_files
from videoexpert.checkpoint.tensors import StoredTensor
from videoexpert.checkpoint.writing import CARD
from videoexpert.device import choose_device
from videoexpert.errors import OutputError, TrainingError
from videoexpert.models.nano.language import LanguageTraining, train_language
from videoexpert.models.nano.making import TRAINED, Ingredients, open_parts, write_nano
from videoexpert.models.nano.matching import MatchTraining, OnLoss, train_match
from videoexpert.models.nano.training import start_model, timeline_maker, trained_tensors
from videoexpert.models.nano.words import read_vocabulary
from videoexpert.options import DeviceName

LOG = "training.jsonl"

RUN = "run"
"""The folder in the new model's folder that holds the weights alone, the log and the recipe."""

_NOTED = 10

_TRAINED_BYTES = 64_000_000
"""Room for what is trained, twice, and what is spelled with it."""

_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True, slots=True)
class Recipe:
    """seed: of everything that is drawn. threads: of the CPU. dtype: what the language model computes in.

    device: where it is trained; only the CPU gives the same weights each time. rank: of the experts; width: of the
    match channel's head.
    """

    seed: int = 0
    threads: int = 2
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    device: DeviceName = "cpu"
    rank: int = 8
    width: int = 96
    match: MatchTraining = field(default_factory=MatchTraining)
    language: LanguageTraining = field(default_factory=LanguageTraining)

    def __post_init__(self) -> None:
        for name in ("threads", "rank", "width"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number above 0, got {value!r}")
        if self.device not in get_args(DeviceName):
            raise ValueError(f"device must be one of {', '.join(get_args(DeviceName))}, got {self.device!r}")


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


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a run. loss: the mean of the last ten or fewer."""

    stage: Literal["match", "language"]
    number: int
    steps: int
    loss: float


OnStep = Callable[[Step], None]
"""Called after each step; what it raises ends the run, and nothing is left of it."""

_OTHER = "choose another one with --out"


def check_new(out: Path) -> None:
    """Raise OutputError where the folder of a new model holds something already, or cannot be written."""
    if os.path.lexists(out) and not (out.is_dir() and not os.listdir(out)):
        raise OutputError(f"{out}: exists already", hint=_OTHER)
    prepare_folder(out.parent)


def run_recipe(file: Path, parts: Mapping[str, Path], out: Path, *, on_step: OnStep) -> None:
    """Train nano from its parts as the recipe says, and write the model folder `out`, whole or not at all.

    On one machine's CPU the same recipe gives the same weights. Raises TrainingError for the recipe, CheckpointError
    for a part, DeviceError where there is no such device, OutputError where `out` holds something or cannot be written.
    """
    recipe = read_recipe(file)
    check_new(out)
    device = choose_device(recipe.device)
    torch.set_num_threads(recipe.threads)
    ingredients, words = open_parts(parts).sized(rank=recipe.rank, width=recipe.width), read_vocabulary()
    _require_room(ingredients, out.parent)
    assert ingredients.config.sentences is not None
    sentences = read_sentence_files(ingredients.sentences, ingredients.config.sentences)
    model = start_model(ingredients, words, sentences, seed=recipe.seed).to(device)
    log: list[dict[str, Any]] = []
    assert model.match is not None
    maker = timeline_maker(model, seed=recipe.seed)
    tell = _logging(log, "match", recipe.match.steps, on_step)
    train_match(model.match, maker, words, sentences.vectors, recipe.match, on_step=tell)
    maker = timeline_maker(model, seed=recipe.seed + 1, doubtful=recipe.language.doubtful)
    dtype = _DTYPES[recipe.dtype]
    tell = _logging(log, "language", recipe.language.steps, on_step)
    train_language(model, maker, words, ingredients.tokenizer, recipe.language, dtype=dtype, on_step=tell)
    _write(ingredients, trained_tensors(model, ingredients), log, file, out)


def _require_room(ingredients: Ingredients, folder: Path) -> None:
    """Raise OutputError, before anything is trained, where the model will have no room."""
    tensors = (*ingredients.base.values(), *ingredients.tower.values(), *ingredients.classifier.values())
    files = ingredients.sentences.values()
    needed = sum(tensor.bytes for tensor in tensors) + sum(file.stat().st_size for file in files) + _TRAINED_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        told = f"{needed / 1e6:.0f} MB are needed for the model, {free / 1e6:.0f} MB are free"
        raise OutputError(f"{folder}: {told}", hint=_OTHER)


def _write(
    ingredients: Ingredients, tensors: dict[str, Tensor], log: list[dict[str, Any]], recipe: Path, out: Path
) -> None:
    """Make the model folder of what was trained, with the run in it."""
    check_new(out)
    try:
        with temporary_folder(out.parent) as work:
            folder = work / "model"
            stored = {name: StoredTensor.held(out, value) for name, value in tensors.items()}
            try:
                write_nano(ingredients, stored, folder)
            except OutputError as error:  # names a folder that is gone by now
                raise OutputError(error.message.replace(str(folder), str(out)), hint=_OTHER) from error
            note = f"*Trained anew by vex with {recipe.name}. What was measured below was measured with other weights.*"
            card = (folder / CARD).read_text(encoding="utf-8")
            (folder / CARD).write_text(f"{note}\n\n{card}", encoding="utf-8")
            (folder / RUN).mkdir()
            (folder / RUN / TRAINED).write_bytes(save(tensors, {"format": "pt"}))
            (folder / RUN / LOG).write_text("".join(f"{json.dumps(line)}\n" for line in log), encoding="utf-8")
            shutil.copyfile(recipe, folder / RUN / "recipe.yaml")
            if out.is_dir():
                out.rmdir()
            os.replace(folder, out)
    except OSError as error:
        raise OutputError(f"{out}: {error.strerror or error}", hint=_OTHER) from error


def _logging(log: list[dict[str, Any]], stage: Literal["match", "language"], steps: int, on_step: OnStep) -> OnLoss:
    """What tells of each step and notes the mean loss of every ten, and of those that are left at the end."""
    losses: list[float] = []

    def heard(step: int, loss: float) -> None:
        losses.append(loss)
        mean = sum(losses) / len(losses)
        on_step(Step(stage, step, steps, mean))
        if step % _NOTED == 0 or step == steps:
            log.append({"stage": stage, "step": step, "loss": round(mean, 4)})
            losses.clear()

    return heard
