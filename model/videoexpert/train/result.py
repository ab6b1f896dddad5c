"""The trained model, put into the folder that also holds its run: all of it, or none of it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from videoexpert.checkpoint import save_trained
from videoexpert.hub import CONFIG_FILE
from videoexpert.train.job import Job, Team


def write_result(job: Job, team: Team, weights: Mapping[str, Tensor]) -> None:
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
    (job.out / CONFIG_FILE).unlink(missing_ok=True)
    for part in sorted((work / "model").iterdir(), key=lambda part: part.name == CONFIG_FILE):
        _move(part, job.out / part.name)
    shutil.rmtree(work)


def _move(part: Path, to: Path) -> None:
    if to.is_dir() and not to.is_symlink():
        shutil.rmtree(to)
    os.replace(part, to)
