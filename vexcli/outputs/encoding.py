"""How a video file is made: which encoder this ffmpeg has, and the file that appears only when it is whole."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from videoexpert.errors import FfmpegError, OutputError, ToolMissingError
from videoexpert.ffmpeg import encoders, file_url, find_ffmpeg, run

Progress = Callable[[float], None]
"""Hears how many seconds of the output are written."""

VARIABLE_RATE_TICKS = 60_000
"""Ticks of a second in files whose frames are not evenly spaced; MPEG-4 Part 2 cannot count more than 65535."""

_TITLE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was asked for. kept: it existed and was left alone. warnings: how it is less than was asked for."""

    path: Path
    kept: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VideoEncoder:
    """An encoder and its options for good quality at good speed. warning: why its files are second best, or None."""

    name: str
    options: Mapping[str, Any] = field(hash=False)
    warning: str | None = None


_ENCODERS = (
    VideoEncoder("libx264", MappingProxyType({"preset": "veryfast", "crf": 20})),
    VideoEncoder(
        "libopenh264",
        MappingProxyType({"rc_mode": "quality", "b:v": "8M", "qmax": 28}),
        "this ffmpeg has no libx264: libopenh264 makes larger files",
    ),
    VideoEncoder(
        "mpeg4",
        MappingProxyType({"q:v": 3, "vtag": "mp4v"}),
        "this ffmpeg has no H.264 encoder: MPEG-4 Part 2 is written, which browsers do not play",
    ),
)


class FileArgument(str):
    """The `file_url` of a path, for ffmpeg-python: it hashes names as UTF-8, and some names are not UTF-8."""

    __slots__ = ()

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> "FileArgument":
        return cls(file_url(path))

    def __str__(self) -> str:
        return ascii(self[:])


def choose_encoder() -> VideoEncoder:
    """The best encoder that ffmpeg has. Raises ToolMissingError where it has none that fits into MP4."""
    program = find_ffmpeg()
    known = encoders(program)
    for encoder in _ENCODERS:
        if encoder.name in known:
            return encoder
    raise ToolMissingError(
        f"{program}: has no encoder for MP4", hint="point VEX_FFMPEG at a full ffmpeg, or pip install imageio-ffmpeg"
    )


def even_rate(rate: Fraction) -> dict[str, Any]:
    """Output options for frames that lie exactly `rate` apart, with a time base of one frame.

    Every frame, the last one too, is given its length: where it is not known, ffmpeg writes none for the last frame
    and players do not show it.
    """
    return {
        "fps_mode": "passthrough",
        "enc_time_base:v": f"{rate.denominator}:{rate.numerator}",
        "bsf:v": r"setts=pts=PTS:dts=DTS:duration=if(N\,DTS-PREV_INDTS\,DURATION)",
    }


def uneven_rate(encoder: VideoEncoder, *, nominal: Fraction, last_start: float, end: float) -> dict[str, Any]:
    """Output options for frames with times of their own. nominal: about how many a second.

    last_start, end: when the last frame starts and how long it is shown, seconds from the first one. Without B-frames
    the packets are in the order of the frames, so that MP4, which stores distances between packets, has their lengths.
    """
    ticks = VARIABLE_RATE_TICKS
    first_tick, length = round(last_start * ticks), max(1, round((end - last_start) * ticks))
    options: dict[str, Any] = {
        "fps_mode": "passthrough",
        "enc_time_base:v": f"1:{ticks}",
        "video_track_timescale": ticks,
        "bf:v": 0,
        "bsf:v": rf"setts=pts=PTS:dts=DTS:duration=if(gte(PTS\,{first_tick})\,{length}\,DURATION)",
    }
    if encoder.name == "libx264":
        # Some versions take the time base for the rate and state a level that players refuse.
        options["x264-params"] = f"fps={nominal.numerator}/{nominal.denominator}"
    return options


def mp4_options(title: str) -> dict[str, Any]:
    """Output options for an MP4 that says its title and keeps nothing that the source says about itself."""
    return {
        "format": "mp4",
        "movflags": "+faststart",
        "map_metadata": -1,
        "map_chapters": -1,
        "metadata": f"title={title[:_TITLE_CHARACTERS]}",
    }


def picture_options(encoder: VideoEncoder) -> dict[str, Any]:
    """Output options for the picture, in the form that every player takes."""
    return {"c:v": encoder.name, **encoder.options, "pix_fmt": "yuv420p"}


def sound_options(wanted: bool) -> dict[str, Any]:
    """Output options for the sound, where there is any."""
    return {"c:a": "aac", "b:a": "128k"} if wanted else {}


def run_graph(
    streams: Sequence[Any],
    target: Path,
    options: Mapping[str, Any],
    *,
    named: Path,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> None:
    """Run the graph that ends in ffmpeg-python's `streams`, into `target`, which exists.

    named: the file that this is for. folder: where ffmpeg runs. Raises FfmpegError where ffmpeg fails, OutputError
    where the disk is full.
    """
    import ffmpeg

    graph = ffmpeg.output(*streams, FileArgument.of(target), **options)
    # Timestamps as the file has them: what counts as the start of a file differs between versions of ffmpeg.
    arguments = ["-copyts", *ffmpeg.get_args(graph, overwrite_output=True)]
    try:
        run(arguments, folder=folder, on_progress=progress)
    except FfmpegError as error:
        if "No space left on device" in error.stderr_tail:
            raise OutputError(f"{named}: no space left on device", hint="free some, or use -o") from error
        raise
    if not target.stat().st_size:
        raise FfmpegError(f"ffmpeg failed: it wrote nothing for {named}")
