"""Where models lie on this machine, and the folder that a name means."""

import os
from dataclasses import dataclass
from pathlib import Path

from videoexpert.errors import CheckpointError, did_you_mean
from videoexpert.hub.known import known_model, known_names
from videoexpert.hub.store import PartStore

CONFIG_FILE = "config.json"
"""The file that makes a folder a model."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model in the home folder. size: bytes of its files."""

    name: str
    folder: Path
    size: int


def home_folder() -> Path:
    """Where vex keeps what it was given: `$VEX_HOME`, or else where this system keeps data of programs."""
    home = os.environ.get("VEX_HOME")
    if home:
        return Path(home).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("vex", appauthor=False)


def models_folder() -> Path:
    """Where models lie that have a name."""
    return home_folder() / "models"


def part_store() -> PartStore:
    """Where the files lie that models are made of."""
    return PartStore(home_folder() / "parts")


def installed() -> list[InstalledModel]:
    """The models in the home folder, by name."""
    folder = models_folder()
    if not folder.is_dir():
        return []
    return [
        InstalledModel(place.name, place, sum(file.stat().st_size for file in place.rglob("*") if file.is_file()))
        for place in sorted(folder.iterdir())
        if (place / CONFIG_FILE).is_file() and not place.name.startswith(".")
    ]


def is_model(folder: Path) -> bool:
    """Whether a folder holds a model."""
    return (folder / CONFIG_FILE).is_file()


def find_model(model: str) -> Path:
    """The folder of a model given by its path or its name. Raises CheckpointError where there is none.

    What holds a slash, or is the folder of a model, is a path; any other single word is a name.
    """
    given, named = Path(model).expanduser(), models_folder() / model
    if is_model(given):
        return given
    if given.name == model and is_model(named):
        return named
    if given.is_dir():
        raise CheckpointError(f"{model}: is no model, it has no {CONFIG_FILE}", hint="vex models list")
    if given.exists():
        raise CheckpointError(f"{model}: is a file; a model is a folder", hint="vex models list")
    if given.name != model:
        raise CheckpointError(f"{model}: no such folder", hint="vex models list shows the models that are there")
    raise CheckpointError(f"{model}: no such model", hint=_advice(model))


def _advice(model: str) -> str:
    known = known_model(model)
    if known is not None:
        return f"it is not installed: {known.source}"
    names = [place.name for place in installed()]
    near = did_you_mean(model, [*names, *known_names()])
    return near or "vex models list shows the models that are there"
