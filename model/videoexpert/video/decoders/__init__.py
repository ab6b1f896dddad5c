"""Decoders: ways to get pictures out of a file that was scanned, all behind one protocol. They work inside the worker.

pyav    PyAV: exact on every container, jumps over what is not wanted; the default
ffmpeg  the ffmpeg program, read through a pipe: for what PyAV cannot decode
decord  decord: only on request, its frames cannot be verified
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, Protocol, TypeVar, cast

from videoexpert.video.geometry import Size
from videoexpert.video.protocol import Interpolation
from videoexpert.video.scan import ScannedVideo

OneDecoder = Literal["pyav", "ffmpeg", "decord"]

MODULES: dict[OneDecoder, str] = {"pyav": "pyav", "ffmpeg": "pipe", "decord": "decord"}

_Frame = TypeVar("_Frame")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Frames to read: their indices (rising, no repeats), and the size to read them at, before the rotation."""

    indices: tuple[int, ...]
    size: Size
    interpolation: Interpolation


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One picture. position: which of the wanted indices it answers. index: the frame that it shows, another one
    where the wanted one cannot be decoded. rgb: width * height * 3 bytes."""

    position: int
    index: int
    rgb: bytes | memoryview


class Decoder(Protocol):
    """Reads frames: one for each of the wanted indices, in their order; fewer only where none can stand in.

    on_progress is called at least whenever some frames were decoded. warn takes what the user should know.
    Raises VideoError(kind "undecodable") where no frame at all can be decoded.
    """

    def __call__(
        self,
        video: ScannedVideo,
        wanted: Wanted,
        *,
        on_progress: Callable[[], None],
        warn: Callable[[str], None],
    ) -> Iterator[DecodedFrame]: ...


def find_decoder(name: OneDecoder) -> Decoder:
    """The decoder of that name, imported now."""
    return cast(Decoder, import_module(f"{__name__}.{MODULES[name]}").decode)


def matched(
    frames: Iterable[tuple[int, _Frame]], wanted: Sequence[int], times: Sequence[float]
) -> Iterator[tuple[int, int, _Frame]]:
    """Pair wanted indices with decoded frames: (position in `wanted`, index of the frame, frame) for each, in order.

    frames: what could be decoded; one that comes after a frame shown later is passed over. A wanted frame that is not
    among them is answered by the one nearest to it in time; the index of that one goes with it, so no picture passes
    for another one.
    """
    position = 0
    before: tuple[int, _Frame] | None = None
    for index, frame in frames:
        if before is not None and index <= before[0]:
            continue
        while position < len(wanted) and wanted[position] <= index:
            asked = times[wanted[position]]
            if before is not None and asked - times[before[0]] < times[index] - asked:
                yield position, *before
            else:
                yield position, index, frame
            position += 1
        if position == len(wanted):
            return
        before = index, frame
    while before is not None and position < len(wanted):
        yield position, *before
        position += 1
