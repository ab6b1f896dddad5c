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
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Look at every video anew, and keep nothing of it (`vex cache`).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print one JSON line per video, as soon as it is ready.")]
OutputDir = Annotated[str, typer.Option("--output-dir", "-o", metavar="DIR", help="Folder to write to.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist; they are kept otherwise.")]

Queries = Annotated[list[str] | None, typer.Option("--query", "-q", metavar="TEXT", help="A question. Repeatable.")]
QueriesFile = Annotated[
    str | None, typer.Option("--queries", metavar="FILE", help="A text file with one question a line.")
]
MaxTokens = Annotated[int, typer.Option("--max-tokens", metavar="N", min=1, help="The most tokens to write.")]
Temperature = Annotated[
    float, typer.Option("--temperature", min=0, help="0 writes the likeliest words; more draws them.")
]
TopP = Annotated[
    float, typer.Option("--top-p", min=0.01, max=1, help="Draw from the likeliest words that hold this probability.")
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed draws the same words.")]
