"""Decode with PyAV, in the file's own order, jumping forward to a keyframe where that saves decoding.

A frame is taken for the wanted one only if its timestamp says so, and a jump only counts if it arrived where it
should: otherwise the file is read from its start. Frames that were decoded from damaged data are passed over.
"""

from collections.abc import Callable, Iterator, Sequence

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from av.video.stream import VideoStream

from videoexpert.video import diagnosis
from videoexpert.video.decoders import DecodedFrame, Wanted, matched
from videoexpert.video.opening import VideoPacket, opened, packets
from videoexpert.video.scan import ScannedVideo

THREADS = 2
"""Each thread holds a few whole frames: more would break the memory bound on high resolutions."""

UNSPECIFIED_SPACE = 2
"""FFmpeg's number for a colour space that is not stated."""


def decode(
    video: ScannedVideo, wanted: Wanted, *, on_progress: Callable[[], None], warn: Callable[[str], None]
) -> Iterator[DecodedFrame]:
    """The wanted frames (see `Decoder`)."""
    scaler = _Scaler(wanted)
    found = False
    frames = _frames(video, wanted.indices, on_progress)
    for position, index, frame in matched(frames, wanted.indices, video.table.times):
        found = True
        yield DecodedFrame(position, index, _rows(scaler.scaled(frame)))
    if not found:
        raise diagnosis.undecodable(f"codec {video.info.codec}")
    if scaler.guessed_colours:
        warn("its colours are coded in a way that is not supported: they may be off")


class _Scaler:
    """Turns frames into RGB of the wanted size. guessed_colours: whether their own colour space had to be ignored."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._reformatter = VideoReformatter()
        self.guessed_colours = False

    def scaled(self, frame: VideoFrame) -> VideoFrame:
        frame = _progressive(frame)
        try:
            return self._reformat(frame)
        except av.error.FFmpegError:
            self.guessed_colours = True
            frame.colorspace, frame.color_range = UNSPECIFIED_SPACE, ColorRange.UNSPECIFIED
        try:
            return self._reformat(frame)
        except av.error.FFmpegError as error:
            raise diagnosis.undecodable(f"pictures of kind {frame.format.name}") from error

    def _reformat(self, frame: VideoFrame) -> VideoFrame:
        return self._reformatter.reformat(
            frame,
            width=self._wanted.size.width,
            height=self._wanted.size.height,
            format="rgb24",
            interpolation=self._wanted.interpolation.upper(),
            threads=1,
        )


def _rows(picture: VideoFrame) -> bytes | memoryview:
    """The rows of an RGB picture, without the padding between them."""
    plane, width, height = picture.planes[0], picture.width, picture.height
    rows = memoryview(plane)
    if plane.line_size == width * 3:
        return rows[: width * height * 3]
    return b"".join(rows[row * plane.line_size :][: width * 3] for row in range(height))


def _progressive(frame: VideoFrame) -> VideoFrame:
    """The frame, not marked as interlaced: its fields would be resized one by one, and come out as a comb."""
    if not frame.interlaced_frame:
        return frame
    copy = VideoFrame(frame.width, frame.height, frame.format.name)
    copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
    for plane, target in zip(frame.planes, copy.planes, strict=True):
        source, rows = memoryview(plane), memoryview(target)
        length = min(plane.line_size, target.line_size)
        for row in range(plane.height):
            start = row * target.line_size
            rows[start : start + length] = source[row * plane.line_size :][:length]
    return copy


def _frames(
    video: ScannedVideo, wanted: Sequence[int], on_progress: Callable[[], None]
) -> Iterator[tuple[int, VideoFrame]]:
    """Intact frames by rising index: all that are decoded on the way from one of the wanted ones to the next."""
    last = -1
    try:
        for last, frame in _one_pass(video, wanted, on_progress, jump=video.table.seekable):
            yield last, frame
    except _LostError:
        for index, frame in _one_pass(video, wanted, on_progress, jump=False):
            if index > last:
                yield index, frame


class _LostError(Exception):
    """A jump did not arrive at the keyframe that the file's own packets promise, or that is none."""


def _one_pass(
    video: ScannedVideo, wanted: Sequence[int], on_progress: Callable[[], None], *, jump: bool
) -> Iterator[tuple[int, VideoFrame]]:
    table = video.table
    with opened(video.path) as (container, stream):
        decoder = _IntactFrames(_codec(stream), counted=table.counted)
        source = packets(container, stream)
        newest = table.keyframes[0] if table.keyframes else None
        landing: int | None = None
        position = 0
        while position < len(wanted):
            keyframe = table.keyframe_before(table.keys[wanted[position]]) if jump else None
            if keyframe is not None and newest is not None and keyframe > newest:
                packet: VideoPacket | None = _jump(container, stream, keyframe)
                source = packets(container, stream)
                decoder.restart()
                # A keyframe that an edit list hides is decoded but never seen.
                landing = keyframe if table.index_of(keyframe) is not None else None
            else:
                packet = next(source, None)
            on_progress()
            if packet is not None and packet.is_keyframe and packet.pts is not None:
                newest = packet.pts if newest is None else max(newest, packet.pts)
            for key, frame in decoder.decode(packet):
                index = table.index_of(key)
                if index is None:
                    continue
                if landing is not None and key >= landing:
                    if key > landing or not _is_whole(frame):
                        raise _LostError
                    landing = None
                yield index, frame
                while position < len(wanted) and wanted[position] <= index:
                    position += 1
            if packet is None:
                return


def _jump(container: InputContainer, stream: VideoStream, keyframe: int) -> VideoPacket:
    """Go to a keyframe and return its packet."""
    try:
        container.seek(keyframe, stream=stream)
    except av.error.FFmpegError as error:
        raise _LostError from error
    packet = next(packets(container, stream), None)
    if packet is None or packet.pts != keyframe:
        raise _LostError
    return packet


def _codec(stream: VideoStream) -> VideoCodecContext:
    codec = stream.codec_context
    if codec is None:
        raise diagnosis.undecodable("its codec is not supported")
    codec.thread_type = "AUTO"
    codec.thread_count = THREADS
    return codec


def _is_whole(frame: VideoFrame) -> bool:
    """Whether a keyframe needs no other frame. With intra refresh one is only the first of many that complete it."""
    return frame.key_frame and frame.pict_type not in (PictureType.P, PictureType.B)


class _IntactFrames:
    """Decodes packets to (key, frame), leaving out what rests on damaged data: an error spoils all up to the next
    keyframe, even where the codec covers it up."""

    def __init__(self, codec: VideoCodecContext, *, counted: bool) -> None:
        self._codec = codec
        self._counted = counted
        self._place = 0
        self._spoilt = False

    def restart(self) -> None:
        """Forget the damage: decoding goes on at a keyframe."""
        self._spoilt = False

    def decode(self, packet: "VideoPacket | None") -> Iterator[tuple[int, VideoFrame]]:
        """The intact frames that this packet completes; None: those that the codec still holds."""
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:
            self._spoilt = True
            self._place += 1
            return
        for frame in frames:
            self._spoilt = frame.is_corrupt or (self._spoilt and not _is_whole(frame))
            key = self._place if self._counted else frame.pts
            self._place += 1
            if key is not None and not self._spoilt:
                yield key, frame
