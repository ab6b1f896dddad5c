"""Settings: the defaults of options, from files and the environment, each with where it came from.

Defaults < the user's vex.yaml < the project's vex.yaml < VEX_* environment < options on the command line.
A setting is the default of every option of the same name, so commands never see this module (see `default_map`).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vexcli.errors import UsageError
from videoexpert.errors import did_you_mean

FILE_NAME = "vex.yaml"

DEFAULT_MODEL = "nano"
"""The model that is asked unless another is named."""

Value = str | float | bool | tuple[str, ...] | None


def _text(raw: str) -> str:
    if not raw:
        raise ValueError("must not be empty")
    return raw


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return raw

    return parse


def _seconds(raw: str) -> float:
    try:
        value = float(raw)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError("must be a number of seconds above 0")
    return value


def _switch(raw: str) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if raw.lower() not in known:
        raise ValueError("must be true or false")
    return known[raw.lower()]


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that exists. parse turns its text into a value or raises ValueError saying what it must be."""

    name: str
    default: Value
    parse: Callable[[str], Value]
    about: str
    many: bool = False
    environment_only: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"VEX_{self.name.upper()}"


KNOWN: dict[str, Known] = {
    known.name: known
    for known in (
        Known("color", "auto", _one_of("auto", "always", "never"), "when to use colour"),
        Known("model", DEFAULT_MODEL, _text, "the model that is asked"),
        Known("device", "auto", _one_of("auto", "cuda", "mps", "cpu"), "where the model runs"),
        Known("offline", False, _switch, "make no connection"),
        Known("decoder", "auto", _one_of("auto", "pyav", "ffmpeg", "decord"), "what reads videos"),
        Known("timeout", None, _seconds, "most seconds to spend on reading one video"),
        Known("no_cache", False, _switch, "look at every video anew, and keep nothing of it"),
        Known("overwrite", False, _switch, "replace files that exist"),
        Known("output_dir", ".", _text, "folder that files are written to"),
        Known("include", (), _text, "globs of files to take from folders", many=True),
        Known("exclude", (), _text, "globs of files to leave out of folders", many=True),
        # A file that lies in a downloaded folder must not choose a program to run, nor a folder to write to unasked.
        Known("ffmpeg", None, _text, "the ffmpeg program", environment_only=True),
        Known("cache", None, _text, "folder for what is stored of videos", environment_only=True),
        Known("cache_size", None, _text, "most gigabytes that are stored of videos", environment_only=True),
    )
}


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value and where it came from: `default`, `FILE:LINE` or the variable's name."""

    known: Known
    value: Value
    origin: str


def project_file(folder: Path) -> Path | None:
    """The vex.yaml of `folder`, or of the nearest folder above it that has one."""
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
    return None


def user_file() -> Path:
    """Where the user's own vex.yaml lies on this system, whether it exists or not."""
    from platformdirs import user_config_path

    return user_config_path("vex", appauthor=False) / FILE_NAME


def load(*, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> dict[str, Setting]:
    """Every known setting by name, merged. Raises UsageError naming file and line, or the variable."""
    environment = os.environ if environment is None else environment
    settings = {name: Setting(known, known.default, "default") for name, known in KNOWN.items()}
    own, project = user_file(), project_file(Path.cwd() if folder is None else folder)
    for file in (own, project if project != own else None):
        if file is not None and file.is_file():
            settings.update({setting.known.name: setting for setting in _from_file(file)})
    for known in KNOWN.values():
        raw = environment.get(known.variable)
        if raw:
            texts = [part for part in raw.split(",") if part] if known.many else [raw]
            settings[known.name] = Setting(known, _value(known, texts, known.variable), known.variable)
    return settings


def default_map(settings: Mapping[str, Setting], commands: Iterable[str]) -> dict[str, Any]:
    """What Typer should take as the defaults of each command's options (and of the program's own).

    commands: by name; `models pull` is the command `pull` of the group `models`.
    """
    given: dict[str, Any] = {
        name: setting.value
        for name, setting in settings.items()
        if setting.origin != "default" and not setting.known.environment_only
    }
    defaults = dict(given)
    for command in commands:
        group, _, name = command.partition(" ")
        if name:
            defaults.setdefault(group, {})[name] = given
        else:
            defaults[command] = given
    return defaults


def _value(known: Known, texts: list[str], origin: str) -> Value:
    try:
        values = [known.parse(text) for text in texts]
    except ValueError as error:
        raise UsageError(f"{origin}: {known.name} {error}, got {', '.join(map(repr, texts))}") from None
    return tuple(str(value) for value in values) if known.many else values[0]


def _from_file(file: Path) -> list[Setting]:
    import yaml

    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{file}:{line}: is not YAML: {error.problem}") from error
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise UsageError(f"{file}:1: must hold `name: value` lines")
    return [_from_node(file, key, value) for key, value in root.value]


def _from_node(file: Path, key: Any, value: Any) -> Setting:
    import yaml

    origin = f"{file}:{key.start_mark.line + 1}"
    known = KNOWN.get(str(key.value))
    if known is None:
        hint = did_you_mean(str(key.value), list(KNOWN)) or "`vex config show` lists the settings"
        raise UsageError(f"{origin}: unknown setting {key.value!r}", hint=hint)
    if known.environment_only:
        raise UsageError(f"{origin}: {known.name} cannot be set in a file", hint=f"set {known.variable} instead")
    nodes = value.value if isinstance(value, yaml.SequenceNode) and known.many else [value]
    if not all(isinstance(node, yaml.ScalarNode) for node in nodes):
        raise UsageError(f"{origin}: {known.name} must be {'a list' if known.many else 'one value'}")
    return Setting(known, _value(known, [str(node.value) for node in nodes], origin), origin)
