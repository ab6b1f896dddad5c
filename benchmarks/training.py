"""What `vex finetune` costs beside the forward and backward that it is about, as a ratio in one run.

    python benchmarks/training.py MODEL DATA [--batch N] [--steps N] [--rounds N]

A bare PyTorch loop runs the same model on the same batches, ready in memory: forward, backward, AdamW's step. Its CPU
seconds for a step are compared with those of a whole run (lessons made of records and stored features, losses checked
and summed, gradients clipped, log and reports written; saving apart). One thread computes; CPU seconds, of all threads,
count, which other processes disturb less than the wall's. Exits with 1 where the ratio is above its bound.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch

from videoexpert.data.collate import Batch
from videoexpert.data.reading import read_records
from videoexpert.features import FrameFeatures
from videoexpert.store import FeatureStore, VideoEncoder
from videoexpert.timeline import Span
from videoexpert.train.job import Job, Team, gather_team
from videoexpert.train.loop import Loop
from videoexpert.train.options import TrainOptions
from videoexpert.train.preparing import make_dataset
from videoexpert.train.reports import Report, Stepped
from videoexpert.train.run import finetune
from videoexpert.video import VideoReader

MOST = 1.2
"""Times what the bare loop takes for a step."""

WARM = 3
"""Steps of each loop that are not counted."""


def bare_steps(team: Team, batches: list[Batch]) -> Iterator[float]:
    """CPU seconds of each step of a bare loop."""
    optimiser = torch.optim.AdamW(team.trained, lr=1e-5)
    team.model.train()
    for batch in batches:
        started = time.process_time()
        loss = team.model(
            batch.ids, batch.visual, lengths=batch.lengths, labels=batch.labels, targets=batch.targets
        ).loss
        loss.total.backward()
        optimiser.step()
        optimiser.zero_grad()
        yield time.process_time() - started


def whole_steps(job: Job, store: FeatureStore) -> list[float]:
    """CPU seconds of each step of a run after the first."""
    ends: list[float] = []

    def hear(report: Report) -> None:
        if isinstance(report, Stepped):
            ends.append(time.process_time())

    finetune(job, store=store, on_report=hear)
    return [late - early for early, late in pairwise(ends)]


def make_batches(team: Team, job: Job, store: FeatureStore) -> list[Batch]:
    """The batches that the run learns from."""
    config = team.model.config
    encoder = VideoEncoder(team.tower, config.compressor, frames=config.frames)
    with VideoReader() as reader:

        def features_of(path: str, span: Span | None) -> FrameFeatures:
            return encoder.look(path, reader=reader, span=span, store=store).features

        loop = Loop(team, make_dataset(job.sources, job, team, features_of), job.options)
        return [batch for step in range(loop.total) for batch in loop.batches(step)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    options = TrainOptions(batch=given.batch, steps=given.steps + WARM, lr=1e-5, save_every=10**9)
    ratios = []
    with tempfile.TemporaryDirectory() as work:
        store = FeatureStore(Path(work, "store"), on_problem=print)
        sources = (read_records([given.data]).records,)
        for number in range(given.rounds):
            job = Job(given.model, Path(work, str(number)), sources, options, device="cpu")
            team = gather_team(job)
            bare = statistics.median(list(bare_steps(team, make_batches(team, job, store)))[WARM:])
            whole = statistics.median(whole_steps(job, store)[WARM:])
            ratios.append(whole / bare)
            print(f"round {number + 1}: bare {bare:.3f} s, vex finetune {whole:.3f} s, ratio {whole / bare:.3f}")
    ratio = statistics.median(ratios)
    print(f"a step of vex finetune takes {ratio:.3f} times a bare loop's (bound {MOST})")
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
