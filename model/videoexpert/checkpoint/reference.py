"""A part of a model that is used from where it lies: its place, and the hashes that say it is still the same."""

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from videoexpert.checkpoint.tensors import weight_files
from videoexpert.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Pin:
    """What a file must be. size: bytes."""

    size: int
    sha256: str

    @classmethod
    def of(cls, file: Path) -> "Pin":
        """What the file is now."""
        with open(file, "rb") as stream:
            return cls(os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest())


@dataclass(frozen=True, slots=True)
class Reference:
    """Weights that lie elsewhere. path: their file or folder; files: what each must be, by name.

    A path that is stored relative is meant from the model's folder, which may then be moved with what it holds.
    """

    path: str
    files: Mapping[str, Pin]

    @classmethod
    def to(cls, path: Path) -> "Reference":
        """A reference to weights as they are now."""
        files = weight_files(path)
        with ThreadPoolExecutor() as threads:
            pins = dict(zip((file.name for file in files), threads.map(Pin.of, files), strict=True))
        return cls(os.fspath(path.absolute()), pins)

    def beside(self, folder: Path) -> "Reference":
        """The same, for who reads it in the model folder `folder`."""
        return replace(self, path=os.fspath((folder / self.path).absolute()))

    def find(self, *, moved_to: Path | None = None) -> Path:
        """Where the weights are, checked byte by byte.

        moved_to: where they are now, if not where they were. Raises CheckpointError where a file is missing or another.
        """
        path = moved_to or Path(self.path)
        if not path.exists():
            raise CheckpointError(
                f"{path}: the weights that the model builds on are gone",
                hint="put them back there, or make the model again from where they are now",
            )
        folder = path if path.is_dir() else path.parent
        files = {folder / name if path.is_dir() else path: pin for name, pin in self.files.items()}
        for file, pin in files.items():
            if not file.is_file():
                raise CheckpointError(f"{file}: a file that the model builds on is gone", hint="fetch or copy it again")
            if file.stat().st_size != pin.size:
                raise self._changed(file, f"{file.stat().st_size} bytes, not {pin.size}")
        with ThreadPoolExecutor() as threads:
            for (file, pin), now in zip(files.items(), threads.map(Pin.of, files), strict=True):
                if now != pin:
                    raise self._changed(file, f"SHA-256 {now.sha256[:12]}…, not {pin.sha256[:12]}…")
        return path

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "Reference":
        """What `to_dict` gave. Raises KeyError, TypeError or AttributeError where it is something else."""
        return cls(str(values["path"]), {str(name): Pin(**pin) for name, pin in values["files"].items()})

    @staticmethod
    def _changed(file: Path, how: str) -> CheckpointError:
        return CheckpointError(
            f"{file}: is not the file that the model was made with ({how})",
            hint="fetch that file again, or make the model again with this one",
        )
