"""`vex clip`: one video file per moment."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.cutting import (
    MinScore,
    Pad,
    Sources,
    Spans,
    Top,
    attempt_output,
    describe_file,
    describe_part,
    open_parts,
    read_timelines,
    report,
)
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
    from vexcli.outputs.clips import ClipFolder
    from vexcli.outputs.encoding import choose_encoder
    from vexcli.outputs.selection import Choice, choose_parts
    from videoexpert.video import VideoReader

    console = Console.of(context)
    reading, opening, writing = Batch(console), Batch(console), Batch(console)
    files: list[dict[str, Any]] = []
    with VideoReader() as reader:
        timelines = read_timelines(sources, span, reader, reading, opening)
        parts = choose_parts(timelines, Choice(top, min_score, pad))
        if parts:
            encoder = None if copy else choose_encoder()
            if encoder is not None and encoder.warning:
                console.warning(encoder.warning)
            folder = ClipFolder(Path(output_dir), parts, reader=reader, encoder=encoder, overwrite=overwrite)
        elif not reading.failed and not opening.failed:
            console.warning("no moment to cut out")
        for footage, part in open_parts(parts, reader, console, opening):
            with attempt_output(writing), console.progress(part.title, part.span.duration) as bar:
                written = folder.write(footage, part, progress=bar.update)
                report(console, written, as_json=as_json)
                files.append(describe_file(written) | describe_part(part))
    if as_json:
        console.json({"schema": SCHEMA, "clips": files})
    for batch in (reading, opening, writing):
        batch.finish()
