"""Decode with the ffmpeg program: one pass that picks frames by timestamp and sends them through a pipe as NUT.

NUT carries each frame's timestamp, so a frame that ffmpeg leaves out is missed and no other one takes its place.
Whether ffmpeg covered up damage in a picture cannot be seen from here; what it complains of becomes a warning.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction

import av

from videoexpert import ffmpeg
from videoexpert.errors import FfmpegError
from videoexpert.video import diagnosis, outside
from videoexpert.video.decoders import DecodedFrame, Wanted, matched
from videoexpert.video.scan import ScannedVideo

LONGEST_CHOICE = 500
"""Frames that are named one by one; above that, all frames from the first to the last come through the pipe."""

TERMS = 25
"""Terms of one sum in ffmpeg's expressions."""

SIGN_OF_LIFE = 100
"""Every so many frames one is sent though nobody wants it, so that progress can be seen."""

THREADS = 2


def decode(
    video: ScannedVideo, wanted: Wanted, *, on_progress: Callable[[], None], warn: Callable[[str], None]
) -> Iterator[DecodedFrame]:
    """The wanted frames (see `Decoder`). Reads from the start of the file, whichever frames are wanted.

    Raises ToolMissingError where there is no ffmpeg.
    """
    found = False
    complaints: list[str] = []
    with closing(_frames(video, wanted, on_progress, complaints)) as frames:
        for position, index, rgb in matched(frames, wanted.indices, video.table.times):
            found = True
            yield DecodedFrame(position, index, rgb)
    if not found:
        raise diagnosis.undecodable(complaints[-1] if complaints else f"codec {video.info.codec}")
    if complaints:
        warn(f"ffmpeg complained ({complaints[-1]}): some pictures may be damaged")


def _frames(
    video: ScannedVideo, wanted: Wanted, on_progress: Callable[[], None], complaints: list[str]
) -> Generator[tuple[int, bytes], None, None]:
    """What ffmpeg sends, by rising index. complaints: takes what it says went wrong."""
    running: ffmpeg.RunningFfmpeg | None = None
    try:
        with ffmpeg.start(_arguments(video, wanted), stdout=ffmpeg.PIPE) as running:
            for key, rgb in _received(running, video.time_base):
                on_progress()
                index = video.table.index_of(key)
                if index is not None:
                    yield index, rgb
    except FfmpegError as error:
        complaints.append(error.message)
    finally:
        if running is not None:
            complaints.extend(outside.complaints(running))


def _received(running: ffmpeg.RunningFfmpeg, time_base: Fraction) -> Iterator[tuple[int, bytes]]:
    """Frames as they arrive: (key, RGB rows)."""
    try:
        with av.open(running.stdout, "r", format="nut", metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            scale = (stream.time_base or time_base) / time_base
            for packet in container.demux(stream):
                if packet.size and packet.pts is not None:
                    yield round(packet.pts * scale), bytes(packet)
    except av.error.FFmpegError:
        return


def _arguments(video: ScannedVideo, wanted: Wanted) -> list[str]:
    keys = [video.table.keys[index] for index in wanted.indices]
    filters = [
        # Frames without timestamps are known by their place.
        *(["setpts=N"] if video.table.counted else []),
        f"trim=end_pts={keys[-1] + 1}",
        f"select='{_choice(keys)}+not(mod(n,{SIGN_OF_LIFE}))'",
        f"scale={wanted.size.width}:{wanted.size.height}:flags={wanted.interpolation}",
        "format=rgb24",
    ]
    time_base = f"{video.time_base.numerator}/{video.time_base.denominator}"
    return [
        *("-loglevel", "error", "-threads", str(THREADS)),
        *outside.input_arguments(video.path, autorotate=not video.turned_by_reader),
        *("-map", f"0:{video.stream_index}", "-vf", ",".join(filters), "-fps_mode", "passthrough"),
        *("-enc_time_base", time_base, "-avoid_negative_ts", "disabled"),
        *("-c:v", "rawvideo", "-f", "nut", "pipe:1"),
    ]


def _choice(keys: Sequence[int]) -> str:
    if len(keys) > LONGEST_CHOICE:
        return f"between(pts,{keys[0]},{keys[-1]})"
    # ffmpeg allows sums of about a hundred terms, and sums of sums.
    terms = [f"eq(pts,{key})" for key in keys]
    sums = ["+".join(terms[start : start + TERMS]) for start in range(0, len(terms), TERMS)]
    return "+".join(f"({part})" for part in sums)
