"""Pulling a model, with a line and a bar about it: when asked for, or at its first use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vexcli.console import Console

if TYPE_CHECKING:
    from videoexpert.hub import KnownModel, OnProgress, Origin, Part, Progress

Offline = Annotated[bool, typer.Option("--offline", help="Make no connection; say which file is missing.")]


def ensure_model(console: Console, model: str, *, offline: bool) -> None:
    """Pull `model`, a path or a name, where it is one that can be pulled and is not here yet."""
    from videoexpert.hub import Origin, model_to_pull

    known = model_to_pull(model)
    if known is not None:
        pull_model(console, known, Origin(offline=offline))


def pull_model(console: Console, known: "KnownModel", origin: "Origin", *, again: bool = False) -> Path:
    """Pull a known model and return its folder; say what is fetched, how large it is and where it goes."""
    from videoexpert.hub import pull

    with _told(console, known.name, known.parts, origin) as show:
        return pull(known, origin, again=again, on_progress=show)


def fetch_parts(console: Console, name: str, parts: "Sequence[Part]", origin: "Origin") -> dict[str, Path]:
    """Where parts lie, by their names, after those that were missing were fetched; `name` is what they are for."""
    from videoexpert.hub import fetch, part_store

    with _told(console, name, parts, origin) as show:
        return fetch(parts, part_store(), origin, on_progress=show)


@contextmanager
def _told(console: Console, name: str, parts: "Sequence[Part]", origin: "Origin") -> "Iterator[OnProgress]":
    """Yield what says once that these parts are downloaded, or waited for, and shows on a bar how far that is."""
    from videoexpert.hub import home_folder, size_to_fetch

    said: set[str] = set()

    def say(text: str) -> None:
        if text not in said:
            console.note(f"{name}: {text}")
            said.add(text)

    with console.progress(f"fetching {name}", total=size_to_fetch(parts) or None) as bar:

        def show(progress: "Progress") -> None:
            if progress.waiting:
                say("waiting for another vex, which is getting it")
            elif origin.folder is None and progress.done == 0:
                say(f"downloading {megabytes(progress.total)} once, to {home_folder()}")
            far = (
                f": {megabytes(progress.done)} of {megabytes(progress.total)}" if progress.done < progress.total else ""
            )
            bar.update(progress.done, f"{progress.what}{far}")

        yield show


def megabytes(size: int) -> str:
    """So many bytes, in words."""
    return f"{size / 1e6:.0f} MB"
