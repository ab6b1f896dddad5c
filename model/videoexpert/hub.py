"""Which models there are, by name, and where they lie on this machine. Nothing is downloaded here.

A model is a folder (see `checkpoint`). One that was imported under a name lies in the home folder of vex, and is found
by that name; any other one is named by its path.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from videoexpert.errors import CheckpointError, did_you_mean

CONFIG_FILE = "config.json"
"""The file that makes a folder a model."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that vex knows by name. about: what it is. licence: of its weights. source: how one comes by it."""

    name: str
    about: str
    licence: str
    source: str


KNOWN = (
    KnownModel(
        "videoexpert-7b",
        about="the model that the authors of VideoExpert published: Vicuna-7B with temporal and spatial experts",
        licence="CC BY-NC-ND 4.0 (weights of VideoExpert), Llama 2 Community License (Vicuna)",
        source="vex models import --base DIR --expert DIR --projector FILE --clip FILE",
    ),
)
"""The models known by name, installed or not."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model in the home folder. size: bytes of its files."""

    name: str
    folder: Path
    size: int


def models_folder() -> Path:
    """Where models lie that have a name: in `$VEX_HOME`, or else where this system keeps data of programs."""
    home = os.environ.get("VEX_HOME")
    if home:
        return Path(home).expanduser().absolute() / "models"
    from platformdirs import user_data_path

    return user_data_path("vex", appauthor=False) / "models"


def installed() -> list[InstalledModel]:
    """The models in the home folder, by name."""
    folder = models_folder()
    if not folder.is_dir():
        return []
    return [
        InstalledModel(place.name, place, sum(file.stat().st_size for file in place.rglob("*") if file.is_file()))
        for place in sorted(folder.iterdir())
        if (place / CONFIG_FILE).is_file()
    ]


def find_model(model: str) -> Path:
    """The folder of a model given by its path or its name. Raises CheckpointError where there is none.

    A name is one word; what holds a slash, or is the path of a folder, is a path.
    """
    given = Path(model).expanduser()
    if given.is_dir():
        if not (given / CONFIG_FILE).is_file():
            raise CheckpointError(f"{model}: is no model, it has no {CONFIG_FILE}", hint="vex models list")
        return given
    if given.exists():
        raise CheckpointError(f"{model}: is a file; a model is a folder", hint="vex models list")
    if given.name != model:
        raise CheckpointError(f"{model}: no such folder", hint="vex models list shows the models that are there")
    named = models_folder() / model
    if (named / CONFIG_FILE).is_file():
        return named
    raise CheckpointError(f"{model}: no such model", hint=_advice(model))


def _advice(model: str) -> str:
    for known in KNOWN:
        if known.name == model:
            return f"it is not installed: {known.source}"
    names = [place.name for place in installed()]
    near = did_you_mean(model, [*names, *(known.name for known in KNOWN)])
    return near or "vex models list shows the models that are there"
