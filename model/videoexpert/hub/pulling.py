"""Pull a known model: fetch its parts, make the model folder of them once, and find it there ever after."""

import filecmp
import importlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from videoexpert.atomic import remove_leftovers, temporary_folder
from videoexpert.errors import CheckpointError, OutputError
from videoexpert.hub.fetching import OnProgress, Origin, Progress, fetch, missing_parts
from videoexpert.hub.home import CONFIG_FILE, is_model, models_folder, part_store
from videoexpert.hub.known import KnownModel, known_model
from videoexpert.hub.parts import Part, download_size

REVISION_FILE = "revision"
"""Says, in the folder of a pulled model, which revision it was made as."""

_ELSEWHERE = "free some room, or set VEX_HOME to another folder"

Build = Callable[[Mapping[str, Path], Path], None]
"""Makes a model folder, which is not there yet, of the parts by their names."""


def model_to_pull(model: str) -> KnownModel | None:
    """The known model that has to be pulled before `model`, a path or a name, can be used; None where there is none."""
    known = known_model(model)
    if known is None or not known.parts or is_model(Path(model).expanduser()) or _is_own(known):
        return None
    return None if is_pulled(known) else known


def is_pulled(known: KnownModel) -> bool:
    """Whether the model is here as this version of vex makes it."""
    folder = models_folder() / known.name
    stamp = folder / REVISION_FILE
    return (folder / CONFIG_FILE).is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == known.revision


def _is_own(known: KnownModel) -> bool:
    """Whether a model of that name is here that was not pulled."""
    folder = models_folder() / known.name
    return (folder / CONFIG_FILE).is_file() and not (folder / REVISION_FILE).is_file()


def size_to_fetch(parts: Sequence[Part]) -> int:
    """Bytes that fetching these parts would download now. Raises OutputError where the store cannot be read."""
    return download_size(missing_parts(parts, part_store()))


def pull(known: KnownModel, origin: Origin, *, again: bool = False, on_progress: OnProgress) -> Path:
    """Make sure that a model is here, and return its folder. again: make it anew also where it is here.

    Raises DownloadError and OutputError as `fetch` does, CheckpointError where the parts make no model. The folder
    appears whole or not at all.
    """
    folder, store = models_folder() / known.name, part_store()
    if is_pulled(known) and not again:
        return folder
    if _is_own(known) and not again:
        raise OutputError(f"{folder}: holds a model of your own", hint="move it away, or add --again to replace it")
    if not known.parts:
        raise CheckpointError(f"{known.name}: cannot be pulled", hint=known.source)
    parts = fetch(known.parts, store, origin, on_progress=on_progress)
    size = known.size
    with store.locked(on_wait=lambda: on_progress(Progress("waiting for another vex", size, size, waiting=True))):
        if again or not is_pulled(known):  # another process may just have made it
            on_progress(Progress("making the model", size, size))
            _make(known, parts, folder)
    return folder


def _make(known: KnownModel, parts: Mapping[str, Path], folder: Path) -> None:
    module, _, function = known.build.partition(":")
    build: Build = getattr(importlib.import_module(module), function)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder.parent)
        with temporary_folder(folder.parent) as temporary:
            new = temporary / "new"
            try:
                build(parts, new)
            except OutputError as error:  # names a folder that is gone by now
                raise OutputError(error.message.replace(str(new), str(folder)), hint=_ELSEWHERE) from error
            _share(new, parts.values())
            (new / REVISION_FILE).write_text(known.revision, encoding="utf-8")
            if folder.exists():
                os.replace(folder, temporary / "old")
            os.replace(new, folder)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}", hint=_ELSEWHERE) from error


def _share(folder: Path, parts: Iterable[Path]) -> None:
    """Have the disk hold those files of a folder once that are parts as they are, where it can."""
    for part in parts:
        for file in folder.rglob("*"):
            if file.is_file() and filecmp.cmp(part, file, shallow=False):
                with suppress(OSError):  # a file system without hard links
                    link = file.with_name(f"{file.name}.link")
                    os.link(part, link)
                    os.replace(link, file)
