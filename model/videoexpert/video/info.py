"""What a video file really is, as a value."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from videoexpert.timeline import Source

Rotation = Literal[0, 90, 180, 270]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The picture track of one file, measured from its packets and its first frame, not read off its header.

    path: as the user gave it. container, codec: FFmpeg's names for them.
    duration: seconds from the start of the file to the end of the last frame, > 0. start: the container's first
    timestamp, seconds; all times that this package gives count from there. frame_count: frames shown, >= 1.
    fps: average frames a second. width, height: pixels as shown, after `rotation` and `sar`; stored_width and
    stored_height: pixels as coded. rotation: degrees clockwise to turn the picture for showing it. sar: width of one
    stored pixel over its height. largest_keyframe_gap: the longest stretch without a keyframe, seconds.
    approximate_times: the file stores no presentation times, so they come from the order of the frames.
    warnings: what is wrong with the file though it can be read.
    """

    path: str
    container: str
    codec: str
    duration: float
    start: float
    frame_count: int
    fps: Fraction
    variable_frame_rate: bool
    width: int
    height: int
    stored_width: int
    stored_height: int
    rotation: Rotation
    sar: Fraction
    largest_keyframe_gap: float
    has_audio: bool
    approximate_times: bool
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.duration) and self.duration > 0):
            raise ValueError(f"duration must be positive, got {self.duration}")
        if not math.isfinite(self.start):
            raise ValueError(f"start must be a finite number, got {self.start}")
        if self.largest_keyframe_gap < 0:
            raise ValueError(f"largest_keyframe_gap must not be negative, got {self.largest_keyframe_gap}")
        for name in ("frame_count", "fps", "width", "height", "stored_width", "stored_height", "sar"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270, got {self.rotation}")

    def source(self) -> Source:
        """The part of this that a timeline keeps."""
        return Source(self.path, self.duration, fps=self.fps, width=self.width, height=self.height)
