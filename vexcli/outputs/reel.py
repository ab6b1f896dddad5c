"""The reel: cuts from any videos joined into one, all brought to one size, shape, rate and sound.

Each cut is opened by itself and ffmpeg joins them in one run. Many or large ones would take too much memory at once:
they are encoded in several runs, with the sound unpacked, and joined without encoding the picture again.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vexcli.errors import UsageError
from vexcli.outputs.canvas import SAMPLE_RATE, Canvas
from vexcli.outputs.cuts import Cut, cut_streams
from vexcli.outputs.encoding import (
    Progress,
    VideoEncoder,
    Written,
    even_rate,
    mp4_options,
    picture_options,
    run_graph,
    sound_options,
)
from vexcli.outputs.naming import plan_names
from videoexpert.atomic import atomic_path, prepare_folder, temporary_file

if TYPE_CHECKING:
    from videoexpert.video import VideoReader

SUFFIX = ".mp4"

CUTS_PER_RUN = 50
PIXELS_PER_RUN = 24 << 20
"""Limits of one run: how many cuts, and the pixels of one frame of each. Each pixel takes about 16 bytes of memory."""


def reel_path(output: str | None, videos: Sequence[str]) -> Path:
    """Where the reel of these videos goes: the file asked for, or one named after the first video.

    The name is made here also where `output` is a folder. Raises UsageError where it is no name of an MP4 file or is
    one of the videos.
    """
    path = Path(output or ".")
    if path.is_dir():
        return path / f"{plan_names(videos)[videos[0]]}-reel{SUFFIX}"
    if path.suffix.lower() != SUFFIX:
        raise UsageError(f"{path}: a reel is an MP4 file", hint=f"give it a name that ends in {SUFFIX}")
    if path.exists() and any(os.path.samefile(path, video) for video in videos):
        raise UsageError(f"{path}: is one of the videos to join", hint="give the reel another name")
    return path


@dataclass(frozen=True, slots=True)
class ReelWriter:
    """Writes reels of one kind. reader: counts the frames that were written."""

    canvas: Canvas
    encoder: VideoEncoder
    reader: "VideoReader"

    def write(
        self,
        cuts: Sequence[Cut],
        final: Path,
        *,
        title: str,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> Written:
        """Write the cuts (at least one), joined in their order, as an MP4 named `final`; an existing file is kept.

        There is sound where any of the videos has some. Raises FfmpegError where ffmpeg fails and OutputError where
        the file cannot be written.
        """
        if final.exists() and not overwrite:
            return Written(final, kept=True)
        prepare_folder(final.parent)
        sound = any(cut.footage.info.has_audio for cut in cuts)
        with atomic_path(final, overwrite=overwrite) as temporary, ExitStack() as scratch:
            runs = list(_runs(cuts, self.canvas))
            if len(runs) == 1:
                options = picture_options(self.encoder) | even_rate(self.canvas.rate)
                streams = _joined(cuts, self.canvas, sound=sound)
            else:
                pieces = self._encode_pieces(runs, final, scratch, sound=sound, progress=progress)
                options, progress = {"c:v": "copy"}, None
                streams = _read_pieces(pieces, scratch.enter_context(temporary_file(final.parent)), sound=sound)
            options |= mp4_options(title) | sound_options(sound)
            run_graph(streams, temporary, options, named=final, folder=final.parent, progress=progress)
            found = self.reader.probe(temporary).frame_count
        wanted = sum(self.canvas.frames(cut) for cut in cuts)
        return Written(final, warnings=(f"{found} of {wanted} frames could be made",) if found != wanted else ())

    def _encode_pieces(
        self,
        runs: Iterable[Sequence[Cut]],
        final: Path,
        scratch: ExitStack,
        *,
        sound: bool,
        progress: Progress | None,
    ) -> list[tuple[Path, float]]:
        """Encode each group of cuts; returns the files, which `scratch` removes, and how long each is, seconds.

        The sound stays unpacked: packed, every piece would begin with some silence of its own.
        """
        options = {"format": "mov", "map_metadata": -1} | picture_options(self.encoder) | even_rate(self.canvas.rate)
        if sound:
            options["c:a"] = "pcm_s16le"
        pieces: list[tuple[Path, float]] = []
        for cuts in runs:
            piece = scratch.enter_context(temporary_file(final.parent))
            streams = _joined(cuts, self.canvas, sound=sound)
            run_graph(streams, piece, options, named=final, progress=_after(pieces, progress))
            pieces.append((piece, float(sum(self.canvas.frames(cut) for cut in cuts) / self.canvas.rate)))
        return pieces


def _runs(cuts: Iterable[Cut], canvas: Canvas) -> Iterator[list[Cut]]:
    """The cuts in groups that one run of ffmpeg can hold.

    Cuts that are read from the start of one file share its decoder. That works in time order only: frames for a later
    part of the reel would pile up in memory.
    """
    group: list[Cut] = []
    pixels = 0
    for cut in cuts:
        size = max(cut.footage.info.width * cut.footage.info.height, canvas.width * canvas.height)
        backwards = any(_same_input(other, cut) and other.begin > cut.begin for other in group)
        if group and (len(group) == CUTS_PER_RUN or pixels + size > PIXELS_PER_RUN or backwards):
            yield group
            group, pixels = [], 0
        group.append(cut)
        pixels += size
    yield group


def _same_input(one: Cut, other: Cut) -> bool:
    return one.seek is None and other.seek is None and one.footage.info.path == other.footage.info.path


def _joined(cuts: Sequence[Cut], canvas: Canvas, *, sound: bool) -> list[Any]:
    """ffmpeg-python's streams of the cuts in turn: the picture, and the sound where wanted."""
    import ffmpeg

    streams: list[Any] = []
    frames = 0
    for index, cut in enumerate(cuts):
        count = canvas.frames(cut)
        # Two frames more than are shown: at another rate the very last one can get lost.
        stay = cut.duration - cut.last_shown + float(2 / canvas.rate) if cut.rate != canvas.rate else 0.0
        video, audio = cut_streams(cut, threads=2, stay=stay)
        streams.append(_picture(video, cut, canvas, count))
        if sound:
            # Counted from the start, so that rounding to whole samples does not add up.
            samples = canvas.samples(frames + count) - canvas.samples(frames)
            streams.append(_sound(audio if audio is not None else _silence(index), samples))
        frames += count
    joined = ffmpeg.concat(*streams, v=1, a=int(sound)).node
    if sound:
        return [joined[0], joined[1]]
    # Without sound, which says how long a part is, the filter has to guess where the next one begins.
    return [joined[0].filter("settb", _text(1 / canvas.rate)).filter("setpts", "N")]


def _picture(video: Any, cut: Cut, canvas: Canvas, count: int) -> Any:
    """`count` frames of the canvas, fewer where frames are damaged: the picture in its own shape, bars beside it."""
    width, height = canvas.fit(cut.footage.info.width, cut.footage.info.height)
    shaped = (
        video.filter("scale", width, height)
        .filter("pad", canvas.width, canvas.height, "(ow-iw)/2", "(oh-ih)/2")
        .filter("setsar", "1")
        .filter("format", "yuv420p")
    )
    if cut.rate == canvas.rate:
        return shaped
    return shaped.filter("fps", _text(canvas.rate)).filter("trim", end_frame=count)


def _sound(audio: Any, samples: int) -> Any:
    """Exactly so many samples of stereo; silence where the cut is shorter."""
    return (
        audio.filter("aformat", sample_rates=SAMPLE_RATE, channel_layouts="stereo")
        .filter("apad")
        .filter("asetpts", "N/SR/TB")
        .filter("atrim", end_sample=samples)
    )


def _silence(index: int) -> Any:
    """Silence without end. index: tells it apart from other silence, which ffmpeg-python would take for the same."""
    import ffmpeg

    return ffmpeg.input(f"anullsrc@{index}=r={SAMPLE_RATE}:cl=stereo", format="lavfi")


def _read_pieces(pieces: Sequence[tuple[Path, float]], listing: Path, *, sound: bool) -> list[Any]:
    """ffmpeg-python's streams of the pieces in turn, for a run in their folder. listing: a file to name them in."""
    import ffmpeg

    # Names alone, which this program made: that of their folder may hold anything.
    lines = [f"file '{piece.name}'\nduration {seconds:.6f}\n" for piece, seconds in pieces]
    listing.write_text("ffconcat version 1.0\n" + "".join(lines), encoding="ascii")
    whitelists = {"protocol_whitelist": "file", "format_whitelist": "concat,mov"}
    source = ffmpeg.input(f"file:{listing.name}", format="concat", safe=0, **whitelists)
    return [source["V:0"], source["a:0"]] if sound else [source["V:0"]]


def _after(pieces: Sequence[tuple[Path, float]], progress: Progress | None) -> Progress | None:
    """Progress of the piece that follows those that are done."""
    if progress is None:
        return None
    done = sum(seconds for _, seconds in pieces)
    return lambda seconds: progress(done + seconds)


def _text(fraction: Fraction) -> str:
    return f"{fraction.numerator}/{fraction.denominator}"
