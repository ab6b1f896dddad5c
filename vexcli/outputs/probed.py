"""What `vex probe` says of a video, for programs and for people."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoexpert.video import VideoInfo

SCHEMA = "vex.probe/1"

_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Report:
    """One video: what it is; the times of the frames sampled, in seconds; what decoded them, where that was asked."""

    info: "VideoInfo"
    times: tuple[float, ...] = ()
    decoder: str | None = None
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object; fractions are text, as in results."""
        info = self.info
        value = {
            "path": info.path,
            "container": info.container,
            "codec": info.codec,
            "duration": info.duration,
            "start": info.start,
            "frame_count": info.frame_count,
            "fps": str(info.fps),
            "variable_frame_rate": info.variable_frame_rate,
            "approximate_times": info.approximate_times,
            "width": info.width,
            "height": info.height,
            "stored_width": info.stored_width,
            "stored_height": info.stored_height,
            "rotation": info.rotation,
            "sar": str(info.sar),
            "largest_keyframe_gap": info.largest_keyframe_gap,
            "has_audio": info.has_audio,
            "warnings": list(self.warnings),
        }
        sampled = {"sampled_times": list(self.times)} if self.times else {}
        return value | sampled | ({"decoder": self.decoder} if self.decoder else {})

    def lines(self) -> list[str]:
        """The report for people: one line per fact, under the video's name."""
        rows = [f"  {name:<10} {fact}" for name, fact in self._facts()]
        if self.times:
            listed = " ".join(f"{time:.3f}" for time in self.times)
            indent = " " * 13
            rows += textwrap.wrap(listed, _WIDTH, initial_indent=indent, subsequent_indent=indent)
        return rows

    def _facts(self) -> list[tuple[str, str]]:
        info = self.info
        rate = "varying" if info.variable_frame_rate else "constant"
        if info.approximate_times:
            rate += "; the file stores no times, they are counted"
        facts = [
            ("duration", f"{_clock(info.duration)} ({info.duration:.3f} s)"),
            ("frames", f"{info.frame_count}, {float(info.fps):.6g} a second ({rate})"),
            ("picture", f"{info.width}x{info.height}{self._stored()}"),
            ("codec", f"{info.codec} in {info.container}, {'with' if info.has_audio else 'without'} sound"),
            ("keyframes", f"at most {info.largest_keyframe_gap:.3f} s apart"),
        ]
        if info.start:
            facts.insert(1, ("clock", f"starts at {info.start:.3f} s in the file; times here count from there"))
        if self.times:
            by = f", decoded by {self.decoder}" if self.decoder else ""
            facts.append(("sampled", f"{len(self.times)} times, {len(set(self.times))} different frames{by}"))
        return facts

    def _stored(self) -> str:
        info = self.info
        changes = []
        if info.sar != 1:
            changes.append(f"pixels {info.sar.numerator}:{info.sar.denominator}")
        if info.rotation:
            changes.append(f"turned {info.rotation} degrees clockwise")
        return f" (stored {info.stored_width}x{info.stored_height}, {', '.join(changes)})" if changes else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
