"""What a run will take, before it starts: memory, time and disk. No video is opened.

Numbers that are held (weights, gradients, the optimiser's) are counted. Activations and time are measured: one batch of
the longest examples goes forward and backward on the device, with random numbers for what would be seen.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from videoexpert.data.collate import Batch, collate
from videoexpert.data.dataset import LessonDataset
from videoexpert.device import memory_on
from videoexpert.errors import DataError, VideoError
from videoexpert.features import FrameFeatures
from videoexpert.nn.experts import decoder_layers
from videoexpert.store import FeatureStore, Look, VideoEncoder
from videoexpert.timeline import Span
from videoexpert.train.job import Job, Team, gather_team
from videoexpert.train.learner import part_weights
from videoexpert.train.preparing import make_dataset, room_of, stretches
from videoexpert.video import Sampling


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run takes, in each process. Sizes in bytes, times in seconds.

    groups: what is trained, and how many numbers it holds; parameters: all numbers of the model. weights: the vision
    tower's, too. activations: held between forward and backward, measured on `device`. peak: the most that the device
    held, None where it does not tell. step: one optimiser step; stretches: of video that are looked at, of which
    `stored` are in the store already; features: the room that all take there.
    """

    groups: tuple[tuple[str, int], ...]
    parameters: int
    weights: int
    gradients: int
    optimiser: int
    activations: int
    peak: int | None
    device: str
    examples: int
    unusable: int
    steps: int
    step: float
    stretches: int
    stored: int
    features: int

    @property
    def memory(self) -> int:
        """All that is held at once."""
        return self.peak or self.weights + self.gradients + self.optimiser + self.activations

    @property
    def seconds(self) -> float:
        """The time of all steps, looking at videos and evaluating apart."""
        return self.steps * self.step


def estimate(job: Job, *, store: FeatureStore | None) -> Estimate:
    """What `run.finetune` would take. Nothing is written. Raises as that does where a model or device is wrong."""
    team, options = gather_team(job), job.options
    config = team.model.config
    with memory_on(team.accelerator.device), torch.random.fork_rng(devices=[]):
        shape = config.frames + config.compressed, config.vision.features
        ends = {record.timeline.video.path: record.timeline.video.duration for part in job.sources for record in part}

        def blank(path: str, span: Span | None) -> FrameFeatures:
            return _blank(shape, config.frames, span or Span(0.0, ends[path]))

        dataset = make_dataset(job.sources, job, team, blank)
        longest, usable = _longest(dataset, options.batch)
        activations, seconds, peak = _measure(team, longest)
        if options.checkpointing:
            activations += _recomputed(team, longest)
    looks = stretches(job, config)
    trained = sum(parameter.numel() for parameter in team.trained)
    return Estimate(
        groups=tuple((group.about, group.count) for group in team.groups),
        parameters=sum(parameter.numel() for parameter in team.model.parameters()),
        weights=_bytes((*team.learner.parameters(), *team.tower.parameters())),
        gradients=4 * trained,
        optimiser=8 * trained,
        activations=activations,
        peak=peak,
        device=str(team.accelerator.device),
        examples=len(dataset),
        unusable=len(dataset.records) - usable,
        steps=options.total_steps(len(dataset), team.accelerator.num_processes),
        step=seconds * options.accumulate,
        stretches=len(looks),
        stored=0 if store is None else _stored(looks, team, store),
        features=room_of(looks, config),
    )


def _blank(shape: tuple[int, int], frames: int, seen: Span) -> FrameFeatures:
    """Features of a stretch as if it had been looked at."""
    return FrameFeatures(seen, tuple(seen.start for _ in range(frames)), torch.rand(shape).half())


def _longest(dataset: LessonDataset, count: int) -> tuple[Batch, int]:
    """A batch of the examples with the longest words, repeated where there are too few; and how many are usable."""
    lengths: list[tuple[int, int]] = []
    wrong = ""
    for index in range(len(dataset.records)):
        try:
            lengths.append((len(dataset.lesson(index).ids), index))
        except DataError as error:
            wrong = error.message
    if not lengths:
        raise DataError(f"none of {len(dataset.records)} records can be learnt from; {wrong}")
    chosen = sorted(lengths, reverse=True)[:count]
    lessons = [dataset.lesson(index) for _, index in chosen]
    return collate([lessons[number % len(lessons)] for number in range(count)]), len(lengths)


def _measure(team: Team, batch: Batch) -> tuple[int, float, int | None]:
    """Activations in bytes, seconds of the second of two passes forward and backward, and the peak on CUDA."""
    device = team.accelerator.device
    batch = batch.to(device)
    owned = {parameter.untyped_storage().data_ptr() for parameter in team.learner.parameters()}
    held: dict[int, int] = {}

    def hold(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    seconds = 0.0
    team.shared.train()
    for hooks in (saved_tensors_hooks(hold, lambda tensor: tensor), None):
        started = time.perf_counter()
        if hooks is None:
            parts = team.shared(batch)
        else:
            with hooks:
                parts = team.shared(batch)
        team.accelerator.backward((parts * parts.new_tensor(part_weights())).sum())
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - started
    team.optimiser.zero_grad()
    peak = None
    if device.type == "cuda":  # the optimiser holds nothing before its first step
        peak = torch.cuda.max_memory_allocated(device) + 8 * sum(parameter.numel() for parameter in team.trained)
    return sum(held.values()), seconds, peak


def _recomputed(team: Team, batch: Batch) -> int:
    """What is held to compute layers a second time: their inputs."""
    size = team.model.embed(batch.ids[:1, :1]).nbytes  # of one token's state
    rows = batch.ids.shape[0] * (batch.ids.shape[1] + batch.visual.shape[1] - 1)
    return len(decoder_layers(team.model.llm)) * rows * size


def _stored(looks: Iterable[tuple[str, Span | None]], team: Team, store: FeatureStore) -> int:
    config = team.model.config
    encoder = VideoEncoder(team.tower, config.compressor, frames=config.frames).fingerprint
    found = 0
    for path, span in looks:
        try:
            look = Look.at(path, encoder=encoder, sampling=Sampling(config.frames, span=span), decoder="auto")
        except VideoError:
            continue
        found += store.get(look) is not None
    return found


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
