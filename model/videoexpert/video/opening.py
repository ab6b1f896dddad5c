"""Open a file with PyAV and choose its picture track. Works inside the worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from videoexpert.ffmpeg import INPUT_OPTIONS, file_url
from videoexpert.video import diagnosis

VideoPacket: TypeAlias = "Packet[VideoStream]"

MOST_PIXELS = 1 << 26
"""Larger pictures (8192 x 8192) are taken for damage: a few of them fill the memory of a machine."""

COVER = 0x0400 | 0x0800
"""Stream dispositions of pictures that are no video: attached pictures (cover art) and timed thumbnails."""


@contextmanager
def opened(path: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The open file and its first video stream that is not cover art.

    Raises VideoError (which does not name the file) where there is none.
    """
    try:
        options = INPUT_OPTIONS | {"max_pixels": str(MOST_PIXELS)}
        container = av.open(file_url(path), options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, OSError) as error:
        raise diagnosis.refusal(path, error) from error
    with container:
        if container.metadata.get("major_brand", "").strip() in diagnosis.STILL_BRANDS:
            raise diagnosis.image()
        streams = [stream for stream in container.streams.video if not stream.disposition.value & COVER]
        if not streams:
            raise diagnosis.no_video() if len(container.streams) else diagnosis.without_streams(path)
        if streams[0].codec_context is not None:
            streams[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        yield container, streams[0]


def packets(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """The stream's packets that hold data, as far as the file can be read.

    A last packet that is cut off is left out: it would decode to a picture that is partly made up.
    """
    demuxed = container.demux(stream)
    held: VideoPacket | None = None
    while True:
        try:
            packet = next(demuxed)
        except (StopIteration, av.error.FFmpegError, IndexError):
            # IndexError: at the end, where streams have appeared that were not there when the file was opened.
            return
        if not packet.size:
            continue
        if held is not None:
            yield held
        held = packet if packet.is_corrupt else None
        if held is None:
            yield packet
