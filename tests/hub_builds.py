"""Functions that make a model folder of parts, as a known model names one."""

from collections.abc import Mapping
from pathlib import Path

from videoexpert.errors import CheckpointError, OutputError


def joined(parts: Mapping[str, Path], out: Path) -> None:
    """A folder with a config.json and all parts joined into one file."""
    out.mkdir()
    (out / "weights").write_bytes(b"".join(parts[name].read_bytes() for name in sorted(parts)))
    (out / "config.json").write_text("{}")


def copied(parts: Mapping[str, Path], out: Path) -> None:
    """A folder with a config.json and each part as it is."""
    out.mkdir()
    for name, part in parts.items():
        (out / name).write_bytes(part.read_bytes())
    (out / "config.json").write_text("{}")


def full(parts: Mapping[str, Path], out: Path) -> None:
    """Finds no room."""
    raise OutputError(f"{out}: No space left on device", hint="choose another folder")


def refused(parts: Mapping[str, Path], out: Path) -> None:
    """Ends half-way."""
    out.mkdir()
    (out / "config.json").write_text("{}")
    raise CheckpointError(f"{parts['words.bin']}: makes no model")


def tiny(parts: Mapping[str, Path], out: Path) -> None:
    """A model of random numbers."""
    from tiny_model import write_tiny_model  # which takes seconds to import

    write_tiny_model(out)
