"""`vex convert`: a result in another format, no model needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vexcli.batch import Batch
from vexcli.console import Console
from vexcli.errors import UsageError
from vexcli.options import Overwrite
from vexcli.saving import save

if TYPE_CHECKING:
    from vexcli.outputs import Writer
    from vexcli.outputs.files import OutputFile
    from videoexpert.timeline import Timeline

Results = Annotated[
    list[str], typer.Argument(metavar="RESULTS...", help="Results of vex (JSON or JSON lines), or - for stdin.")
]
To = Annotated[
    list[str] | None,
    typer.Option(
        "--to", "-t", metavar="FORMAT", help="json, jsonl, csv, tsv, srt, vtt, edl, otio, chapters, or all. Repeatable."
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="PATH", help="A file, whose suffix can name the format, or a folder."),
]


def convert(
    context: typer.Context, results: Results, to: To = None, output: Output = None, overwrite: Overwrite = False
) -> None:
    """Write results in another format.

    Without --output the text goes to stdout. A folder gets one file per video, named after it. Files that exist are
    kept unless --overwrite is given.

    \b
    Examples:
      vex convert talk.json --to srt
      vex convert talk.json -o talk.vtt
      vex convert monday.json tuesday.json -t srt -t csv -o subtitles/
    """
    from videoexpert.results import read_results

    console = Console.of(context)
    writers = _writers(to, output)
    reading, writing = Batch(console), Batch(console)
    timelines: list[Timeline] = []
    for file in results:
        with reading.attempt():
            timelines += read_results(file)
    if not timelines and not reading.failed:
        console.warning("the results are empty: nothing to write")
    if timelines and output is None:
        console.document(_one_text(writers, timelines))
    for planned in _plan(writers, timelines, output):
        with writing.attempt():
            save(console, planned, overwrite=overwrite)
    writing.finish()
    reading.finish()


def _writers(to: list[str] | None, output: str | None) -> list["Writer"]:
    from vexcli.outputs import format_of_suffix
    from vexcli.outputs.files import choose_writers, is_folder

    named = format_of_suffix(Path(output).suffix) if output and not is_folder(output) else None
    if not to and named is None:
        raise UsageError("no format asked for", hint="add --to srt, or -o FILE.srt")
    return choose_writers(to or [str(named)])


def _one_text(writers: Sequence["Writer"], timelines: Sequence["Timeline"]) -> str:
    from vexcli.outputs.files import check_one_text

    if len(writers) > 1:
        raise UsageError(f"stdout cannot hold {len(writers)} formats", hint="give a folder: -o DIR/")
    check_one_text(writers[0], timelines)
    return writers[0].write(timelines)


def _plan(writers: Sequence["Writer"], timelines: Sequence["Timeline"], output: str | None) -> Sequence["OutputFile"]:
    from vexcli.outputs.files import is_folder, plan_folder, plan_single

    if output is None or not timelines:
        return []
    if is_folder(output):
        return plan_folder(writers, timelines, Path(output))
    return [plan_single(writers, timelines, Path(output))]
