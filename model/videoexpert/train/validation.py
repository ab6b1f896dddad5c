"""How good a model is while it learns: its losses on records that it does not learn from, or how well it finds them."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from videoexpert.data.collate import collate
from videoexpert.data.dataset import FeaturesOf, LessonDataset
from videoexpert.data.records import Record
from videoexpert.errors import RequestError
from videoexpert.evaluation import evaluate_timelines
from videoexpert.features import EncodedVideo
from videoexpert.options import GroundingOptions
from videoexpert.predictor import Predictor
from videoexpert.prompts import HIGHLIGHTS
from videoexpert.timeline import Timeline
from videoexpert.train.job import Team
from videoexpert.train.learner import StepLosses, part_counts
from videoexpert.train.options import Metric
from videoexpert.windows import plan_windows

_ONE = GroundingOptions(top_k=1)
_TIMED = ("ground", "highlights")


def better(metric: Metric, value: float, best: float | None) -> bool:
    """Whether a value of the metric is better than the best one before."""
    if best is None:
        return not math.isnan(value)
    return value < best if metric == "loss" else value > best


def check_metric(metric: Metric, records: Sequence[Record]) -> None:
    """Raise RequestError where the records have nothing that the metric compares with."""
    if records and metric == "miou" and not any(record.lesson in _TIMED for record in records):
        raise RequestError("metric miou: the validation data has no question of time", hint="take metric loss")


def validation_loss(team: Team, dataset: LessonDataset, *, batch: int) -> StepLosses:
    """The losses over all records of a dataset as if they were one batch, put in the first words of each template."""
    accelerator, learner = team.accelerator, team.shared
    learner.eval()
    indices = range(len(dataset.records))
    parts = [indices[start : start + batch] for start in indices[::batch]]
    mine = parts[accelerator.process_index :: accelerator.num_processes]
    sums = torch.zeros(7, dtype=torch.float64)
    for turn in range(math.ceil(len(parts) / accelerator.num_processes)):
        # Processes whose models are in parts must run equally often; one without a batch left repeats the first.
        own = turn < len(mine)
        made = collate([dataset.lesson(index) for index in (mine[turn] if own else parts[0])])
        with torch.no_grad():
            losses = learner(made.to(accelerator.device)).double().cpu()
        if own:
            sums[:4] += losses * losses.new_tensor(part_counts(made.counts))
            sums[4:] += losses.new_tensor(made.counts)
    if accelerator.num_processes > 1:
        sums = accelerator.reduce(sums.to(accelerator.device), reduction="sum").cpu()
    learner.train()
    return StepLosses.of((sums[:4] / sums.new_tensor(part_counts(sums[4:].tolist())).clamp(min=1)).tolist())


def validation_miou(team: Team, records: Sequence[Record], features_of: FeaturesOf) -> float:
    """Mean IoU in percent of the best moment with the truth, over the records that ask when. [0, 100]"""
    asked = [record for record in records if record.lesson in _TIMED]
    accelerator = team.accelerator
    rank, processes = accelerator.process_index, accelerator.num_processes
    predictor = Predictor(team.model, team.tower, team.tokenizer, name="validated", sentences=team.sentences)
    with accelerator.autocast():
        found = {index: _ground(predictor, asked[index], features_of) for index in range(rank, len(asked), processes)}
    if processes > 1:
        from accelerate.utils import gather_object  # type: ignore[import-untyped]

        found = dict(gather_object(list(found.items())))
    team.shared.train()
    scores = evaluate_timelines(asked, [found[index] for index in range(len(asked))], "ground")
    return scores.summary()["mIoU"]


def _ground(predictor: Predictor, record: Record, features_of: FeaturesOf) -> Timeline:
    """The best moment, found as a user would find it: in windows where the video is long."""
    source, seconds = record.timeline.video, predictor.config.trained_seconds
    plan = plan_windows(source.duration, length=seconds, overlap=seconds / 4)
    if len(plan.windows) == 1:
        features = [features_of(source.path, None)]
        source = replace(source, duration=features[0].looked_at.end)
        plan = plan_windows(source.duration, length=None)
    else:
        features = [features_of(source.path, window) for window in plan.windows]
    video = EncodedVideo(source, predictor.name, plan, tuple(features))
    (timeline,) = predictor.ground(video, [record.timeline.query or HIGHLIGHTS], options=_ONE)
    return timeline
