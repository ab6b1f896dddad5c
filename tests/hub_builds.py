"""Functions that make a model folder of parts, as a known model names one."""

from collections.abc import Mapping
from pathlib import Path

from videoexpert.errors import CheckpointError


def joined(parts: Mapping[str, Path], out: Path) -> None:
    """A folder with a config.json and all parts joined into one file."""
    out.mkdir()
    (out / "weights").write_bytes(b"".join(parts[name].read_bytes() for name in sorted(parts)))
    (out / "config.json").write_text("{}")


def refused(parts: Mapping[str, Path], out: Path) -> None:
    """Ends half-way."""
    out.mkdir()
    (out / "config.json").write_text("{}")
    raise CheckpointError(f"{parts['words.bin']}: makes no model")


def tiny(parts: Mapping[str, Path], out: Path) -> None:
    """A model of random numbers."""
    from tiny_model import write_tiny_model  # which takes seconds to import

    write_tiny_model(out)
