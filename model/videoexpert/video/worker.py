"""The worker process: opens, scans and decodes videos for a reader that can kill it.

It takes requests from stdin and answers on stdout; see `protocol`. It ends when stdin does, or when nobody reads.
"""

import os
import time
from typing import IO

from videoexpert.errors import ToolMissingError, VideoError
from videoexpert.video.decoders import OneDecoder, Wanted, find_decoder
from videoexpert.video.geometry import Size
from videoexpert.video.protocol import (
    Alive,
    DecoderName,
    Failed,
    Finished,
    Opened,
    OpenVideo,
    Picture,
    ReadFrames,
    Reply,
    read_message,
    write_message,
)
from videoexpert.video.scan import ScannedVideo, scan

ALIVE_EVERY = 0.25
"""Seconds of silence after which progress is reported."""

ORDER: dict[DecoderName, tuple[OneDecoder, ...]] = {
    "auto": ("pyav", "ffmpeg"),
    "pyav": ("pyav",),
    "ffmpeg": ("ffmpeg",),
    "decord": ("decord",),
}
"""Decoders to try in turn: the next one only where no frame at all can be decoded."""


class Worker:
    """Answers requests until there are no more; remembers the video that was opened last."""

    def __init__(self, requests: IO[bytes], replies: IO[bytes]) -> None:
        self._requests = requests
        self._replies = replies
        self._last_reply = time.monotonic()
        self._video: ScannedVideo | None = None

    def serve(self) -> None:
        """Answer all requests."""
        while (received := read_message(self._requests)) is not None:
            request = received[0]
            try:
                if isinstance(request, OpenVideo):
                    self._open(request)
                elif isinstance(request, ReadFrames):
                    self._read(request)
            except VideoError as error:
                self._reply(Failed(error.kind, error.message, error.hint))

    def _open(self, request: OpenVideo) -> None:
        self._video = None
        self._video = video = scan(request.path, on_progress=self._report_progress)
        self._reply(Opened(video.info), video.table.times.tobytes() + video.table.keyframe_times().tobytes())

    def _read(self, request: ReadFrames) -> None:
        warnings: list[str] = []
        first, *others = ORDER[request.decoder]
        decoder = first
        try:
            self._send_frames(first, request, warnings)
        except VideoError as error:
            if not others or error.kind != "undecodable":
                raise
            decoder = others[0]
            warnings.append(f"PyAV: {error.message}; read by ffmpeg instead")
            try:
                self._send_frames(decoder, request, warnings)
            except ToolMissingError:
                raise error from None
        self._reply(Finished(decoder, tuple(warnings)))

    def _send_frames(self, decoder: OneDecoder, request: ReadFrames, warnings: list[str]) -> None:
        if self._video is None:
            raise ValueError("frames were asked for before a video was opened")
        wanted = Wanted(request.indices, Size(request.width, request.height), request.interpolation)
        decode = find_decoder(decoder)
        for frame in decode(self._video, wanted, on_progress=self._report_progress, warn=warnings.append):
            self._reply(Picture(frame.position, frame.index), frame.rgb)

    def _report_progress(self) -> None:
        if time.monotonic() - self._last_reply > ALIVE_EVERY:
            self._reply(Alive())

    def _reply(self, reply: Reply, payload: bytes | memoryview = b"") -> None:
        write_message(self._replies, reply, payload)
        self._last_reply = time.monotonic()


def main() -> None:
    """Serve on stdin and stdout. Whatever codecs print goes to stderr, not in between the replies."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with os.fdopen(os.dup(0), "rb") as requests:
        try:
            Worker(requests, replies).serve()
            replies.close()
        except BrokenPipeError:
            # The reader is gone. Closing would try to write what is left.
            os._exit(0)
