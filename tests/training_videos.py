"""Small videos with something that happens in each, and their annotations: what a tiny model can learn by heart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tiny_model import write_tiny_model

from videoexpert.data.reading import read_records
from videoexpert.data.records import Record
from videoexpert.ffmpeg import file_url, run
from videoexpert.results import dumps_line
from videoexpert.store import FeatureStore
from videoexpert.timeline import Moment, Source, Span, Timeline
from videoexpert.train.job import Job
from videoexpert.train.options import TrainOptions
from videoexpert.train.reports import Ended, Report
from videoexpert.train.run import finetune

SECONDS = 8.0
COLOURS = ("red", "lime", "blue", "yellow", "magenta", "cyan", "white", "orange")
SPANS = ((0.5, 2.5), (1.0, 4.0), (2.0, 3.5), (2.5, 6.0), (3.0, 7.5), (4.0, 6.0), (5.0, 7.5), (5.5, 7.0))


def make_video(path: Path, *, colour: str, span: tuple[float, float]) -> None:
    """8 s at 8 frames a second: a square of a colour shows during the span."""
    shown = f"between(t\\,{span[0]}\\,{span[1]})"
    picture = f"color=c=gray:size=64x64:rate=8:duration={SECONDS}"
    square = f"drawbox=x=8:y=8:w=48:h=48:color={colour}:t=fill:enable={shown}"
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    run(["-f", "lavfi", "-i", f"{picture},{square}", *codec, "-y", "-f", "mp4", file_url(path)])


def make_data(folder: Path, *, count: int = 8) -> Path:
    """`train.jsonl` in the folder, with a query about each of `count` videos that lie beside it."""
    lines = []
    for number, (colour, span) in enumerate(zip(COLOURS[:count], SPANS[:count], strict=True)):
        video = folder / f"{number}-{colour}.mp4"
        make_video(video, colour=colour, span=span)
        lines.append(dumps_line(timeline(video.name, query=f"a {colour} square", spans=[span])))
    return write_lines(folder / "train.jsonl", lines)


def timeline(video: str, *, query: str | None, spans: Sequence[tuple[float, float]]) -> Timeline:
    moments = tuple(Moment(Span(*span)) for span in spans)
    return Timeline(Source(video, SECONDS), "annotation", query=query, moments=moments)


def write_lines(file: Path, lines: Sequence[str]) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


@dataclass(frozen=True)
class School:
    """Where a tiny model learns."""

    model: Path
    records: tuple[Record, ...]
    store: FeatureStore

    def job(self, out: Path, *, validation: tuple[Record, ...] = (), **options: Any) -> Job:
        return Job(self.model, out, (self.records,), TrainOptions(**options), validation, "cpu")

    def learn(
        self, job: Job, *, resume: bool = False, should_stop: Callable[[], bool] = lambda: False
    ) -> tuple[Ended, list[Report]]:
        heard: list[Report] = []
        ended = finetune(job, store=self.store, resume=resume, on_report=heard.append, should_stop=should_stop)
        return ended, heard


def make_school(folder: Path) -> School:
    """The videos, their annotations and a model, in a folder."""
    records = read_records([make_data(folder)]).records
    store = FeatureStore(folder / "store", on_problem=pytest.fail)
    return School(write_tiny_model(folder / "tiny"), records, store)
