"""All frames of a video, in the order in which they are shown: built from its packets, without decoding.

A frame is found again by its key. That is its presentation timestamp where the container stores one; otherwise its
place in the order in which the decoder gives the frames back.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

UNTIMED = frozenset({"h264", "hevc", "m4v", "obu", "mpegvideo"})
"""Containers without any timestamps: whatever FFmpeg reports for them, it made up."""

ORDER_ONLY = frozenset({"avi"})
"""Containers that store decoding times only: with B-frames, presentation times cannot be told from them."""

SEEKABLE = frozenset({"mov", "matroska"})
"""Containers whose index leads to the keyframe asked for; the others are read from the start."""

USUAL_RATE = Fraction(25)
"""Frames a second where a file says nothing about it at all."""


class PacketTimes(NamedTuple):
    """What a packet says of its frame, in units of the stream's time base; None where it says nothing."""

    pts: int | None
    dts: int | None
    duration: int | None
    keyframe: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """What the container says of its times. containers: FFmpeg's names of it. start: its first timestamp, seconds.
    rate: frames a second that it states."""

    containers: frozenset[str]
    time_base: Fraction
    start: Fraction | None
    rate: Fraction | None


@dataclass(frozen=True, slots=True)
class FrameTable:
    """keys, times [n]: rising, n >= 1; times in seconds from the start of the file. keyframes: keys of the packets
    that decoding can start at, hidden ones included. counted: keys are places in the decoder's order, not timestamps.
    start: the container's first timestamp, seconds. last_duration: how long the last frame is shown, seconds, > 0.
    """

    keys: "array[int]"
    times: "array[float]"
    keyframes: "array[int]"
    counted: bool
    seekable: bool
    start: float
    last_duration: float

    @property
    def end(self) -> float:
        """When the last frame disappears, seconds from the start of the file."""
        return self.times[-1] + self.last_duration

    def index_of(self, key: int) -> int | None:
        """The frame with this key, or None."""
        index = bisect_left(self.keys, key)
        return index if index < len(self.keys) and self.keys[index] == key else None

    def keyframe_before(self, key: int) -> int | None:
        """The last keyframe at or before a key, or None."""
        place = bisect_right(self.keyframes, key)
        return self.keyframes[place - 1] if place else None

    def keyframe_times(self) -> "array[float]":
        """When the keyframes that are shown appear, seconds from the start of the file."""
        return array("d", (self.times[index] for index in map(self.index_of, self.keyframes) if index is not None))


@dataclass(slots=True)
class _Columns:
    """What the packets say, in file order. keyframes: their timestamps; keyframe_places: their places."""

    pts: "array[int]" = field(default_factory=lambda: array("q"))
    dts: "array[int]" = field(default_factory=lambda: array("q"))
    keyframes: "array[int]" = field(default_factory=lambda: array("q"))
    keyframe_places: "array[int]" = field(default_factory=lambda: array("q"))
    frames: int = 0
    last: tuple[int, int] = (-(1 << 63), 0)
    """Latest timestamp and the duration that its packet states."""

    def add(self, packet: PacketTimes) -> None:
        if packet.keyframe:
            self.keyframe_places.append(self.frames)
            if packet.pts is not None:
                self.keyframes.append(packet.pts)
        if packet.hidden:
            return
        self.frames += 1
        if packet.dts is not None:
            self.dts.append(packet.dts)
        if packet.pts is not None:
            self.pts.append(packet.pts)
            if packet.pts > self.last[0]:
                self.last = packet.pts, packet.duration or 0


def build_table(packets: Iterable[PacketTimes], timing: Timing) -> FrameTable | None:
    """The table of the frames that `packets` (in file order) show, or None where they show none."""
    columns = _Columns()
    for packet in packets:
        columns.add(packet)
    if columns.frames == 0:
        return None
    # Packets without a timestamp among packets that have one are second fields of interlaced frames, as a rule.
    if timing.containers & (UNTIMED | ORDER_ONLY) or 2 * len(columns.pts) < columns.frames:
        return _counted_table(columns, timing)
    # Frames with the same timestamp cannot be told apart, and only one of them can be seen.
    keys = array("q", dict.fromkeys(sorted(columns.pts)))
    times, start = _seconds(keys, timing)
    return FrameTable(
        keys,
        times,
        keyframes=array("q", sorted(columns.keyframes)),
        counted=False,
        seekable=bool(timing.containers & SEEKABLE),
        start=start,
        last_duration=float(columns.last[1] * timing.time_base) or _usual_gap(times, timing),
    )


def _counted_table(columns: _Columns, timing: Timing) -> FrameTable:
    """Frames known by their order: they take the decoding times in turn, or else follow each other evenly."""
    times, start = array("d"), 0.0
    if not timing.containers & UNTIMED and len(columns.dts) == columns.frames:
        times, start = _seconds(array("q", dict.fromkeys(sorted(columns.dts))), timing)
    if len(times) < columns.frames:
        rate = timing.rate or USUAL_RATE
        times = array("d", (float(place / rate) for place in range(columns.frames)))
    return FrameTable(
        keys=array("q", range(columns.frames)),
        times=times,
        keyframes=columns.keyframe_places,
        counted=True,
        seekable=False,
        start=start,
        last_duration=_usual_gap(times, timing),
    )


def _seconds(ticks: "array[int]", timing: Timing) -> tuple["array[float]", float]:
    """Rising timestamps as seconds from the container's start, and that start; no time is negative."""
    first = ticks[0] * timing.time_base
    start = first if timing.start is None else timing.start
    if start < 0 <= first:
        # The run-in of an audio encoder, which is not played; some versions of FFmpeg count it.
        start = Fraction(0)
    # Containers give their start in whole microseconds: that of a frame is meant where it is less than one away.
    nearest = round(start / timing.time_base) * timing.time_base
    if abs(nearest - start) < Fraction(1, 1_000_000):
        start = nearest
    start = min(start, first)
    offset, numerator, denominator = float(first - start), timing.time_base.numerator, timing.time_base.denominator
    times = array("d", (offset + (tick - ticks[0]) * numerator / denominator for tick in ticks))
    return times, float(start)


def _usual_gap(times: "array[float]", timing: Timing) -> float:
    """Seconds from one frame to the next, on average."""
    if len(times) > 1:
        return (times[-1] - times[0]) / (len(times) - 1)
    return float(1 / (timing.rate or USUAL_RATE))
