"""Which frames a span of seconds holds, and the ffmpeg streams that give exactly those, with the sound beside them.

A frame belongs to a span where its time t satisfies start <= t < end; a span without any has the frame on show at its
start. All times are seconds from the start of the file.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vexcli.outputs.encoding import VARIABLE_RATE_TICKS, FileArgument, VideoEncoder, even_rate, uneven_rate
from videoexpert.ffmpeg import INPUT_OPTIONS
from videoexpert.timeline import Span

if TYPE_CHECKING:
    import numpy as np

    from videoexpert.video import VideoInfo, VideoReader

SNAP = 0.0005
"""A time this close to a frame's means that frame: times are often rounded to milliseconds."""

PAUSE = 1.0
"""Where no frame comes for longer than this (a screen recording), the picture stands still and is shown meanwhile."""

_EVEN = 0.0015
"""How far, in seconds, frames of an even rate may lie off it: Matroska rounds times to milliseconds."""

PREROLL = 1.0
"""Seconds by which to start reading before a key frame where an index does not lead to it."""

_INDEXED = {"mov", "mp4", "matroska", "webm"}
_SEARCHED = {"mpegts", "mpeg", "flv", "asf"}


@dataclass(frozen=True, slots=True)
class Footage:
    """A video to cut from. times [n]: when each frame is shown, rising. keys [k]: the times of the key frames."""

    info: "VideoInfo"
    times: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    keys: "np.ndarray[tuple[int], np.dtype[np.float64]]"

    @property
    def step(self) -> float:
        """The usual time from one frame to the next, seconds, > 0."""
        import numpy as np

        if len(self.times) > 1:
            return max(float(np.median(np.diff(self.times))), 1e-4)
        return float(1 / self.info.fps)

    def seek_time(self, first: int) -> float | None:
        """Where to start reading so that frame `first` is decoded rightly; None for the start of the file."""
        kinds = set(self.info.container.split(","))
        if self.info.approximate_times or not kinds & (_INDEXED | _SEARCHED):
            return None
        if kinds & _SEARCHED:
            time: float | None = (self.key_before(first) or 0.0) - PREROLL
        elif self.info.has_audio and self.key_before(0) is None:
            # Its start is hidden (it was cut by copying): some versions enter the sound too late, by less than is
            # hidden, so begin one key frame earlier.
            earlier = self.keys[self.keys <= self.times[first] + SNAP]
            time = float(earlier[-2]) if len(earlier) > 1 else None
        else:
            time = self.before(first)
        return time if time is not None and time > 0 else None

    def before(self, index: int) -> float | None:
        """A time between frame `index` and the one before it; None in front of the first and behind the last."""
        if not 0 < index < len(self.times):
            return None
        return float(self.times[index - 1] + self.times[index]) / 2

    def key_before(self, index: int) -> float | None:
        """The time of the last key frame that is not shown after frame `index`; None where the file hides it."""
        earlier = self.keys[self.keys <= self.times[index] + SNAP]
        return float(earlier[-1]) if len(earlier) else None


@dataclass(frozen=True, slots=True)
class Cut:
    """The frames first .. first + count - 1 of a video, shown from `begin` to `end`, which is after `begin`.

    rate: frames per second where they are evenly spaced from begin to end, else None. seek: where to start reading.
    """

    footage: Footage
    first: int
    count: int
    begin: float
    end: float
    rate: Fraction | None
    seek: float | None

    @property
    def duration(self) -> float:
        """Length in seconds, > 0."""
        return self.end - self.begin

    @property
    def last_shown(self) -> float:
        """When the last frame appears, seconds from `begin`."""
        return max(0.0, float(self.footage.times[self.first + self.count - 1]) - self.begin)


def open_footage(path: str, reader: "VideoReader") -> Footage:
    """Read what is needed to cut a video; nothing is decoded. Raises VideoError where it cannot be read."""
    return Footage(reader.probe(path), reader.frame_times(path), reader.keyframe_times(path))


def plan_cut(footage: Footage, span: Span) -> Cut:
    """The frames of a span. The last one is shown until the span ends, or until the next frame where that is sooner."""
    import numpy as np

    times, step = footage.times, footage.step
    snap, pause = min(SNAP, step / 4), max(PAUSE, 1.5 * step)
    first, after = (int(index) for index in np.searchsorted(times, [span.start - snap, span.end - snap]))
    if first >= after or times[first] - span.start > pause:
        first = max(0, int(np.searchsorted(times, span.start + snap, side="right")) - 1)
        after = max(after, first + 1)
    follower = float(times[after]) if after < len(times) else math.inf
    begin = float(times[first])
    if span.start - begin > pause:
        # The picture stands still at the start of the span: it is shown from there on, not from its own time.
        replaced = float(times[first + 1]) if first + 1 < len(times) else footage.info.duration
        begin = min(span.start, replaced - step)
    last_shown = max(float(times[after - 1]), begin)
    end = min(max(span.end, last_shown + step), follower, max(footage.info.duration, last_shown + step))
    count = after - first
    rate = _even_rate(footage, first, count, begin, end)
    if rate is not None:
        end = begin + float(count / rate)
    return Cut(footage, first, count, begin, end, rate, footage.seek_time(first))


def cut_streams(cut: Cut, *, threads: int | None = None, stay: float = 0.0) -> tuple[Any, Any | None]:
    """The picture and the sound of a cut, from time 0 on, for ffmpeg-python; None where the video has no sound.

    The picture is upright, of the size and shape of the source. The sound lasts as long as the cut: silence stands
    where the source has none. threads: how many decode it; as many as there are cores by default. stay: seconds for
    which the last frame is repeated, at about the video's rate.
    """
    import ffmpeg

    options = read_options(cut.footage.info, cut.seek)
    if threads is not None:
        options["threads"] = threads
    source = ffmpeg.input(FileArgument.of(cut.footage.info.path), **options)
    video = _trimmed(source["V:0"], cut)
    if stay:
        video = video.filter("tpad", stop_mode="clone", stop_duration=f"{stay:.6f}")
    return _timed(video, cut), _sound(source["a:0"], cut) if cut.footage.info.has_audio else None


def read_options(info: "VideoInfo", seek: float | None) -> dict[str, Any]:
    """Input options that read a video from `seek` seconds on, or a little before, or from its start."""
    options: dict[str, Any] = dict(INPUT_OPTIONS)
    if seek is not None:
        options |= {"noaccurate_seek": None, "seek_timestamp": 1, "ss": _absolute(info, seek)}
    return options


def cut_timing(cut: Cut, encoder: VideoEncoder) -> dict[str, Any]:
    """Output options with which every frame of a cut keeps its time."""
    if cut.rate is not None:
        return even_rate(cut.rate)
    nominal = Fraction(1 / cut.footage.step).limit_denominator(1001)
    return uneven_rate(encoder, nominal=nominal, last_start=cut.last_shown, end=cut.duration)


def _even_rate(footage: Footage, first: int, count: int, begin: float, end: float) -> Fraction | None:
    """The video's rate, where all frames of a cut lie on it. One frame alone has no rate."""
    import numpy as np

    rate = footage.info.fps
    if count < 2 or rate.numerator > VARIABLE_RATE_TICKS:
        return None
    expected = begin + np.arange(count + 1) / float(rate)
    actual = np.append(footage.times[first : first + count], end)
    return rate if float(np.abs(actual - expected).max()) < _EVEN else None


def _absolute(info: "VideoInfo", time: float) -> str:
    """A time as the container counts it, for ffmpeg."""
    return f"{info.start + time:.6f}"


def _trimmed(video: Any, cut: Cut) -> Any:
    """The frames of the cut alone."""
    if cut.footage.info.approximate_times:
        return video.filter("trim", start_frame=cut.first, end_frame=cut.first + cut.count)
    bounds = {"start": cut.footage.before(cut.first), "end": cut.footage.before(cut.first + cut.count)}
    known = {name: _absolute(cut.footage.info, time) for name, time in bounds.items() if time is not None}
    return video.filter("trim", **known) if known else video


def _timed(video: Any, cut: Cut) -> Any:
    """The frames with their times counted from the cut's begin, in units that hold them exactly."""
    unit = 1 / cut.rate if cut.rate is not None else Fraction(1, VARIABLE_RATE_TICKS)
    time_base = f"{unit.numerator}/{unit.denominator}"
    if not cut.footage.info.approximate_times:
        begin = _absolute(cut.footage.info, cut.begin)
        return video.filter("setpts", f"max(round(PTS-{begin}/TB),0)").filter("settb", time_base)
    times = "N" if cut.rate is not None else "PTS-STARTPTS"
    return video.filter("settb", time_base).filter("setpts", times)


def _sound(audio: Any, cut: Cut) -> Any:
    begin, end = _absolute(cut.footage.info, cut.begin), _absolute(cut.footage.info, cut.end)
    return (
        audio.filter("atrim", start=begin, end=end)
        .filter("asetpts", f"PTS-{begin}/TB")
        .filter("aresample", **{"async": 1, "first_pts": 0})
        .filter("apad")
        # Where the cut has no sound at all, the silence has no times yet.
        .filter("asetpts", "N/SR/TB")
        .filter("atrim", end=f"{cut.duration:.6f}")
        # As many samples at a time as AAC takes: some versions cannot divide the first ones.
        .filter("asetnsamples", n=1024, p=0)
    )
