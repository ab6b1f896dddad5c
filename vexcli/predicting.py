"""A model, or results of one, against annotated records, for `vex evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vexcli.asking import open_store
from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.errors import InputError
from vexcli.options import DecoderName
from vexcli.pulling import ensure_model
from vexcli.scoring import Asked, words

if TYPE_CHECKING:
    from videoexpert.data.records import Record
    from videoexpert.evaluation import EvaluatedTask
    from videoexpert.metrics.benchmarks import Scored
    from videoexpert.timeline import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How a model is run."""

    device: Any
    dtype: Any
    decoder: DecoderName
    offline: bool
    no_cache: bool


def score_records(console: Console, asked: Asked, running: Running, batch: Batch) -> "tuple[Scored, Scored | None]":
    """The scores of what was predicted or is predicted now, and those of the run to compare with.

    A video that fails is counted in `batch`, and its questions are misses.
    """
    from videoexpert.results import dumps_line, read_results

    task = cast("EvaluatedTask", asked.task)
    if asked.model is not None:
        _check_model(console, asked.model, running)
    records = _read_records(console, asked, task)
    if asked.model is None:
        timelines = [timeline for path in asked.predictions for timeline in read_results(path)]
        answers = _paired(console, asked.predictions[0], records, timelines)
    else:
        answers = _answer_all(console, asked.model, records, task, running, batch)
        if asked.save is not None:
            from videoexpert.atomic import write_bytes

            lines = (dumps_line(timeline) + "\n" for timeline in answers if timeline is not None)
            write_bytes(Path(asked.save), "".join(lines).encode(), overwrite=asked.overwrite)
            console.note(f"wrote {asked.save}")
    runs = [answers]
    if asked.compare:
        others = [timeline for path in asked.compare for timeline in read_results(path)]
        runs.append(_paired(console, asked.compare[0], records, others))
    with words(console, wanted=task == "caption") as texts:
        scored = [_score(records, run, asked, texts) for run in runs]
    return scored[0], scored[1] if asked.compare else None


def _score(records: "list[Record]", answers: "Sequence[Timeline | None]", asked: Asked, texts: Any) -> "Scored":
    from videoexpert.evaluation import HEADLINES, evaluate_timelines
    from videoexpert.metrics.benchmarks import Scored
    from videoexpert.metrics.protocols import CaptionProtocol, parse_protocol

    task = cast("EvaluatedTask", asked.task)
    protocol = parse_protocol(asked.protocol, CaptionProtocol()) if task == "caption" else None
    scores = evaluate_timelines(records, answers, task, captions=protocol, texts=texts)
    return Scored(scores, protocol, HEADLINES[task])


def _check_model(console: Console, model: str, running: Running) -> None:
    """A misspelt name is told before the annotations are read."""
    from videoexpert.hub import find_model

    ensure_model(console, model, offline=running.offline)
    find_model(model)


def _read_records(console: Console, asked: Asked, task: "EvaluatedTask") -> "list[Record]":
    """The records that the task can be evaluated on; what is wrong with the others is said."""
    from videoexpert.data.reading import read_records
    from videoexpert.evaluation import evaluated

    folder = None if asked.videos is None else Path(asked.videos)
    found = read_records(asked.data, videos=folder, need_videos=asked.model is not None)
    for problem in found.errors:
        console.warning(str(problem))
    records = evaluated(found.records, task)
    others = len(found.records) - len(records)
    if not records:
        raise InputError(f"{asked.data[0]}: holds nothing to evaluate {task} on", hint="is --task the right one?")
    if others:
        console.warning(f"{others} of {len(found.records)} records are not for {task} and were left out")
    return records


def _paired(
    console: Console, file: str, records: "list[Record]", timelines: "Sequence[Timeline]"
) -> "list[Timeline | None]":
    from videoexpert.evaluation import pair

    paired = pair(records, timelines)
    without = sum(timeline is None for timeline in paired.timelines)
    if without == len(records):
        raise InputError(f"{file}: answers none of the {len(records)} records", hint="do both name the same videos?")
    if without:
        console.warning(f"{file}: {without} of {len(records)} records have no prediction and count as misses")
    if paired.unknown:
        console.warning(f"{file}: {paired.unknown} predictions answer none of the records and were left out")
    return list(paired.timelines)


def _answer_all(
    console: Console, model: str, records: "Sequence[Record]", task: "EvaluatedTask", running: Running, batch: Batch
) -> "list[Timeline | None]":
    """An answer to each record, or None where its video fails. Each video is looked at once."""
    from videoexpert.evaluation import answer_records
    from videoexpert.predictor import load_predictor
    from videoexpert.video import VideoReader

    with console.progress(f"loading {model}", total=None):
        predictor = load_predictor(model, device=running.device, dtype=running.dtype)
    store = None if running.no_cache else open_store(console)
    by_video: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        by_video.setdefault(record.timeline.video.path, []).append(index)
    answers: list[Timeline | None] = [None] * len(records)
    with VideoReader() as reader, console.progress("evaluating", total=len(by_video)) as bar:
        for done, (path, indices) in enumerate(by_video.items()):
            bar.update(done, path)
            with batch.attempt():
                video = predictor.encode(path, decoder=running.decoder, reader=reader, store=store)
                said = answer_records(predictor, video, [records[index] for index in indices], task)
                for index, timeline in zip(indices, said, strict=True):
                    answers[index] = replace(timeline, id=records[index].timeline.id)
    return answers
