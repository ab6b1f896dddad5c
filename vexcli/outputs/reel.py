"""The reel: cuts from any videos joined into one, all brought to one size, shape, rate and sound.

Each cut is opened by itself and ffmpeg joins them in one run. Many or large ones would take too much memory at once:
they are encoded in several runs, with the sound unpacked, and joined without encoding the picture again.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

from vexcli.errors import UsageError
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

SUFFIX = ".mp4"

SAMPLE_RATE = 48_000
"""Samples of sound a second, in stereo."""

CUTS_PER_RUN = 50
PIXELS_PER_RUN = 24 << 20
"""Limits of one run: how many cuts, and the pixels of one frame of each. Each pixel takes about 16 bytes of memory."""

_USUAL_RATES = tuple(Fraction(*rate) for rate in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1)))
_HIGHEST_RATE = Fraction(60)


@dataclass(frozen=True, slots=True)
class Canvas:
    """What every frame of a reel is like. width, height: pixels, even; rate: frames a second."""

    width: int
    height: int
    rate: Fraction

    def __post_init__(self) -> None:
        if self.width < 2 or self.height < 2 or self.width % 2 or self.height % 2:
            raise ValueError(f"a reel needs even sizes, got {self.width}x{self.height}")
        if not 0 < self.rate <= 1000:
            raise ValueError(f"a reel's rate must be above 0 and at most 1000 frames a second, got {self.rate}")

    def frames(self, cut: Cut) -> int:
        """How many frames a cut has at this rate, at least one."""
        return max(1, round(Fraction(cut.duration) * self.rate))

    def starts(self, cuts: Iterable[Cut]) -> list[float]:
        """When each cut begins in the reel, seconds."""
        frames = accumulate((self.frames(cut) for cut in cuts), initial=0)
        return [float(count / self.rate) for count in frames][:-1]

    def samples(self, frames: int) -> int:
        """How much sound goes with so many frames."""
        return round(frames / self.rate * SAMPLE_RATE)

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The largest even size inside the canvas that has the shape of `width` x `height`."""
        scale = min(Fraction(self.width, width), Fraction(self.height, height))
        return min(self.width, _even(width * scale)), min(self.height, _even(height * scale))


def choose_canvas(cuts: Sequence[Cut], *, size: tuple[int, int] | None = None, rate: Fraction | None = None) -> Canvas:
    """The size that most seconds of the cuts have, so that few are scaled; the highest rate, up to 60, so that no
    frame is dropped. size, rate: what the user wants instead."""
    seconds: dict[tuple[int, int], float] = {}
    for cut in cuts:
        shown = cut.footage.info.width, cut.footage.info.height
        seconds[shown] = seconds.get(shown, 0.0) + cut.duration
    width, height = size or max(seconds, key=lambda shown: seconds[shown])
    fastest = max(_rate(cut) for cut in cuts)
    return Canvas(_even(width), _even(height), rate or min(fastest, _HIGHEST_RATE))


def reel_path(output: str | None, videos: Sequence[str]) -> Path:
    """Where the reel of these videos goes: the file asked for, or one named after the first video.

    The name is made here also where `output` is a folder. Raises UsageError where it is no name of an MP4 file or is
    one of the videos.
    """
    folder = Path(output or ".")
    if output is None or folder.is_dir():
        return folder / f"{plan_names(videos)[videos[0]]}-reel{SUFFIX}"
    if folder.suffix.lower() != SUFFIX:
        raise UsageError(f"{output}: a reel is an MP4 file", hint=f"give it a name that ends in {SUFFIX}")
    if folder.exists() and any(os.path.samefile(output, video) for video in videos):
        raise UsageError(f"{output}: is one of the videos to join", hint="give the reel another name")
    return folder


def write_reel(
    cuts: Sequence[Cut],
    final: Path,
    *,
    canvas: Canvas,
    title: str,
    encoder: VideoEncoder,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the cuts (at least one), joined in their order, as an MP4 named `final`; an existing file is kept.

    There is sound where any of the videos has some. Raises FfmpegError where ffmpeg fails and OutputError where the
    file cannot be written.
    """
    if final.exists() and not overwrite:
        return Written(final, kept=True)
    sound = any(cut.footage.info.has_audio for cut in cuts)
    runs = list(_runs(cuts))
    prepare_folder(final.parent)
    with atomic_path(final, overwrite=overwrite) as temporary:
        if len(runs) == 1:
            codecs = picture_options(encoder) | sound_options(sound)
            options = mp4_options(title) | codecs | even_rate(canvas.rate)
            run_graph(_joined(cuts, canvas, sound=sound), temporary, options, progress=progress, named=final)
        else:
            with ExitStack() as scratch:
                pieces = _encode_pieces(runs, scratch, canvas, encoder, sound=sound, progress=progress, named=final)
                listing = scratch.enter_context(temporary_file(final.parent))
                options = mp4_options(title) | {"c:v": "copy"} | sound_options(sound)
                _join_pieces(pieces, listing, temporary, options, sound=sound, named=final)
    return Written(final)


def _runs(cuts: Iterable[Cut]) -> Iterator[list[Cut]]:
    """The cuts in groups that one run of ffmpeg can hold.

    Cuts that are read from the start of one file share its decoder. That works in time order only: frames for a later
    part of the reel would pile up in memory.
    """
    group: list[Cut] = []
    pixels = 0
    for cut in cuts:
        size = cut.footage.info.stored_width * cut.footage.info.stored_height
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
        video, audio = cut_streams(cut, threads=2)
        count = canvas.frames(cut)
        streams.append(_picture(video, cut, canvas, count))
        if sound:
            # Counted from the start, so that rounding to whole samples does not add up.
            samples = canvas.samples(frames + count) - canvas.samples(frames)
            streams.append(_sound(audio if audio is not None else _silence(index), samples))
        frames += count
    joined = ffmpeg.concat(*streams, v=1, a=int(sound)).node
    return [joined[index] for index in range(1 + sound)]


def _picture(video: Any, cut: Cut, canvas: Canvas, count: int) -> Any:
    """Exactly `count` frames of the canvas: the picture in its own shape, with bars where it leaves room."""
    width, height = canvas.fit(cut.footage.info.width, cut.footage.info.height)
    return (
        video.filter("scale", width, height)
        .filter("pad", canvas.width, canvas.height, "(ow-iw)/2", "(oh-ih)/2")
        .filter("setsar", "1")
        .filter("fps", f"{canvas.rate.numerator}/{canvas.rate.denominator}")
        .filter("format", "yuv420p")
        .filter("tpad", stop=-1, stop_mode="clone")
        .filter("trim", end_frame=count)
        .filter("setpts", "PTS-STARTPTS")
    )


def _sound(audio: Any, samples: int) -> Any:
    """Exactly so many samples of stereo; silence where the cut is shorter."""
    return (
        audio.filter("aformat", sample_rates=SAMPLE_RATE, channel_layouts="stereo")
        .filter("apad")
        .filter("atrim", end_sample=samples)
        .filter("asetpts", "PTS-STARTPTS")
    )


def _silence(index: int) -> Any:
    """Silence without end. index: tells it apart from other silence, which ffmpeg-python would take for the same."""
    import ffmpeg

    return ffmpeg.input(f"anullsrc@{index}=r={SAMPLE_RATE}:cl=stereo", format="lavfi")


def _encode_pieces(
    runs: Sequence[Sequence[Cut]],
    scratch: ExitStack,
    canvas: Canvas,
    encoder: VideoEncoder,
    *,
    sound: bool,
    progress: Progress | None,
    named: Path,
) -> list[tuple[Path, float]]:
    """Encode each group of cuts; returns the files, which live as long as `scratch`, and how long each is, seconds.

    The sound stays unpacked: packed, every piece would begin with some silence of its own.
    """
    options = {"format": "mov", "map_metadata": -1} | picture_options(encoder) | even_rate(canvas.rate)
    if sound:
        options["c:a"] = "pcm_s16le"
    pieces: list[tuple[Path, float]] = []
    for cuts in runs:
        piece = scratch.enter_context(temporary_file(named.parent))
        streams = _joined(cuts, canvas, sound=sound)
        run_graph(streams, piece, options, progress=_after(pieces, progress), named=named)
        pieces.append((piece, float(sum(canvas.frames(cut) for cut in cuts) / canvas.rate)))
    return pieces


def _join_pieces(
    pieces: Sequence[tuple[Path, float]],
    listing: Path,
    target: Path,
    options: Mapping[str, Any],
    *,
    sound: bool,
    named: Path,
) -> None:
    """Put the pieces one after the other; only the sound is encoded."""
    import ffmpeg

    # Names alone, which this program made: ffmpeg runs in their folder, whose name may hold anything.
    lines = [f"file '{piece.name}'\nduration {seconds:.6f}\n" for piece, seconds in pieces]
    listing.write_text("ffconcat version 1.0\n" + "".join(lines), encoding="ascii")
    whitelists = {"protocol_whitelist": "file", "format_whitelist": "concat,mov"}
    source = ffmpeg.input(f"file:{listing.name}", format="concat", safe=0, **whitelists)
    streams = [source["V:0"], source["a:0"]] if sound else [source["V:0"]]
    run_graph(streams, target, options, named=named, folder=listing.parent)


def _after(pieces: Sequence[tuple[Path, float]], progress: Progress | None) -> Progress | None:
    """Progress of the piece that follows those that are done."""
    if progress is None:
        return None
    done = sum(seconds for _, seconds in pieces)
    return lambda seconds: progress(done + seconds)


def _rate(cut: Cut) -> Fraction:
    """The rate of a cut's video; of one that varies, the usual rate nearest to its usual distance of frames."""
    info = cut.footage.info
    if not info.variable_frame_rate:
        return info.fps
    usual = 1 / cut.footage.step
    return min((*_USUAL_RATES, _HIGHEST_RATE), key=lambda rate: abs(float(rate) - usual))


def _even(pixels: float | Fraction) -> int:
    return max(2, 2 * round(pixels / 2))
