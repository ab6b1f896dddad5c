"""Option types that two or more commands share, each declared once."""

from typing import Annotated, Literal

import typer

DecoderName = Literal["auto", "pyav", "ffmpeg", "decord"]

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT...", help="Videos, folders, quoted globs, or - for a list of paths on stdin."),
]
Include = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="In folders and lists, take only files that match. Repeatable."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="In folders and lists, leave out files that match. Repeatable."),
]
NulSeparated = Annotated[bool, typer.Option("-0", "--null", help="Paths on stdin end with NUL (`find -print0`).")]
Decoder = Annotated[DecoderName, typer.Option("--decoder", help="What reads the video.")]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Give up on a video after this long."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print one JSON line per video, as soon as it is ready.")]
OutputDir = Annotated[str, typer.Option("--output-dir", "-o", metavar="DIR", help="Folder to write to.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist; they are kept otherwise.")]
