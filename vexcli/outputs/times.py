"""Seconds as files count them: whole milliseconds, whole frames, SMPTE timecode. All rounding of output is here."""

from dataclasses import dataclass
from fractions import Fraction

from videoexpert.timeline import Span

_NTSC_BASES = (24, 30, 48, 60, 120)
_NTSC_TOLERANCE = Fraction(2, 10_000)
"""How far, relatively, a measured rate may lie from an NTSC rate; the whole rate beside it is five times as far."""


def milliseconds(span: Span) -> tuple[int, int]:
    """Start and end to the nearest millisecond; the end lies at least one after the start."""
    start = round(Fraction(span.start) * 1000)
    return start, max(round(Fraction(span.end) * 1000), start + 1)


@dataclass(frozen=True, slots=True)
class FrameRate:
    """How an editing program counts frames. Make it with `FrameRate.of`.

    fps: frames in a second of time. base: frames in a second of timecode (24 for 23.976 fps). drop: timecode skips
    numbers (no frames) at most minutes, so that it keeps up with the clock.
    """

    fps: Fraction
    base: int
    drop: bool

    @classmethod
    def of(cls, fps: Fraction) -> "FrameRate":
        """The rate to count a video of `fps` by.

        The NTSC rates (24000/1001, 30000/1001, ...) are themselves, also where they were measured a little off; 29.97
        and 59.94 are counted drop-frame. Any other rate is counted at the nearest whole one: that is the rate itself
        or, for a variable rate, one at which the times are right though no frame number could be.
        """
        for base in _NTSC_BASES:
            ntsc = Fraction(base * 1000, 1001)
            if abs(fps / ntsc - 1) <= _NTSC_TOLERANCE:
                return cls(ntsc, base, drop=base in (30, 60))
        whole = max(1, round(fps))
        return cls(Fraction(whole), whole, drop=False)

    @property
    def frames_per_day(self) -> int:
        """The number of frames that timecode can tell apart."""
        return 24 * 6 * self._frames_per_ten_minutes

    @property
    def _dropped(self) -> int:
        """Numbers skipped at each minute that ten does not divide: 2 at 29.97, 4 at 59.94."""
        return self.base // 15 if self.drop else 0

    @property
    def _frames_per_ten_minutes(self) -> int:
        return 600 * self.base - 9 * self._dropped

    def nearest(self, seconds: float) -> int:
        """The frame that starts nearest to a time."""
        return round(Fraction(seconds) * self.fps)

    def frames(self, span: Span, *, duration: float) -> tuple[int, int]:
        """First frame of a span and the frame after its last: at least one frame, all inside the video's duration."""
        total = max(1, self.nearest(duration))
        first = min(self.nearest(span.start), total - 1)
        return first, min(max(self.nearest(span.end), first + 1), total)

    def timecode(self, frame: int) -> str:
        """`HH:MM:SS:FF` of a frame, `HH:MM:SS;FF` in drop-frame. frame: 0 up to `frames_per_day`, exclusive."""
        if not 0 <= frame < self.frames_per_day:
            raise ValueError(f"frame {frame} has no timecode at {self.fps} fps")
        tens, rest = divmod(frame, self._frames_per_ten_minutes)
        minutes = max(0, (rest - self._dropped) // (60 * self.base - self._dropped))
        seconds, number = divmod(frame + self._dropped * (9 * tens + minutes), self.base)
        separator = ";" if self.drop else ":"
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{separator}{number:02d}"
