"""Look through a file once, without decoding more than its first frame: what it is, and when each frame is shown.

Works inside the worker.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from videoexpert.errors import ToolMissingError
from videoexpert.video import diagnosis
from videoexpert.video.geometry import Size, plausible_sar, shown_size
from videoexpert.video.info import Rotation, VideoInfo
from videoexpert.video.opening import VideoPacket, opened, packets
from videoexpert.video.outside import first_picture
from videoexpert.video.rate import average_rate, is_variable, largest_gap
from videoexpert.video.table import FrameTable, PacketTimes, Timing, build_table

COMPLETE = Fraction(95, 100)
"""A file is whole where its frames cover this part of the duration that its header states."""

FIRST_FRAME_TRIES = 300
"""Packets to decode in search of the first frame; an edit list may hide the start of a GOP."""

_TURNS: dict[int, Rotation] = {0: 0, 1: 90, 2: 180, 3: 270}


@dataclass(frozen=True, slots=True)
class ScannedVideo:
    """A file that was looked through. path: absolute. stream_index, time_base: of its picture track.

    turned_by_reader: whether the pictures are wanted as stored; otherwise ffmpeg alone knows how they are to be turned.
    """

    path: str
    stream_index: int
    time_base: Fraction
    table: FrameTable
    info: VideoInfo
    turned_by_reader: bool


def scan(path: str, *, on_progress: Callable[[], None]) -> ScannedVideo:
    """Scan the file at an absolute path. Raises VideoError (which does not name the file) where it is no video."""
    with opened(path) as (container, stream):
        timing = Timing(
            containers=frozenset(container.format.name.split(",")),
            time_base=_required(stream.time_base),
            start=None if container.start_time is None else Fraction(container.start_time, av.time_base),
            rate=next(iter(_stated_rates(stream)), None),
        )
        first = _FirstFrame(stream)
        table = build_table(_packet_times(packets(container, stream), first, on_progress), timing)
        if table is None:
            raise diagnosis.data_missing(stream.frames) if stream.frames else diagnosis.no_frames()
        look = _look(path, stream, first.frame())
        info = _describe(path, container, stream, table, look)
        return ScannedVideo(path, stream.index, timing.time_base, table, info, stream.codec_context is not None)


@dataclass(frozen=True, slots=True)
class _Look:
    """What pictures look like: their stored size, the shape of their pixels, and the turn for showing them."""

    stored: Size
    sar: Fraction
    rotation: Rotation
    warnings: tuple[str, ...] = ()


class _FirstFrame:
    """Decodes a stream until its first frame is there: only a frame tells its rotation and true size."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context
        self._tries_left = FIRST_FRAME_TRIES if self._codec is not None else 0
        self._started = False
        self._frame: VideoFrame | None = None
        if self._codec is not None:
            self._codec.thread_count = 1

    def feed(self, packet: VideoPacket) -> None:
        self._started |= packet.is_keyframe
        if self._frame is None and self._started and self._tries_left:
            self._tries_left -= 1
            self._decode(packet)

    def frame(self) -> VideoFrame | None:
        """The first frame, or None where none of the packets tried gives one."""
        if self._frame is None and self._tries_left:
            self._decode(None)
        return self._frame

    def _decode(self, packet: "VideoPacket | None") -> None:
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:
            return
        if frames:
            self._frame = frames[0]


def _packet_times(
    source: Iterator[VideoPacket], first: _FirstFrame, on_progress: Callable[[], None]
) -> Iterator[PacketTimes]:
    for packet in source:
        on_progress()
        first.feed(packet)
        yield PacketTimes(packet.pts, packet.dts, packet.duration, packet.is_keyframe, packet.is_discard)


def _look(path: str, stream: VideoStream, first: VideoFrame | None) -> _Look:
    codec = stream.codec_context
    if codec is None:
        return _look_from_outside(path, stream.index)
    sar = plausible_sar(stream.sample_aspect_ratio)
    if first is not None:
        return _Look(Size(first.width, first.height), sar, _TURNS[round(-first.rotation / 90) % 4])
    if not codec.width or not codec.height:
        raise diagnosis.undecodable("its pictures have no size, or are larger than 8192x8192")
    tried = f"none of its first {FIRST_FRAME_TRIES} frames can be decoded"
    return _Look(Size(codec.width, codec.height), sar, 0, (tried,))


def _look_from_outside(path: str, stream_index: int) -> _Look:
    try:
        shown = first_picture(path, stream_index)
    except ToolMissingError as error:
        raise diagnosis.undecodable("PyAV has no decoder for it, and ffmpeg is not installed") from error
    if shown is None:
        raise diagnosis.undecodable("neither PyAV nor ffmpeg has a decoder for it")
    return _Look(shown.size, shown.sar, 0)


def _describe(path: str, container: InputContainer, stream: VideoStream, table: FrameTable, look: _Look) -> VideoInfo:
    codec = stream.codec_context
    shown = shown_size(look.stored, sar=look.sar, rotation=look.rotation)
    rate = average_rate(table.times, table.last_duration, stated=_stated_rates(stream))
    return VideoInfo(
        path=path,
        container=container.format.name,
        codec=codec.codec.canonical_name if codec is not None else "unknown",
        duration=table.end,
        start=table.start,
        frame_count=len(table.keys),
        fps=rate,
        variable_frame_rate=is_variable(table.times),
        width=shown.width,
        height=shown.height,
        stored_width=look.stored.width,
        stored_height=look.stored.height,
        rotation=look.rotation,
        sar=look.sar,
        largest_keyframe_gap=largest_gap(table.keyframe_times(), first=table.times[0], end=table.end),
        has_audio=len(container.streams.audio) > 0,
        approximate_times=table.counted,
        warnings=(*look.warnings, *_missing_end(container, stream, table)),
    )


def _missing_end(container: InputContainer, stream: VideoStream, table: FrameTable) -> Iterator[str]:
    begin, declared = table.start + table.times[0], _declared_end(container, stream)
    readable = table.end - table.times[0]
    if declared is not None and readable < COMPLETE * (declared - begin):
        yield f"only the first {readable:.1f} of {declared - begin:.1f} s can be read"


def _declared_end(container: InputContainer, stream: VideoStream) -> float | None:
    """When the picture track should end by what its header says, on the container's own clock, seconds."""
    if stream.duration is not None and stream.time_base is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    tag = stream.metadata.get("DURATION", "")
    parts = tag.split(":")
    if len(parts) == 3 and all(part.replace(".", "", 1).isdecimal() for part in parts):
        return int(parts[0]) * 3600 + int(parts[1]) * 60 + float(parts[2])
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / av.time_base
    return None


def _stated_rates(stream: VideoStream) -> list[Fraction]:
    rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
    return [rate for rate in rates if rate is not None and rate > 0]


def _required(time_base: Fraction | None) -> Fraction:
    if not time_base:
        raise diagnosis.undecodable("it has no time base")
    return time_base
