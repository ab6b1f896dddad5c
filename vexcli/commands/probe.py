"""`vex probe`: what a video file really is."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vexcli.batch import Batch
from vexcli.console import Console, printable
from vexcli.errors import UsageError
from vexcli.inputs import Selection, find_videos
from vexcli.options import AsJson, AsJsonLines, DecoderName, Exclude, Include, Inputs, NulSeparated, Timeout

if TYPE_CHECKING:
    from vexcli.outputs.probed import Report
    from videoexpert.video import Sampling, VideoReader

Frames = Annotated[
    int | None, typer.Option("--frames", "-n", metavar="N", min=1, help="Show the times of N frames that are sampled.")
]
Rule = Annotated[
    Literal["videoexpert", "uniform"],
    typer.Option(
        "--sampling", help="From the first to the last frame, as the model learnt; or the middles of N parts."
    ),
]
Decodes = Annotated[DecoderName, typer.Option("--decoder", help="What decodes them, with --check.")]
Check = Annotated[bool, typer.Option("--check", help="Also decode the sampled frames (100 without -n) to find damage.")]


def probe(
    context: typer.Context,
    inputs: Inputs,
    frames: Frames = None,
    sampling: Rule = "videoexpert",
    check: Check = False,
    as_json: AsJson = False,
    as_json_lines: AsJsonLines = False,
    include: Include = None,
    exclude: Exclude = None,
    nul_separated: NulSeparated = False,
    decoder: Decodes = "auto",
    timeout: Timeout = None,
) -> None:
    """Show what videos really are.

    Duration, true frame count, rate, size as shown, rotation, start offset, codec, and which frames would be sampled.

    \b
    Examples:
      vex probe talk.mp4 -n 100
      vex probe footage/ --jsonl > footage.jsonl
      find . -name '*.mov' -print0 | vex probe -0 - --check
    """
    from vexcli.outputs.probed import SCHEMA
    from videoexpert.video import Limits, Sampling, VideoReader

    if as_json and as_json_lines:
        raise UsageError("--json and --jsonl cannot go together")
    console = Console.of(context)
    batch = Batch(console)
    asked = Sampling(frames or 100, sampling) if frames or check else None
    selection = Selection(tuple(include or ()), tuple(exclude or ()))
    reports: list[Report] = []
    with VideoReader(limits=Limits(total=timeout)) as reader:
        for path in find_videos(inputs, selection=selection, nul_separated=nul_separated, on_problem=batch.problem):
            with batch.attempt():
                report = _examine(reader, path, asked, decoder if check else None)
                for warning in report.warnings:
                    console.warning(warning)
                if as_json:
                    reports.append(report)
                elif as_json_lines:
                    console.json_line({"schema": SCHEMA} | report.as_json())
                else:
                    console.data(console.heading(printable(path)))
                    console.data("\n".join(report.lines()))
    if as_json:
        console.json({"schema": SCHEMA, "videos": [report.as_json() for report in reports]})
    batch.finish()


def _examine(reader: "VideoReader", path: str, sampling: "Sampling | None", decoder: DecoderName | None) -> "Report":
    """Probe one video; with a sampling its times too; with a decoder, decode those frames."""
    from vexcli.outputs.probed import Report

    if sampling is not None and decoder is not None:
        batch = reader.read_frames(path, sampling, decoder=decoder)
        return Report(batch.info, tuple(batch.times.tolist()), batch.decoder, batch.warnings)
    info = reader.probe(path)
    times = reader.sample_times(path, sampling) if sampling is not None else ()
    return Report(info, tuple(map(float, times)), warnings=info.warnings)
