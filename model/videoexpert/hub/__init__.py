"""Which models there are, by name, where they lie on this machine, and how those come here that can be fetched.

A model is a folder (see `checkpoint`). One that was imported or pulled under a name lies in the home folder of vex, and
is found by that name; any other one is named by its path.
"""

from videoexpert.hub.fetching import OnProgress, Origin, Progress, fetch
from videoexpert.hub.home import (
    CONFIG_FILE,
    InstalledModel,
    find_model,
    home_folder,
    installed,
    models_folder,
    part_store,
)
from videoexpert.hub.known import KNOWN, KnownModel, known_model, known_names
from videoexpert.hub.parts import HubFile, Part, Wheel
from videoexpert.hub.pulling import is_pulled, model_to_pull, pull, size_to_fetch

__all__ = [
    "CONFIG_FILE",
    "KNOWN",
    "HubFile",
    "InstalledModel",
    "KnownModel",
    "OnProgress",
    "Origin",
    "Part",
    "Progress",
    "Wheel",
    "fetch",
    "find_model",
    "home_folder",
    "installed",
    "is_pulled",
    "known_model",
    "known_names",
    "model_to_pull",
    "models_folder",
    "part_store",
    "pull",
    "size_to_fetch",
]
