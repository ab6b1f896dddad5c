"""`vex demo`: a first result with nothing at hand."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from vexcli.console import Console
from vexcli.options import Overwrite
from vexcli.pulling import Offline, fetch_parts

Folder = Annotated[str, typer.Argument(metavar="[DIR]", help="Where the video and its results go.")]
Model = Annotated[str | None, typer.Option("--model", "-m", help="A model's name or folder; by default the usual one.")]


def demo(
    context: typer.Context,
    folder: Folder = "vex-demo",
    model: Model = None,
    offline: Offline = False,
    overwrite: Overwrite = False,
) -> None:
    """A first result with nothing at hand.

    Makes a video of half a minute from free photographs, and shows the commands that are run on it with what they
    print: moments, subtitles, a highlight reel. Nothing is opened.

    \b
    Examples:
      vex demo
      vex demo /tmp/first-look
    """
    from vexcli.demonstration import commands, make_video
    from videoexpert.hub import Origin
    from videoexpert.hub.photos import CREDITS, PHOTOS

    console = Console.of(context)
    video = Path(folder) / "demo.mp4"
    if overwrite or not video.exists():
        photos = fetch_parts(console, "photographs", PHOTOS, Origin(offline=offline))
        with console.progress(f"making {video}", total=None):
            make_video([photos[part.name] for part in PHOTOS], video, overwrite=overwrite)
    console.note(f"{video}: 30 seconds of {CREDITS}")
    # What comes from settings comes to each command from there.
    words = {"model": ["-m", str(model)], "offline": ["--offline"], "overwrite": ["--overwrite"]}
    options = [word for name, given in words.items() if _typed(context, name) for word in given]
    for command in commands(folder, options):
        _show(context, command)


def _typed(context: typer.Context, name: str) -> bool:
    """Whether an option was given on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _show(context: typer.Context, words: list[str]) -> None:
    """Print a command line, run it, and print the subtitles it wrote."""
    root, console = context.find_root(), Console.of(context)
    console.data(console.heading(f"\n$ {shlex.join(['vex', *words])}"))
    code = root.command.main(words, "vex", standalone_mode=False, obj=console, default_map=root.default_map)
    if code:
        raise typer.Exit(code)
    if "srt" in words:
        subtitles = Path(words[words.index("-o") + 1]) / "demo.srt"
        console.data(console.heading(f"\n{subtitles}:"))
        console.document(subtitles.read_text(encoding="utf-8-sig"))
