"""Where a run is: one file that holds all that the next step depends on, replaced in one piece.

Random numbers need no keeping: what is drawn in a step, dropout included, depends on the seed and the step alone. Steps
are saved whole, so that nothing is half accumulated.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from videoexpert.atomic import atomic_path
from videoexpert.checkpoint.paths import plain_path
from videoexpert.checkpoint.writing import write_file
from videoexpert.errors import TrainingError

SCHEMA = "vex.training/1"

_WEIGHT, _OPTIMISER = "weight/", "optimiser/"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. step: steps done. best: the best evaluation; waited: evaluations since then without a better.

    run: what tells this run from another one, with which it must not go on.
    """

    step: int
    best: float | None
    waited: int
    run: str


Tensors = dict[str, Tensor]


def trained_weights(learner: nn.Module) -> Tensors:
    """What is trained, by name, on the CPU; in a run of several processes all must ask, and the main one is told."""
    whole = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    values: dict[str, Any] = get_model_state_dict(learner, options=whole)
    # A table that is both the first layer and the last has two names, and it is one of them that is known as frozen.
    names, all_names = (
        {name.removeprefix("module.") for name, _ in learner.named_parameters(remove_duplicate=once)}
        for once in (True, False)
    )
    return {name: value.contiguous() for name, value in values.items() if name not in all_names - names}


def save_state(
    file: Path, progress: Progress, learner: nn.Module, optimiser: torch.optim.Optimizer, *, main: bool
) -> None:
    """Write a run's state, which all processes gather and the main one writes. The file before stays until then."""
    whole = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    gathered: dict[str, Any] = get_optimizer_state_dict(learner, optimiser, options=whole)
    tensors = {f"{_WEIGHT}{name}": value for name, value in trained_weights(learner).items()}
    for name, values in gathered.get("state", {}).items():
        tensors |= {f"{_OPTIMISER}{name}/{key}": value for key, value in values.items()}
    if main:
        write_tensors(file, tensors, {"schema": SCHEMA, "progress": json.dumps(asdict(progress))})


def write_tensors(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write one file of tensors, in one piece."""
    with atomic_path(file, overwrite=True) as temporary:
        write_file({name: value.cpu() for name, value in tensors.items()}, temporary, metadata)


def read_tensors(file: Path) -> tuple[Tensors, dict[str, str]]:
    """The tensors of a file and what it says of them. Raises TrainingError where it cannot be read."""
    try:
        with plain_path(file) as plain, safe_open(plain, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{file}: cannot be read: {error}", hint="start again in another folder") from error


def read_progress(file: Path) -> Progress:
    """How far the run is whose state a file holds."""
    try:
        with plain_path(file) as plain, safe_open(plain, framework="pt") as opened:
            metadata = opened.metadata()
        if metadata["schema"] != SCHEMA:
            raise ValueError(metadata["schema"])
        return Progress(**json.loads(metadata["progress"]))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{file}: is not the state of a training run that can go on here", hint="start again in another folder"
        ) from error


def load_state(file: Path, learner: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Put weights and optimiser back to where they were."""
    tensors, _ = read_tensors(file)
    load_weights(learner, {n.removeprefix(_WEIGHT): t for n, t in tensors.items() if n.startswith(_WEIGHT)})
    state: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(_OPTIMISER):
            parameter, _, key = name.removeprefix(_OPTIMISER).rpartition("/")
            state.setdefault(parameter, {})[key] = value
    groups = get_optimizer_state_dict(learner, optimiser)["param_groups"]
    whole = StateDictOptions(full_state_dict=True, ignore_frozen_params=True)
    values: dict[str, Any] = {"state": state, "param_groups": groups}
    set_optimizer_state_dict(learner, optimiser, values, options=whole)


def load_weights(learner: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give the trained parameters these values."""
    values: dict[str, Any] = dict(weights)
    set_model_state_dict(learner, values, options=StateDictOptions(full_state_dict=True, strict=False))
