"""The trained model, put into the folder that also holds its run: all of it, or none of it."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from videoexpert.checkpoint import save_trained
from videoexpert.checkpoint.writing import CARD
from videoexpert.hub import CONFIG_FILE
from videoexpert.train.job import Job, Team


@dataclass(frozen=True, slots=True)
class Trained:
    """How a model came about, for its card. best: the value of the metric that counts, None without validation."""

    examples: int
    steps: int
    best: float | None


def write_result(job: Job, team: Team, weights: Mapping[str, Tensor], trained: Trained) -> None:
    """Write the model with these weights (by their names in a Learner) to `job.out`.

    A folder is a model when it has its config.json, which therefore goes last and is the first to go: a run that is
    killed in between leaves no model, and goes on here when it is resumed.
    """
    row = team.learner.row
    tables = {} if row is None else row.tables
    tensors = {n.removeprefix("model."): value for n, value in weights.items() if n.startswith("model.")}
    rows = {table: weights[f"row.{name}"] for name, table in tables.items()}
    work = job.folder / "result"
    shutil.rmtree(work, ignore_errors=True)  # of a run that was killed here
    save_trained(work / "model", like=job.model, tensors=tensors, loc_rows=rows)
    card = work / "model" / CARD
    text = _preface(job, team, trained) + card.read_text(encoding="utf-8", errors="surrogateescape")
    card.write_text(text, encoding="utf-8", errors="surrogateescape")
    (job.out / CONFIG_FILE).unlink(missing_ok=True)
    for part in sorted((work / "model").iterdir(), key=lambda part: part.name == CONFIG_FILE):
        _move(part, job.out / part.name)
    shutil.rmtree(work)


def _preface(job: Job, team: Team, trained: Trained) -> str:
    """What the card says of the training, before what it says of the model that it began with."""
    name, before = job.out.resolve().name, job.model.resolve().name
    groups = ", ".join(f"{group.about} ({group.count:,} parameters)" for group in team.groups)
    told = f"{before}, fine-tuned by vex: {trained.examples} examples, {trained.steps} steps. Trained: {groups}."
    if trained.best is not None:
        told += f"\nBest validation {job.options.metric}: {trained.best:.4g}, on {len(job.validation)} records."
    return f"# {name}\n\n{told}\n\nWhat follows is the card of {before}; its numbers were measured before this.\n\n"


def _move(part: Path, to: Path) -> None:
    if to.is_dir() and not to.is_symlink():
        shutil.rmtree(to)
    os.replace(part, to)
