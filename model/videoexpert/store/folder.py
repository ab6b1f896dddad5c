"""The files of a feature store.

An entry is one safetensors file, named after what its features depend on: the video, the encoder, the frames that were
picked and the decoder. A video is known by its resolved path, its size and the time of its last change, so that one
that was changed is looked at again. Entries that were not used for the longest time go first when the store is full.
Any number of processes may use one store: files appear whole and may vanish at any time.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from videoexpert.atomic import prepare_folder, write_bytes
from videoexpert.errors import OutputError
from videoexpert.features import FrameFeatures
from videoexpert.store.files import SUFFIX, USUAL_SIZE, cache_size, features_folder, make_room, read_metadata
from videoexpert.timeline import Span
from videoexpert.video import DecoderName, Sampling, display_name
from videoexpert.video.checks import check_file

SCHEMA = "vex.features/1"
"""To be raised whenever the same frames or weights give other features than before."""

_UNREADABLE = (OSError, SafetensorError, ValueError, LookupError, TypeError)
_UNCHECKED_SHARE = 64
"""The folder is looked through whenever this part of the limit was written since the last time."""

OnProblem = Callable[[str], None]
"""Is told, in one line, what is wrong with the store. Work goes on: what cannot be kept is looked at again."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that features depend on, and the name by which the video was given, which they do not.

    path: resolved; size: bytes; changed: when the file was, nanoseconds; encoder: the fingerprint of what looks.
    """

    given: str = field(compare=False)
    path: str
    size: int
    changed: int
    encoder: str
    sampling: Sampling
    decoder: DecoderName

    @classmethod
    def at(cls, path: str | os.PathLike[str], *, encoder: str, sampling: Sampling, decoder: DecoderName) -> "Look":
        """A look at the file as it is now. Raises VideoError where it cannot be read."""
        status, given = check_file(path), os.fspath(path)
        return cls(given, os.path.realpath(given), status.st_size, status.st_mtime_ns, encoder, sampling, decoder)

    def text(self) -> str:
        """All of it as JSON of plain letters, the same for the same look."""
        span = self.sampling.span
        frames = [self.sampling.count, self.sampling.rule, span and [span.start, span.end]]
        return json.dumps([SCHEMA, self.path, self.size, self.changed, self.encoder, frames, self.decoder])


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a look gave. warnings: of reading the frames, each beginning with the video's name and a colon."""

    features: FrameFeatures
    warnings: tuple[str, ...] = ()


class FeatureStore:
    """Features in the files of one folder. limit: bytes that they take at most, or a little more for a moment."""

    def __init__(self, folder: Path, *, limit: int = USUAL_SIZE, on_problem: OnProblem) -> None:
        self.folder, self.limit = folder, limit
        self._on_problem = on_problem
        self._unchecked = 0
        self._writable: bool | None = None  # not known before the first attempt

    def get(self, look: Look) -> Seen | None:
        """What this look gave before, or None. An entry that cannot be read is told of and counts as none."""
        file = self._file(look)
        try:
            seen = _read(file, look)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except _UNREADABLE as error:
            self._on_problem(f"{file}: cannot be used ({_one_line(error)}), the video is looked at again")
            return None
        with suppress(OSError):  # a folder that is only read keeps the order in which entries were written
            os.utime(file)
        return seen

    def put(self, look: Look, seen: Seen) -> None:
        """Keep what a look gave. Where nothing can be written that is told once, and then nothing is kept."""
        if self._writable is False:
            return
        data = _packed(look, seen)
        try:
            if self._writable is None:
                prepare_folder(self.folder)
            write_bytes(self._file(look), data, overwrite=True)
        except OutputError as error:
            self._writable = False
            self._on_problem(f"{error.message}; what is seen of videos is not kept")
            return
        self._unchecked += len(data)
        if self._writable is None or self._unchecked > self.limit // _UNCHECKED_SHARE:
            make_room(self.folder, self.limit)
            self._unchecked = 0
        self._writable = True

    def _file(self, look: Look) -> Path:
        return self.folder / f"{hashlib.sha256(look.text().encode()).hexdigest()}{SUFFIX}"


def _packed(look: Look, seen: Seen) -> bytes:
    """An entry as a file holds it. Warnings are kept without the video's name, which depends on who asks."""
    name = f"{display_name(look.given)}: "
    tokens = seen.features.tokens.contiguous()
    values = {
        "looked_at": [seen.features.looked_at.start, seen.features.looked_at.end],
        "times": seen.features.times,
        "warnings": [warning.removeprefix(name) for warning in seen.warnings],
        "crc32": _checksum(tokens),
    }
    return save({"tokens": tokens}, {"look": look.text(), "seen": json.dumps(values)})


def _read(file: Path, look: Look) -> Seen:
    """What a file holds. Raises FileNotFoundError where it is not there, one of _UNREADABLE where it is not right."""
    data = file.read_bytes()
    metadata, tokens = read_metadata(data), load(data)["tokens"]
    if metadata["look"] != look.text():
        raise ValueError("it is of something else")
    values = json.loads(metadata["seen"])
    if _checksum(tokens) != values["crc32"]:
        raise ValueError("its numbers were changed")
    name = display_name(look.given)
    features = FrameFeatures(Span(*values["looked_at"]), tuple(values["times"]), tokens)
    return Seen(features, tuple(f"{name}: {warning}" for warning in values["warnings"]))


def _checksum(tokens: Tensor) -> int:
    return zlib.crc32(tokens.numpy().data)


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def usual_store(*, on_problem: OnProblem) -> FeatureStore:
    """The store that every command shares. Raises RequestError where `$VEX_CACHE_SIZE` is no size."""
    return FeatureStore(features_folder(), limit=cache_size(), on_problem=on_problem)
