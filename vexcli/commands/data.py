"""`vex data`: annotation files are checked, described and turned into the native format."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vexcli.base import VexCommand, VexGroup
from vexcli.console import Console
from vexcli.errors import EXIT_FAILED, UsageError
from vexcli.options import AsJson, Overwrite
from videoexpert.errors import did_you_mean

if TYPE_CHECKING:
    from videoexpert.data.formats import DataFormat
    from videoexpert.data.problems import Problem
    from videoexpert.data.reading import Annotations
    from videoexpert.data.records import Record

data = typer.Typer(
    name="data", cls=VexGroup, help="Check annotation files, describe them, turn them into what vex trains on."
)

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Annotations of any known format, or - for stdin.")]
Format = Annotated[
    str | None, typer.Option("--format", metavar="FORMAT", help="The files' format, where it is not recognised.")
]
VideoDir = Annotated[
    Path | None,
    typer.Option("--videos", metavar="DIR", help="Where the videos are; by default beside the annotations."),
]
Durations = Annotated[
    Path | None,
    typer.Option("--durations", metavar="FILE", help="CSV or JSON with each video's length, for Charades-STA."),
]
Spans = Annotated[
    Path | None, typer.Option("--spans", metavar="FILE", help="gsub_*.json of NExT-GQA, if it is not beside the CSV.")
]
Against = Annotated[
    list[str] | None,
    typer.Option("--against", metavar="FILE", help="Another set, which must not share videos. Repeatable."),
]
Every = Annotated[bool, typer.Option("--all", help="Print every problem, not only the first of each kind.")]
Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The file to write, or - for stdout.")]
AsTask = Annotated[
    Literal["as-is", "ground"],
    typer.Option("--task", help="ground: each sentence of a description becomes a query of its own."),
]

_SHOWN = 10
"""Problems of each kind that are printed without --all."""


@data.command(cls=VexCommand)
def check(
    context: typer.Context,
    files: Files,
    videos: VideoDir = None,
    against: Against = None,
    format: Format = None,
    durations: Durations = None,
    spans: Spans = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong with annotations before a training run does.

    Every video is opened. What is wrong goes to stderr with its line; a summary follows on stdout. Ends with 1 where a
    record cannot be used. With --against, no video may be in both sets, under any name.

    \b
    Examples:
      vex data check train.jsonl --videos videos/ --against val.jsonl
      vex data check charades_sta_train.txt --durations Charades_v1_train.csv --videos Charades_v1/
    """
    from videoexpert.data.checking import check_leaks, check_videos
    from videoexpert.data.reading import read_records
    from videoexpert.video import VideoReader

    console, known = Console.of(context), _format(format)
    read = read_records(files, format=known, videos=videos, durations=durations, spans=spans, need_videos=True)
    problems = list(read.problems)
    total = len({record.timeline.video.path for record in read.records})
    with VideoReader() as reader, console.progress("videos", total=total) as bar:
        done = 0

        def probe(path: str) -> float:
            nonlocal done
            done += 1
            bar.update(done, path)
            return reader.probe(path).duration

        problems += check_videos(read.records, probe=probe)
    if against:
        other = read_records(against, format=known, videos=videos, durations=durations, spans=spans)
        problems += [*other.problems, *check_leaks(read.records, other.records)]
    _report(console, read.records, problems, every=every, as_json=as_json)
    if any(problem.severity == "error" for problem in problems):
        raise typer.Exit(EXIT_FAILED)


@data.command(cls=VexCommand)
def stats(
    context: typer.Context,
    files: Files,
    videos: VideoDir = None,
    format: Format = None,
    durations: Durations = None,
    spans: Spans = None,
    every: Every = False,
    as_json: AsJson = False,
) -> None:
    """Show what annotations hold: how many records, how long videos and moments are, how many words.

    Videos are opened only where nothing says how long they are. What cannot be read is reported and left out.

    \b
    Example:
      vex data stats highlight_train_release.jsonl
    """
    console = Console.of(context)
    read = _read(files, format=format, videos=videos, durations=durations, spans=spans)
    _report(console, read.records, read.problems, every=every, as_json=as_json)
    if read.errors:
        raise typer.Exit(EXIT_FAILED)


@data.command(cls=VexCommand)
def convert(
    context: typer.Context,
    files: Files,
    output: Output = "-",
    videos: VideoDir = None,
    format: Format = None,
    durations: Durations = None,
    spans: Spans = None,
    task: AsTask = "as-is",
    every: Every = False,
    overwrite: Overwrite = False,
) -> None:
    """Write annotations in the native format: one JSON line for each record, as `--jsonl` of the asking commands.

    What cannot be read is reported and left out; then this ends with 1.

    \b
    Examples:
      vex data convert talk.srt lecture.vtt -o train.jsonl
      vex data convert val_1.json --videos activitynet/ --task ground -o val.jsonl
    """
    from videoexpert.data.native import dumps_record, write_native
    from videoexpert.data.records import queries_of

    console = Console.of(context)
    read = _read(files, format=format, videos=videos, durations=durations, spans=spans)
    _tell(console, read.problems, every=every)
    records: Sequence[Record] = read.records
    if task == "ground":
        records = [query for record in records for query in queries_of(record)]
    if output == "-":
        for record in records:
            console.data(dumps_record(record))
    elif records:
        write_native(records, output, overwrite=overwrite)
        console.note(f"wrote {len(records)} records to {output}")
    if read.errors:
        raise typer.Exit(EXIT_FAILED)


def _read(
    files: Sequence[str], *, format: str | None, videos: Path | None, durations: Path | None, spans: Path | None
) -> "Annotations":
    from videoexpert.data.reading import read_records

    return read_records(files, format=_format(format), videos=videos, durations=durations, spans=spans)


def _format(name: str | None) -> "DataFormat | None":
    from videoexpert.data.formats import FORMATS

    if name is None:
        return None
    known = next((known for known in FORMATS if known == name), None)
    if known is None:
        hint = did_you_mean(name, FORMATS) or f"formats: {', '.join(FORMATS)}"
        raise UsageError(f"unknown format '{name}'", hint=hint)
    return known


def _report(
    console: Console, records: Sequence["Record"], problems: Sequence["Problem"], *, every: bool, as_json: bool
) -> None:
    """Problems and the summary: one JSON document, or lines for people."""
    from vexcli.outputs import surveyed
    from videoexpert.data.statistics import describe

    statistics = describe(records)
    if as_json:
        console.json(surveyed.as_json(statistics, problems))
        return
    _tell(console, problems, every=every)
    console.data("\n".join(surveyed.summary(statistics)))


def _tell(console: Console, problems: Sequence["Problem"], *, every: bool) -> None:
    """The problems on stderr: the first of each kind, or all, and how many there are."""
    from vexcli.outputs.surveyed import counted

    seen: dict[str, int] = {}
    for problem in problems:
        seen[problem.kind] = seen.get(problem.kind, 0) + 1
        if every or seen[problem.kind] <= _SHOWN:
            (console.failure if problem.severity == "error" else console.warning)(str(problem))
    for kind, count in seen.items():
        if count > _SHOWN and not every:
            console.note(f"... and {count - _SHOWN} more of this kind ({kind}); --all shows them")
    if problems:
        console.note(counted(problems))
