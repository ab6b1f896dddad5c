"""Moments become video files: a clip of each, or one reel of all. For `clip`, `reel`, and what was just found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.cutting import attempt_output, open_parts, report_aside

if TYPE_CHECKING:
    from vexcli.outputs.canvas import Canvas
    from vexcli.outputs.encoding import Written
    from vexcli.outputs.selection import Choice, Part
    from videoexpert.timeline import Timeline
    from videoexpert.video import VideoReader

Film = Literal["clips", "reel"]
FILMS: tuple[Film, ...] = ("clips", "reel")
"""The formats that are videos themselves."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """What films are cut with. opening: counts the moments, writing: the files that fail."""

    console: Console
    reader: "VideoReader"
    opening: Batch
    writing: Batch
    overwrite: bool

    @staticmethod
    def begin(console: Console, reader: "VideoReader", *, overwrite: bool) -> "Cutting":
        """With nothing counted yet."""
        return Cutting(console, reader, Batch(console), Batch(console), overwrite)


@dataclass(frozen=True, slots=True)
class Reel:
    """A reel that was written. starts: where each of its parts begins in it, seconds."""

    written: "Written"
    canvas: "Canvas"
    parts: tuple["Part", ...]
    starts: tuple[float, ...]


def write_clips(
    cutting: Cutting, timelines: Sequence["Timeline"], folder: Path, *, choice: "Choice", copy: bool = False
) -> Iterator[tuple["Written", "Part"]]:
    """A file of each moment chosen, one by one; none where there is no moment."""
    from vexcli.outputs.clips import ClipFolder
    from vexcli.outputs.encoding import choose_encoder
    from vexcli.outputs.selection import choose_parts

    console, reader = cutting.console, cutting.reader
    parts = choose_parts(timelines, choice)
    if not parts:
        return
    encoder = None if copy else choose_encoder()
    if encoder is not None and encoder.warning:
        console.warning(encoder.warning)
    clips = ClipFolder(folder, parts, reader=reader, encoder=encoder, overwrite=cutting.overwrite)
    for footage, part in open_parts(parts, reader, console, cutting.opening):
        with attempt_output(cutting.writing):
            with console.progress(part.title, part.span.duration) as bar:
                written = clips.write(footage, part, progress=bar.update)
            yield written, part


def write_reel(
    cutting: Cutting,
    timelines: Sequence["Timeline"],
    output: str | None,
    *,
    choice: "Choice",
    order: Literal["time", "score"] = "time",
    size: tuple[int, int] | None = None,
    rate: Fraction | None = None,
) -> Reel | None:
    """One file of all moments chosen; None where there is none that can be shown."""
    from vexcli.outputs.canvas import choose_canvas
    from vexcli.outputs.cuts import plan_cut
    from vexcli.outputs.encoding import choose_encoder
    from vexcli.outputs.reel import ReelWriter, reel_path
    from vexcli.outputs.selection import choose_parts, reel_parts

    console, reader = cutting.console, cutting.reader
    opened = list(open_parts(reel_parts(choose_parts(timelines, choice), order), reader, console, cutting.opening))
    if not opened:
        return None
    parts = tuple(part for _, part in opened)
    cuts = [plan_cut(footage, part.span) for footage, part in opened]
    final = reel_path(output, [part.video for part in parts])
    canvas = choose_canvas(cuts, size=size, rate=rate)
    writer = ReelWriter(canvas, choose_encoder(), reader)
    if writer.encoder.warning:
        console.warning(writer.encoder.warning)
    title = " / ".join(dict.fromkeys(part.title for part in parts))
    with console.progress(str(final), sum(cut.duration for cut in cuts)) as bar:
        written = writer.write(cuts, final, title=title, overwrite=cutting.overwrite, progress=bar.update)
    return Reel(written, canvas, parts, tuple(canvas.starts(cuts)))


def film_found(cutting: Cutting, timelines: Sequence["Timeline"], folder: Path, films: Sequence[Film]) -> None:
    """Cut what was just found, all moments of it; stdout is left to the results."""
    from vexcli.outputs.selection import Choice

    everything = Choice()
    if not any(timeline.moments for timeline in timelines):
        if not cutting.opening.failed:
            cutting.console.warning("no moment to cut out")
        return
    if "clips" in films:
        for written, _ in write_clips(cutting, timelines, folder, choice=everything):
            report_aside(cutting.console, written)
    if "reel" in films:
        reel = write_reel(cutting, timelines, str(folder), choice=everything)
        if reel is not None:
            report_aside(cutting.console, reel.written)
