"""A training run from its folder to its folder: prepare, go through the steps, evaluate, save, write the model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import torch

from videoexpert.atomic import prepare_folder, write_bytes
from videoexpert.data.dataset import FeaturesOf, LessonDataset
from videoexpert.data.records import Record
from videoexpert.device import memory_on
from videoexpert.errors import TrainingError
from videoexpert.features import FrameFeatures
from videoexpert.store import FeatureStore, VideoEncoder
from videoexpert.timeline import Span
from videoexpert.train.job import Job, Team, check_out, differences, gather_team, identity
from videoexpert.train.log import RunLog
from videoexpert.train.loop import Done, Loop
from videoexpert.train.preparing import check_room, make_dataset, prepare_records
from videoexpert.train.reports import Ended, Ending, Evaluated, OnReport, Started, Stepped, unheard
from videoexpert.train.result import Trained, write_result
from videoexpert.train.state import (
    Progress,
    load_state,
    read_progress,
    read_tensors,
    save_state,
    trained_weights,
    write_tensors,
)
from videoexpert.train.validation import better, check_metric, validation_loss, validation_miou
from videoexpert.video import VideoReader

STATE, BEST, RECIPE = "state.safetensors", "best.safetensors", "recipe.yaml"


def finetune(
    job: Job,
    *,
    store: FeatureStore | None,
    resume: bool = False,
    on_report: OnReport = unheard,
    should_stop: Callable[[], bool] = lambda: False,
) -> Ended:
    """Train, and write the model to `job.out`. Its folder `run` holds the run: see `train.state` and `train.log`.

    store: keeps what was seen of videos; None holds it in memory. resume: go on where the run in the folder stopped, or
    begin it; the result is the same as without the stop. should_stop: asked between two steps; then the run saves
    itself and ends.
    Raises OutputError where the folder holds something and `resume` is false, TrainingError where it holds another run
    or where numbers leave all bounds, DataError where no record can be learnt from, and what loading a model raises.
    """
    check_metric(job.options.metric, job.validation)
    check_out(job, resume=resume)
    team = gather_team(job)
    if not team.accelerator.is_main_process:
        on_report = unheard
    else:
        prepare_folder(job.folder)
    if store is not None:
        check_room(job, team.model.config, store)
    cuda = [team.accelerator.device] if team.accelerator.device.type == "cuda" else []
    with VideoReader() as reader, memory_on(team.accelerator.device), torch.random.fork_rng(devices=cuda):
        features_of = _looking(team, store, reader)
        sources, validation, left_out = _prepare(job, team, features_of, on_report)
        run = _Run(job, team, features_of, on_report, sources, validation)
        run.begin(resume=resume, left_out=left_out)
        return run.go(should_stop)


def _looking(team: Team, store: FeatureStore | None, reader: VideoReader) -> FeaturesOf:
    """What sees videos, each once: without a store, what was seen is held in memory."""
    config = team.model.config
    encoder = VideoEncoder(team.tower, config.compressor, frames=config.frames)

    def features_of(path: str, span: Span | None) -> FrameFeatures:
        return encoder.look(path, reader=reader, span=span, store=store).features

    return features_of if store is not None else cache(features_of)


_Sources = list[list[Record]]


def _prepare(job: Job, team: Team, features_of: FeaturesOf, on_report: OnReport) -> tuple[_Sources, list[Record], int]:
    prepare = partial(prepare_records, job=job, team=team, features_of=features_of, on_report=on_report)
    sources = [prepare(source) for source in job.sources]
    validation = prepare(job.validation) if job.validation else []
    given = sum(map(len, job.sources)) + len(job.validation)
    return sources, validation, given - sum(map(len, sources)) - len(validation)


class _Run:
    """A run under way: where it is, and what it keeps."""

    def __init__(
        self,
        job: Job,
        team: Team,
        features_of: FeaturesOf,
        on_report: OnReport,
        sources: Sequence[Sequence[Record]],
        validation: Sequence[Record],
    ) -> None:
        self._job, self._team, self._report, self._features_of = job, team, on_report, features_of
        self._main = team.accelerator.is_main_process
        self._dataset = make_dataset(sources, job, team, features_of, weights=job.options.weights)
        self._validation: LessonDataset | None = None
        if validation:
            self._validation = make_dataset([validation], job, team, features_of)
        self._loop = Loop(team, self._dataset, job.options)
        processes = team.accelerator.num_processes
        self._epoch = job.options.steps_per_epoch(len(self._dataset), processes)
        self._progress = Progress(0, None, 0, identity(job, [*sources, validation], processes))

    def begin(self, *, resume: bool, left_out: int) -> None:
        """Take up the run that the folder holds, or write down what this one is."""
        state = self._job.folder / STATE
        if resume and state.is_file():
            saved = read_progress(state)
            if changed := differences(saved.run, self._progress.run):
                raise TrainingError(
                    f"{self._job.folder}: is another run, it differs in {', '.join(changed)}",
                    hint="give the same as before, or another folder with --out",
                )
            self._progress = saved
            load_state(state, self._team.shared, self._team.optimiser)
        elif self._main:
            write_bytes(self._job.folder / RECIPE, self._job.options.dump().encode(), overwrite=True)
        groups = tuple((group.about, group.count) for group in self._team.groups)
        self._report(Started(groups, len(self._dataset), left_out, self._progress.step, self._loop.total))

    def go(self, should_stop: Callable[[], bool]) -> Ended:
        """Do the steps that are left, then write the model."""
        log = RunLog(self._job.folder, after=self._progress.step) if self._main else None
        steps = self._loop.steps(self._progress.step, should_stop=should_stop)
        try:
            while not self._is_patience_over() and (done := next(steps, None)) is not None:
                self._after(done, log)
        finally:
            steps.close()
            if log is not None:
                log.close()
        ending: Ending = "finished" if self._progress.step == self._loop.total else "interrupted"
        if self._is_patience_over():
            ending = "early"
        self._save()
        if ending != "interrupted":
            self._finish()
        ended = Ended(ending, self._progress.step, self._progress.best)
        self._report(ended)
        return ended

    def _after(self, done: Done, log: RunLog | None) -> None:
        """What follows a step: a row in the log, an evaluation and a save where they are due."""
        self._progress = replace(self._progress, step=done.step)
        row = self._row(done)
        if self._validation is not None and self._is_evaluated(done.step):
            row |= self._evaluate(done.step)
        if log is not None:
            log.add(row)
        if done.step % self._job.options.save_every == 0:
            self._save()

    def _is_evaluated(self, step: int) -> bool:
        every = self._job.options.evaluate_every or self._epoch
        return step % every == 0 or step == self._loop.total

    def _is_patience_over(self) -> bool:
        patience = self._job.options.patience
        return patience is not None and self._progress.waited >= patience

    def _row(self, done: Done) -> dict[str, float]:
        losses, processes = done.losses, self._team.accelerator.num_processes
        examples = self._job.options.examples_per_step(processes)
        epoch, speed = done.step * examples / len(self._dataset), examples / max(done.seconds, 1e-9)
        self._report(Stepped(done.step, self._loop.total, epoch, losses, speed))
        parts = {"token": losses.token, "inside": losses.inside, "border": losses.border, "overlap": losses.overlap}
        known = {"step": done.step, "epoch": epoch, "lr": done.rate, "loss": losses.total, "gradient": done.gradient}
        return known | parts | {"per_second": speed}

    def _evaluate(self, step: int) -> dict[str, float]:
        """Look at the validation data, and keep the weights where they are the best so far."""
        assert self._validation is not None
        metric, progress = self._job.options.metric, self._progress
        values = {"val_loss": validation_loss(self._team, self._validation, batch=self._job.options.batch).total}
        if metric == "miou":
            values["val_miou"] = validation_miou(self._team, self._validation.records, self._features_of)
        value = values[f"val_{metric}"]
        is_better = better(metric, value, progress.best)
        if is_better:
            weights = trained_weights(self._team.shared)
            if self._main:
                write_tensors(self._job.folder / BEST, weights, {"step": str(step)})
        self._progress = replace(
            progress, best=value if is_better else progress.best, waited=0 if is_better else progress.waited + 1
        )
        self._report(Evaluated(step, metric, value, is_better))
        return values

    def _save(self) -> None:
        file = self._job.folder / STATE
        save_state(file, self._progress, self._team.shared, self._team.optimiser, main=self._main)

    def _finish(self) -> None:
        """Write the model: the best weights, or the last ones where nothing says which are best."""
        if self._progress.best is None:
            weights = trained_weights(self._team.shared)
        elif self._main:
            weights, _ = read_tensors(self._job.folder / BEST)
        if self._main:
            trained = Trained(len(self._dataset), self._progress.step, self._progress.best)
            write_result(self._job, self._team, weights, trained)
        self._team.accelerator.wait_for_everyone()
