"""What a training run is asked to do, and what it does that with: the model, its parts that learn, the processes."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from torch.optim import AdamW

from videoexpert.checkpoint import Sentences, load_model, load_sentences, load_tokenizer, load_vision
from videoexpert.data.records import Record
from videoexpert.device import choose_device, choose_dtype
from videoexpert.errors import OutputError
from videoexpert.nn.model import VideoExpert
from videoexpert.nn.vision import VisionTower
from videoexpert.options import DeviceName
from videoexpert.results import dumps_line
from videoexpert.train.learner import Learner
from videoexpert.train.options import OptionError, TrainOptions
from videoexpert.train.trainable import Group, choose_trainable
from videoexpert.wording import WritingTokenizer

RUN = "run"
"""The folder in the new model's folder that holds what belongs to the run and not to the model."""


@dataclass(frozen=True, slots=True)
class Job:
    """Train the model of the folder `model` on the records of each source and write the folder `out`.

    validation: records that tell which weights are best; none: the last ones are.
    """

    model: Path
    out: Path
    sources: tuple[tuple[Record, ...], ...]
    options: TrainOptions
    validation: tuple[Record, ...] = ()
    device: DeviceName = "auto"

    def __post_init__(self) -> None:
        weights = self.options.weights
        if weights and len(weights) != len(self.sources):
            raise OptionError("weights", f"must be one for each of {len(self.sources)} data files, got {len(weights)}")

    @property
    def folder(self) -> Path:
        """Where the run's own files are."""
        return self.out / RUN


def check_out(job: Job, *, resume: bool) -> None:
    """Raise OutputError where the new model's folder holds something that is not a run to go on with."""
    taken = job.out.is_dir() and bool(os.listdir(job.out))
    if os.path.lexists(job.out) and not job.out.is_dir():
        raise OutputError(f"{job.out}: is not a folder", hint="choose another one with --out")
    if taken and not resume:
        hint = "--resume goes on with its run" if job.folder.is_dir() else "choose another one with --out"
        raise OutputError(f"{job.out}: exists already", hint=hint)
    if taken and not job.folder.is_dir():
        raise OutputError(f"{job.out}: holds no run to go on with", hint="choose another one with --out")


@dataclass(frozen=True, slots=True)
class Team:
    """A model ready to learn. learner: as the processes share it; groups: what of it is trained.
    sentences: what reads words for a match channel; None without one.
    """

    accelerator: Accelerator
    model: VideoExpert
    learner: Learner
    shared: torch.nn.Module
    optimiser: torch.optim.Optimizer
    groups: tuple[Group, ...]
    tower: VisionTower
    tokenizer: WritingTokenizer
    sentences: Sentences | None

    @property
    def positions(self) -> int:
        """How many tokens the model reads at most."""
        return int(self.model.llm.config.max_position_embeddings)

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """What the optimiser changes."""
        return [parameter for group in self.optimiser.param_groups for parameter in group["params"]]


def gather_team(job: Job) -> Team:
    """Load what a job needs. Raises CheckpointError and DeviceError as `load_predictor` does."""
    options, device = job.options, choose_device(job.device)
    numbers = choose_dtype("auto", device, attn="sdpa")
    mixed = options.precision == "bf16" or (options.precision == "auto" and numbers == torch.bfloat16)
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if mixed else "no")
    weights = torch.bfloat16 if mixed else torch.float32
    model = load_model(job.model, device=accelerator.device, dtype=weights, merge=False)
    groups, row = choose_trainable(model, options)
    if options.checkpointing:
        _checkpoint(model)
    learner = Learner(model, row)
    trained = [parameter for group in groups for parameter in group.parameters.values()]
    optimiser = AdamW(trained, lr=options.lr, weight_decay=options.weight_decay)
    shared, prepared = accelerator.prepare(learner, optimiser)
    return Team(
        accelerator,
        model,
        learner,
        shared,
        prepared,
        tuple(groups),
        load_vision(job.model, device=accelerator.device, dtype=numbers),
        load_tokenizer(job.model, loc_id=model.config.loc_id),
        load_sentences(job.model, device=accelerator.device),
    )


def _checkpoint(model: VideoExpert) -> None:
    """Have the layers computed a second time when gradients are."""
    llm: Any = model.llm
    how = {"use_reentrant": False}
    if hasattr(llm, "activation_checkpointing_enable"):  # what transformers 5 called gradient_... until lately
        llm.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:
        llm.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)


def identity(job: Job, sources: Sequence[Sequence[Record]], processes: int) -> str:
    """What must be the same for a run to go on: JSON that names each thing."""
    lines = [f"{record.origin} {dumps_line(record.timeline)} {record.turns}" for part in sources for record in part]
    options = {name: str(value) for name, value in asdict(job.options).items() if name != "save_every"}
    known = {
        "the model": str(job.model.resolve()),
        "the data": hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest(),
        "the number of processes": str(processes),
    }
    return json.dumps(known | options, sort_keys=True)


def differences(before: str, now: str) -> list[str]:
    """What two identities do not share, in words."""
    first, second = json.loads(before), json.loads(now)
    return [name for name in sorted(first | second) if first.get(name) != second.get(name)]
