"""`vex reel`: moments joined into one video."""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.cutting import (
    MinScore,
    Pad,
    Sources,
    Spans,
    Top,
    describe_file,
    describe_part,
    open_parts,
    read_timelines,
    report,
)
from vexcli.errors import UsageError
from vexcli.options import AsJson, Overwrite

if TYPE_CHECKING:
    from vexcli.outputs.canvas import Canvas
    from vexcli.outputs.encoding import Written
    from vexcli.outputs.selection import Part

SCHEMA = "vex.reel/1"

Output = Annotated[
    str | None, typer.Option("--output", "-o", metavar="FILE", help="The reel; by default it is named after the video.")
]
OrderBy = Annotated[
    Literal["time", "score"], typer.Option("--order", help="Video after video in order of time, or the best first.")
]
Size = Annotated[
    str | None, typer.Option("--size", metavar="WxH", help="Its size; by default that of most of the seconds in it.")
]
Rate = Annotated[
    str | None, typer.Option("--fps", metavar="RATE", help="Frames a second; by default the highest, up to 60.")
]


def reel(
    context: typer.Context,
    sources: Sources,
    span: Spans = None,
    output: Output = None,
    order: OrderBy = "time",
    overwrite: Overwrite = False,
    top: Top = None,
    min_score: MinScore = None,
    pad: Pad = 0.0,
    size: Size = None,
    fps: Rate = None,
    as_json: AsJson = False,
) -> None:
    """Join moments of one video or of many into one video.

    Moments that overlap are shown once. Videos of other sizes are scaled, with bars where they have another shape.

    \b
    Examples:
      vex reel talk.json
      vex reel monday.json tuesday.json --top 5 --order score -o best.mp4
      vex reel talk.mp4 --span 12.5-20 --span 1:30-2:00 --size 1280x720
    """
    from vexcli.outputs.canvas import choose_canvas
    from vexcli.outputs.cuts import plan_cut
    from vexcli.outputs.encoding import choose_encoder
    from vexcli.outputs.reel import ReelWriter, reel_path
    from vexcli.outputs.selection import Choice, choose_parts, reel_parts
    from videoexpert.video import VideoReader

    console = Console.of(context)
    wanted_size, wanted_rate = _size(size), _rate(fps)
    reading, opening = Batch(console), Batch(console)
    with VideoReader() as reader:
        timelines = read_timelines(sources, span, reader, reading, opening)
        wanted = reel_parts(choose_parts(timelines, Choice(top, min_score, pad)), order)
        opened = list(open_parts(wanted, reader, console, opening))
        if opened:
            parts = [part for _, part in opened]
            cuts = [plan_cut(footage, part.span) for footage, part in opened]
            final = reel_path(output, [part.video for part in parts])
            canvas = choose_canvas(cuts, size=wanted_size, rate=wanted_rate)
            writer = ReelWriter(canvas, choose_encoder(), reader)
            if writer.encoder.warning:
                console.warning(writer.encoder.warning)
            title = " / ".join(dict.fromkeys(part.title for part in parts))
            with console.progress(str(final), sum(cut.duration for cut in cuts)) as bar:
                written = writer.write(cuts, final, title=title, overwrite=overwrite, progress=bar.update)
            report(console, written, as_json=as_json)
            if as_json:
                console.json(_described(written, canvas, parts, canvas.starts(cuts)))
        elif not reading.failed and not opening.failed:
            console.warning("no moment to join")
    reading.finish()
    opening.finish()


def _described(
    written: "Written", canvas: "Canvas", parts: Sequence["Part"], starts: Sequence[float]
) -> dict[str, Any]:
    """The reel for JSON; `at` is when a part begins in it."""
    shown = [describe_part(part) | {"at": start} for part, start in zip(parts, starts, strict=True)]
    size = {"width": canvas.width, "height": canvas.height, "fps": str(canvas.rate)}
    return {"schema": SCHEMA} | describe_file(written) | size | {"parts": shown}


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", text)
    width, height = (int(match.group(1)), int(match.group(2))) if match else (0, 0)
    if width < 2 or height < 2 or width % 2 or height % 2:
        raise UsageError(f"--size {text}: must be two even numbers", hint="such as 1280x720")
    return width, height


def _rate(text: str | None) -> Fraction | None:
    """The rate that a text means: 29.97 is the NTSC rate 30000/1001."""
    if text is None:
        return None
    from vexcli.outputs.times import FrameRate

    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise UsageError(f"--fps {text}: must be a rate above 0 and at most 1000", hint="such as 25 or 30000/1001")
    known = FrameRate.of(rate).fps
    return known if abs(known / rate - 1) < Fraction(1, 1000) else rate.limit_denominator(1001)
