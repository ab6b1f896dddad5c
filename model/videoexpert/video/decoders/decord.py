"""Decode with decord, where it is asked for by name.

decord knows frames by their place among the packets and gives no timestamp with a picture, so nothing here can check
that a picture is the one asked for. It is known to give others for open-GOP and HEVC files, AVI, MPEG-TS and files
with edit lists, and now and then on a busy machine: every result carries a warning.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import decord
import numpy as np
from numpy.typing import NDArray

from videoexpert.video import diagnosis
from videoexpert.video.decoders import DecodedFrame, Wanted, matched
from videoexpert.video.scan import ScannedVideo

THREADS = 2


def decode(
    video: ScannedVideo, wanted: Wanted, *, on_progress: Callable[[], None], warn: Callable[[str], None]
) -> Iterator[DecodedFrame]:
    """The wanted frames (see `Decoder`), as far as decord goes by its own count."""
    rotation = video.info.rotation
    upright = wanted.size.turned(rotation)
    try:
        reader = decord.VideoReader(
            video.path, ctx=decord.cpu(0), width=upright.width, height=upright.height, num_threads=THREADS
        )
    except (decord.DECORDError, RuntimeError, UnicodeError) as error:
        raise diagnosis.undecodable("decord cannot open it") from error
    if len(reader) != len(video.table.keys):
        warn(f"decord counts {len(reader)} frames where {len(video.table.keys)} are shown: its pictures are shifted")
    warn("read by decord, whose pictures cannot be checked: they may be neighbours of the frames asked for")
    found = False
    frames = _pictures(reader, wanted.indices, on_progress)
    for position, index, picture in matched(frames, wanted.indices, video.table.times):
        found = True
        # decord turned the picture itself, and the reader will turn it again.
        yield DecodedFrame(position, index, np.rot90(picture, rotation // 90).tobytes())
    if not found:
        raise diagnosis.undecodable("decord cannot read it")


def _pictures(
    reader: Any, wanted: Sequence[int], on_progress: Callable[[], None]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Pictures up to the first that decord cannot give."""
    for index in wanted:
        try:
            picture = reader[index].asnumpy()
        except (decord.DECORDError, RuntimeError, IndexError):
            return
        on_progress()
        yield index, picture
