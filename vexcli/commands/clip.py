"""`vex clip`: one video file per moment."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.cutting import MinScore, Pad, Sources, Spans, Top, describe_file, describe_part, read_timelines, report
from vexcli.films import Cutting, write_clips
from vexcli.options import AsJson, OutputDir, Overwrite

SCHEMA = "vex.clips/1"

Copy = Annotated[
    bool, typer.Option("--copy", help="Copy instead of encoding: fast, but clips start at the key frame before.")
]


def clip(
    context: typer.Context,
    sources: Sources,
    span: Spans = None,
    output_dir: OutputDir = ".",
    copy: Copy = False,
    overwrite: Overwrite = False,
    top: Top = None,
    min_score: MinScore = None,
    pad: Pad = 0.0,
    as_json: AsJson = False,
) -> None:
    """Cut moments out of videos, each into a file of its own.

    Clips hold exactly the frames asked for, upright, as MP4. Their paths are printed, also of those that exist and
    are kept.

    \b
    Examples:
      vex clip talk.json --top 3 -o clips/
      vex clip talk.mp4 --span 12.5-20 --span 1:30-2:00
      vex ground talk.mp4 "someone laughs" --json | vex clip - --pad 1
    """
    from vexcli.outputs.selection import Choice
    from videoexpert.video import VideoReader

    console = Console.of(context)
    reading = Batch(console)
    files: list[dict[str, Any]] = []
    with VideoReader() as reader:
        cutting = Cutting.begin(console, reader, overwrite=overwrite)
        timelines = read_timelines(sources, span, reader, reading, cutting.opening)
        choice = Choice(top, min_score, pad)
        for written, part in write_clips(cutting, timelines, Path(output_dir), choice=choice, copy=copy):
            report(console, written, as_json=as_json)
            files.append(describe_file(written) | describe_part(part))
    batches = (reading, cutting.opening, cutting.writing)
    if not files and not any(batch.failed for batch in batches):
        console.warning("no moment to cut out")
    if as_json:
        console.json({"schema": SCHEMA, "clips": files})
    for batch in batches:
        batch.finish()
