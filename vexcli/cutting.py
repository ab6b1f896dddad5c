"""What `clip` and `reel` share: the options that choose moments, and the way from what was typed to videos to cut."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.errors import InputError, UsageError
from vexcli.inputs import STDIN, has_video_suffix
from vexcli.times import OpenSpan, parse_span
from videoexpert.errors import OutputError, VideoExpertError
from videoexpert.timeline import Moment, Timeline

if TYPE_CHECKING:
    from vexcli.outputs.cuts import Footage
    from vexcli.outputs.encoding import Written
    from vexcli.outputs.selection import Part
    from videoexpert.video import VideoReader

Sources = Annotated[
    list[str],
    typer.Argument(metavar="RESULTS...", help="Results of vex, or - for stdin; with --span, videos."),
]
Spans = Annotated[
    list[str] | None,
    typer.Option("--span", "-s", metavar="FROM-TO", help="Cut this out, such as 12.5-20 or 1:30-2:00. Repeatable."),
]
Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=1, help="Take only the N best moments of each result.")
]
MinScore = Annotated[
    float | None, typer.Option("--min-score", metavar="SCORE", help="Take only moments with at least this score.")
]
Pad = Annotated[
    float, typer.Option("--pad", metavar="SECONDS", min=0, help="Take so many seconds more before and after.")
]


def read_timelines(
    sources: Sequence[str], spans: Sequence[str] | None, reader: "VideoReader", files: Batch, moments: Batch
) -> list[Timeline]:
    """The timelines of results files, or with `spans` those that the videos named have.

    What fails is reported to `files`, a span that lies behind the end of its video to `moments`. Raises UsageError
    where a video comes without spans, or results with some.
    """
    wanted = [parse_span(text) for text in spans or ()]
    timelines: list[Timeline] = []
    for source in sources:
        _check_kind(source, spans)
        with files.attempt():
            if spans:
                timelines.append(_from_video(source, wanted, spans, reader, moments))
            else:
                timelines += _from_results(source)
    return timelines


def open_parts(
    parts: Sequence["Part"], reader: "VideoReader", console: Console, batch: Batch
) -> Iterator[tuple["Footage", "Part"]]:
    """The parts in their order, with the videos they are cut from; spans end with their video.

    A video that cannot be read is reported once, a part that lies behind the end of its video is reported.
    """
    from vexcli.outputs.cuts import open_footage

    opened: dict[str, Footage | None] = {}
    left = Counter(part.video for part in parts)
    for part in parts:
        if part.video not in opened:
            opened[part.video] = None
            with batch.attempt():
                opened[part.video] = footage = open_footage(part.video, reader)
                for warning in footage.info.warnings:
                    console.warning(warning)
        video = opened[part.video]
        left[part.video] -= 1
        if not left[part.video]:
            del opened[part.video]
        if video is None:
            continue
        span = part.span.clamp(video.info.duration)
        if span is None:
            batch.problem(_behind(part.video, part.span.start, video.info.duration))
        else:
            yield video, replace(part, span=span)


@contextmanager
def attempt_output(batch: Batch) -> Iterator[None]:
    """Run the block for one file. As `batch.attempt`, but where one cannot be written, the others are not tried."""
    try:
        yield
    except OutputError:
        raise
    except VideoExpertError as error:
        batch.problem(error)
    else:
        batch.done += 1


def report(console: Console, written: "Written", *, as_json: bool) -> None:
    """Print the path of a file, unless JSON will; say where it was kept or is not all that was asked for."""
    _warn(console, written)
    if not as_json:
        console.data(str(written.path))


def report_aside(console: Console, written: "Written") -> None:
    """Say which file was written, where stdout is for something else."""
    _warn(console, written)
    if not written.kept:
        console.note(f"wrote {written.path}")


def _warn(console: Console, written: "Written") -> None:
    if written.kept:
        console.warning(f"{written.path}: exists, kept (--overwrite replaces it)")
    for warning in written.warnings:
        console.warning(f"{written.path}: {warning}")


def describe_file(written: "Written") -> dict[str, Any]:
    """What a file is, for JSON."""
    return {"path": str(written.path), "kept": written.kept, "warnings": list(written.warnings)}


def describe_part(part: "Part") -> dict[str, Any]:
    """What was cut out, for JSON."""
    return {
        "video": part.video,
        "start": part.span.start,
        "end": part.span.end,
        "title": part.title,
        "score": part.score,
    }


def _check_kind(source: str, spans: Sequence[str] | None) -> None:
    suffix = os.path.splitext(source)[1].lower()
    if spans and (source == STDIN or suffix in {".json", ".jsonl"}):
        raise UsageError(f"{source}: --span goes with a video, not with results", hint="leave --span out")
    if not spans and has_video_suffix(source):
        raise UsageError(f"{source}: is a video: say what to cut out", hint="add --span 12.5-20, or give results")


def _from_video(
    path: str, spans: Sequence[OpenSpan], texts: Sequence[str], reader: "VideoReader", moments: Batch
) -> Timeline:
    """The spans of a video, each called as it was typed. One behind the video's end is reported."""
    info = reader.probe(path)
    found = []
    for span, text in zip(spans, texts, strict=True):
        inside = span.within(info.duration)
        if inside is None:
            moments.problem(_behind(path, span.start, info.duration))
        else:
            found.append(Moment(inside, text=text))
    return Timeline(info.source(), "annotation", moments=tuple(found))


def _from_results(file: str) -> list[Timeline]:
    """The timelines of a file; a video's path counts from the current folder, or else from that of the file."""
    from videoexpert.results import read_results

    folder = None if file == STDIN else os.path.dirname(os.path.abspath(file))
    return [
        replace(timeline, video=replace(timeline.video, path=_found(timeline.video.path, folder)))
        for timeline in read_results(file)
    ]


def _found(path: str, folder: str | None) -> str:
    beside = os.path.join(folder, path) if folder is not None else path
    return beside if not os.path.lexists(path) and os.path.lexists(beside) else path


def _behind(path: str, start: float, duration: float) -> InputError:
    return InputError(f"{path}: {start:g} s lies behind the end of the video ({duration:g} s)")
