"""Scores for `vex evaluate`: from official files, from results of vex, or from a model that is asked first."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from vexcli.console import Console
from vexcli.errors import UsageError
from videoexpert.errors import ExtraMissingError, ToolMissingError, did_you_mean

if TYPE_CHECKING:
    from videoexpert.metrics.benchmarks import FilesToScore, Scored
    from videoexpert.metrics.bootstrap import Difference, Interval
    from videoexpert.metrics.java import Texts

DRAWS = 1000
"""Drawings for a comparison where no number was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `vex evaluate` was asked for, as it was given."""

    benchmark: str | None
    predictions: tuple[str, ...]
    annotations: tuple[str, ...]
    model: str | None
    data: tuple[str, ...]
    videos: str | None
    task: str | None
    protocol: tuple[str, ...]
    compare: tuple[str, ...]
    save: str | None
    overwrite: bool

    def check(self) -> None:
        """Raise UsageError where the options do not make one request."""
        if self.benchmark is None:
            self._check_data()
        elif self.data or self.model or self.save or self.videos:
            raise UsageError("--benchmark scores files alone: leave out --model, --data, --videos and --save")
        elif not self.predictions or not self.annotations:
            raise UsageError("--benchmark needs --predictions and --annotations")
        else:
            self._check_benchmark(self.benchmark)

    def _check_data(self) -> None:
        from videoexpert.evaluation import EvaluatedTask

        if self.annotations or not self.data:
            near = "--data goes with --model or --predictions, --annotations with --benchmark"
            raise UsageError("nothing to compare with: give --data FILE, or --benchmark NAME", hint=near)
        if bool(self.model) == bool(self.predictions):
            raise UsageError("give either --model, to ask one, or --predictions, to score what is there")
        if self.save and not self.model:
            raise UsageError("--save keeps what a model answers: it needs --model")
        _choose("--task", self.task or "", get_args(EvaluatedTask))
        if self.protocol and self.task != "caption":
            raise UsageError("--protocol goes with --benchmark, or with --task caption")

    def _check_benchmark(self, benchmark: str) -> None:
        from videoexpert.metrics.benchmarks import BENCHMARKS, FileTask

        _choose("--benchmark", benchmark, BENCHMARKS)
        if self.task is not None:
            if benchmark != "activitynet":
                raise UsageError(f"{benchmark} has one task: leave out --task")
            _choose("--task", self.task, get_args(FileTask))


def _choose(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        hint = did_you_mean(value, known) or f"one of: {', '.join(known)}"
        raise UsageError(f"{option} is missing" if not value else f"{option} {value}: no such one", hint=hint)


@dataclass(frozen=True, slots=True)
class Report:
    """Scores, and what was computed from them."""

    title: str
    scored: "Scored"
    intervals: "dict[str, Interval]"
    differences: "dict[str, Difference]"

    @staticmethod
    def of(title: str, scored: "Scored", other: "Scored | None", *, draws: int | None, seed: int) -> "Report":
        """Raises UsageError where the other run's samples are not the same."""
        from videoexpert.metrics.bootstrap import compare, intervals

        if not scored.scores.samples:
            raise UsageError("there is no sample to score")
        found = {} if draws is None else intervals(scored.scores, draws=draws, seed=seed)
        if other is None:
            return Report(title, scored, found, {})
        if other.scores.samples != scored.scores.samples:
            raise UsageError("the two runs do not answer the same samples, so they cannot be compared")
        apart = compare(scored.scores, other.scores, draws=draws or DRAWS, seed=seed)
        return Report(title, scored, found, apart)

    def packed(self) -> dict[str, Any]:
        """The report for programs: unrounded numbers, percent."""
        summary = self.scored.scores.summary()
        packed: dict[str, Any] = {"scored": self.title, "samples": len(self.scored.scores.samples)}
        if self.scored.protocol is not None:
            packed["protocol"] = self.scored.protocol.options()
        packed["metrics"] = summary
        if self.intervals:
            packed["intervals"] = {name: [each.low, each.high] for name, each in self.intervals.items()}
        if self.differences:
            packed["comparison"] = {
                name: {"difference": each.value, "interval": [each.interval.low, each.interval.high], "p": each.p}
                for name, each in self.differences.items()
            }
        return packed | {"notes": list(self.scored.scores.notes)}


def score_files(console: Console, asked: Asked) -> "tuple[Scored, Scored | None]":
    """The scores of official files, and those of the run to compare with."""
    from videoexpert.metrics.benchmarks import FilesToScore

    assert asked.benchmark is not None
    files = FilesToScore(
        benchmark=asked.benchmark,  # type: ignore[arg-type]  # checked by `Asked.check`
        predictions=asked.predictions,
        annotations=asked.annotations,
        options=asked.protocol,
        task=asked.task,  # type: ignore[arg-type]
    )
    with words(console, wanted=files.about_captions) as texts:
        runs = [replace(files, texts=texts)]
        if asked.compare:
            runs.append(replace(files, predictions=asked.compare, texts=texts))
        scored = [_scored(console, run) for run in runs]
    return scored[0], scored[1] if asked.compare else None


def _scored(console: Console, files: "FilesToScore") -> "Scored":
    with console.progress(f"scoring {', '.join(files.predictions)}", total=None):
        scored = files.score()
    for note in scored.scores.notes:
        console.warning(f"{files.predictions[0]}: {note}")
    return scored


@contextmanager
def words(console: Console, *, wanted: bool) -> "Iterator[Texts | None]":
    """What reads the words of captions; None, with one line that says why, where Java or the extra is missing."""
    if not wanted:
        yield None
        return
    from videoexpert.metrics.java import Texts

    try:
        texts = Texts()
    except (ExtraMissingError, ToolMissingError) as error:
        console.warning(f"METEOR, CIDEr and SODA_c are not scored: {error.message}; {error.hint}")
        yield None
        return
    with texts:
        yield texts


def show(console: Console, report: Report) -> None:
    """The metrics that are quoted, as a table, and the conventions behind them."""
    scores = report.scored.scores
    summary = scores.summary()
    head = ["", "score"] + (["95 % interval"] if report.intervals else [])
    head += ["difference", "95 % interval", "p"] if report.differences else []
    rows = []
    for name in report.scored.headline:
        if name not in summary:
            continue
        row = [name, f"{summary[name]:.2f}"]
        if report.intervals:
            row.append(f"{report.intervals[name].low:.2f} .. {report.intervals[name].high:.2f}")
        if report.differences:
            apart = report.differences.get(name)
            row += ["", "", ""] if apart is None else _apart(apart)
        rows.append(row)
    console.data(console.heading(f"{report.title}: {len(scores.samples)} samples, percent"))
    console.table(head, rows)
    if report.scored.protocol is not None:
        console.data(f"protocol: {report.scored.protocol.shown()}")


def _apart(apart: "Difference") -> list[str]:
    return [f"{apart.value:+.2f}", f"{apart.interval.low:+.2f} .. {apart.interval.high:+.2f}", f"{apart.p:.3f}"]


def write_samples(console: Console, report: Report, path: str, *, overwrite: bool) -> None:
    """One JSON line a sample: its name, and every metric that counts it."""
    from videoexpert.atomic import write_bytes

    scores = report.scored.scores
    lines = []
    for index, sample in enumerate(scores.samples):
        counted = {name: float(column[index]) for name, column in scores.values.items()}
        row = {"sample": sample} | {name: value for name, value in counted.items() if value == value}
        lines.append(json.dumps(row))
    write_bytes(Path(path), "".join(line + "\n" for line in lines).encode(), overwrite=overwrite)
    console.note(f"wrote {path}")
