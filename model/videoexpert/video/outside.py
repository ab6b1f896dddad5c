"""What the ffmpeg program shows of a stream whose codec PyAV does not have. Works inside the worker."""

import re
from dataclasses import dataclass
from fractions import Fraction

import av

from videoexpert import ffmpeg
from videoexpert.errors import FfmpegError
from videoexpert.video.geometry import Size, plausible_sar
from videoexpert.video.opening import MOST_PIXELS


@dataclass(frozen=True, slots=True)
class Shown:
    """The first picture of a stream as ffmpeg gives it, which is upright: its size and the shape of its pixels."""

    size: Size
    sar: Fraction


def input_arguments(path: str, *, autorotate: bool) -> list[str]:
    """Arguments that name an input file, its timestamps kept as they are."""
    options = [part for name, value in ffmpeg.INPUT_OPTIONS.items() for part in (f"-{name}", value)]
    options += ["-max_pixels", str(MOST_PIXELS)]
    return [*options, "-copyts", "-autorotate" if autorotate else "-noautorotate", "-i", ffmpeg.file_url(path)]


def complaints(running: ffmpeg.RunningFfmpeg) -> list[str]:
    """What ffmpeg itself said went wrong, without its name and address for the part that speaks; not what codec
    libraries chat about."""
    spoken = (re.match(r"(?:\[[^\]]* @ 0x[0-9a-f]+\] )+(.*)", line) for line in running.last_lines())
    return [match.group(1) for match in spoken if match is not None]


def first_picture(path: str, stream_index: int) -> Shown | None:
    """The first picture of a stream, or None where ffmpeg cannot decode it either.

    Raises ToolMissingError where there is no ffmpeg.
    """
    output = ["-map", f"0:{stream_index}", "-frames:v", "1", "-c:v", "rawvideo", "-f", "nut", "pipe:1"]
    arguments = ["-loglevel", "error", *input_arguments(path, autorotate=True), *output]
    try:
        with (
            ffmpeg.start(arguments, stdout=ffmpeg.PIPE) as running,
            av.open(running.stdout, "r", format="nut", metadata_errors="ignore") as container,
        ):
            stream = container.streams.video[0]
            size, sar = Size(stream.width, stream.height), plausible_sar(stream.sample_aspect_ratio)
            for _ in container.demux(stream):
                pass
            return Shown(size, sar)
    except (FfmpegError, av.error.FFmpegError):
        return None
