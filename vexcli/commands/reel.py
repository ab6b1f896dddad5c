"""`vex reel`: moments joined into one video."""

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.cutting import MinScore, Pad, Sources, Spans, Top, describe_file, describe_part, read_timelines, report
from vexcli.errors import UsageError
from vexcli.films import Cutting, write_reel
from vexcli.options import AsJson, Overwrite

if TYPE_CHECKING:
    from vexcli.films import Reel

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
    from vexcli.outputs.selection import Choice
    from videoexpert.video import VideoReader

    console = Console.of(context)
    wanted_size, wanted_rate = _size(size), _rate(fps)
    reading = Batch(console)
    with VideoReader() as reader:
        cutting = Cutting.begin(console, reader, overwrite=overwrite)
        timelines = read_timelines(sources, span, reader, reading, cutting.opening)
        choice = Choice(top, min_score, pad)
        joined = write_reel(cutting, timelines, output, choice=choice, order=order, size=wanted_size, rate=wanted_rate)
    if joined is not None:
        report(console, joined.written, as_json=as_json)
        if as_json:
            console.json(_described(joined))
    elif not reading.failed and not cutting.opening.failed:
        console.warning("no moment to join")
    reading.finish()
    cutting.opening.finish()


def _described(reel: "Reel") -> dict[str, Any]:
    """The reel for JSON; `at` is when a part begins in it."""
    shown = [describe_part(part) | {"at": start} for part, start in zip(reel.parts, reel.starts, strict=True)]
    canvas = reel.canvas
    size = {"width": canvas.width, "height": canvas.height, "fps": str(canvas.rate)}
    return {"schema": SCHEMA} | describe_file(reel.written) | size | {"parts": shown}


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
