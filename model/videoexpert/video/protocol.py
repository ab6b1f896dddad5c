"""What the reader and its worker process say to each other: typed messages, each with bytes that may go along.

On the wire a message is two lengths, then a JSON header (ASCII), then the bytes. Nothing is unpickled.
"""

import json
import struct
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from typing import IO, Any, Literal

from videoexpert.errors import VideoErrorKind
from videoexpert.video.info import VideoInfo

DecoderName = Literal["auto", "pyav", "ffmpeg", "decord"]
"""`auto` is PyAV, or the ffmpeg program where PyAV finds no frame that it can decode (a warning says so)."""

Interpolation = Literal["area", "bicubic"]
"""How pictures are resized."""

_LENGTHS = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class OpenVideo:
    """Request: what is in this file? path: absolute. Answered by Opened or Failed."""

    path: str


@dataclass(frozen=True, slots=True)
class ReadFrames:
    """Request: frames of the video that was opened last. Answered by Pictures, then Finished; or by Failed.

    indices: rising, counted over the frames as shown. width, height: pixels before the rotation.
    """

    indices: tuple[int, ...]
    width: int
    height: int
    interpolation: Interpolation
    decoder: DecoderName


@dataclass(frozen=True, slots=True)
class Alive:
    """Reply: work goes on, though there is nothing to show for it yet."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Reply: what the file is. Its bytes, float64 in native order: the times of all frames, then those of the
    keyframes among them."""

    info: VideoInfo


@dataclass(frozen=True, slots=True)
class Picture:
    """Reply: one frame. Its bytes: RGB, row by row, before the rotation.

    position: which of the wanted indices it answers. index: the frame that it shows, which is another one than was
    wanted where that one cannot be decoded.
    """

    position: int
    index: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Reply: all that could be read was sent. Warnings do not name the file."""

    decoder: DecoderName
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """Reply: the video cannot be used. text: what is wrong, without the file's name."""

    kind: VideoErrorKind
    text: str
    hint: str | None


Request = OpenVideo | ReadFrames
Reply = Alive | Opened | Picture | Finished | Failed
Message = Request | Reply

_TYPES: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (OpenVideo, ReadFrames, Alive, Opened, Picture, Finished, Failed)
}


def write_message(stream: IO[bytes], message: Message, payload: bytes | memoryview = b"") -> None:
    """Write one message and send it off. Raises BrokenPipeError where nobody listens any more."""
    header = json.dumps({"type": type(message).__name__, **asdict(message)}, default=str).encode("ascii")
    stream.write(_LENGTHS.pack(len(header), len(payload)))
    stream.write(header)
    stream.write(payload)
    stream.flush()


def read_message(stream: IO[bytes]) -> tuple[Message, bytes] | None:
    """The next message and its bytes, or None where the other side has ended."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    header_length, payload_length = _LENGTHS.unpack(lengths)
    header, payload = stream.read(header_length), stream.read(payload_length)
    if len(header) < header_length or len(payload) < payload_length:
        return None
    return _message(json.loads(header)), payload


def _message(header: dict[str, Any]) -> Message:
    kind = _TYPES[header.pop("type")]
    if kind is Opened:
        return Opened(_info(header["info"]))
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in header.items()
    }
    return kind(**values)


def _info(values: dict[str, Any]) -> VideoInfo:
    for field in fields(VideoInfo):
        if field.type is Fraction:
            values[field.name] = Fraction(values[field.name])
    return VideoInfo(**{**values, "warnings": tuple(values["warnings"])})
