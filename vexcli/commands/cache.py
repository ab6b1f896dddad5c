"""`vex cache`: what is stored of videos that were looked at, and how to be rid of it."""

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vexcli.base import VexCommand, VexGroup
from vexcli.console import Console
from vexcli.options import AsJson

if TYPE_CHECKING:
    from videoexpert.store import Entry

cache = typer.Typer(name="cache", cls=VexGroup, help="What is stored of videos, so that they are decoded once.")

OlderThan = Annotated[
    float | None,
    typer.Option("--older-than", metavar="DAYS", min=0, help="Remove only what was not used for so many days."),
]

_DAY = 86400


@cache.command(cls=VexCommand)
def info(context: typer.Context, as_json: AsJson = False) -> None:
    """What is stored, how large it is, and how large it may become.

    What was not used for the longest time goes first. VEX_CACHE_SIZE sets how many gigabytes are kept, VEX_CACHE where.

    \b
    Example:
      vex cache info
    """
    from videoexpert.store import cache_size, entries_in, features_folder

    console = Console.of(context)
    folder, limit = features_folder(), cache_size()
    videos: dict[str | None, list[Entry]] = {}
    for entry in entries_in(folder):
        videos.setdefault(entry.video(), []).append(entry)
    total = sum(entry.size for entries in videos.values() for entry in entries)
    if as_json:
        rows = [_described(video, entries) for video, entries in videos.items()]
        console.json({"folder": str(folder), "size": total, "limit": limit, "videos": rows})
        return
    console.data(f"{folder}: {_size_text(total)} of {_size_text(limit)}")
    if videos:
        cells = [
            (video or "(damaged)", str(len(entries)), _size_text(sum(entry.size for entry in entries)), _used(entries))
            for video, entries in videos.items()
        ]
        console.table(("video", "parts", "size", "last used"), cells)


@cache.command(cls=VexCommand)
def clear(context: typer.Context, older_than: OlderThan = None) -> None:
    """Remove what is stored. Videos are decoded again when they are next asked about.

    \b
    Examples:
      vex cache clear
      vex cache clear --older-than 30
    """
    from videoexpert.store import clear as remove
    from videoexpert.store import features_folder

    console = Console.of(context)
    before = None if older_than is None else time.time() - older_than * _DAY
    removed = remove(features_folder(), unused_since=before)
    console.data(f"removed {len(removed)} files, {_size_text(sum(entry.size for entry in removed))}")


@cache.command(cls=VexCommand)
def path(context: typer.Context) -> None:
    """Print the folder of what is stored.

    \b
    Example:
      du -sh "$(vex cache path)"
    """
    from videoexpert.store import features_folder

    Console.of(context).data(str(features_folder()))


def _described(video: str | None, entries: "list[Entry]") -> dict[str, Any]:
    """A video in the store, for JSON. path: None where its entry cannot be read."""
    size = sum(entry.size for entry in entries)
    return {"path": video, "parts": len(entries), "size": size, "used": _used(entries)}


def _used(entries: "list[Entry]") -> str:
    """When the latest of the entries was used: the local time with its distance from UTC."""
    latest = max(entry.used for entry in entries)
    return datetime.fromtimestamp(latest).astimezone().isoformat(sep=" ", timespec="seconds")


def _size_text(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
