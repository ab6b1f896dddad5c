"""Sizes of pictures: as stored, as shown, and as read."""

from dataclasses import dataclass
from fractions import Fraction

from videoexpert.video.info import Rotation, VideoInfo

LONGEST = 8
"""The long side of a picture that is read is at most this many times the short one."""

SAR_RANGE = (Fraction(1, 8), Fraction(8))
"""Pixel shapes outside this range are taken for damage, and pixels for square."""


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, both > 0."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"a picture must have pixels, got {self.width}x{self.height}")

    def turned(self, rotation: Rotation) -> "Size":
        """The size after a turn by `rotation` degrees."""
        return Size(self.height, self.width) if rotation in (90, 270) else self


def plausible_sar(sar: Fraction | None) -> Fraction:
    """The pixel shape that a file states, or 1 where it states none or nonsense."""
    return sar if sar is not None and SAR_RANGE[0] <= sar <= SAR_RANGE[1] else Fraction(1)


def shown_size(stored: Size, *, sar: Fraction, rotation: Rotation) -> Size:
    """The size as shown: pixels made square by changing the width, then turned."""
    return Size(max(1, round(stored.width * sar)), stored.height).turned(rotation)


def read_size(info: VideoInfo, *, short_side: int | None) -> tuple[Size, bool]:
    """The upright size to read at, and whether it is squeezed because the picture is longer than LONGEST : 1.

    short_side: pixels of the shorter side, None for the size as shown.
    """
    shown = Size(info.width, info.height)
    if short_side is None:
        return shown, False
    short, long = sorted((shown.width, shown.height))
    wanted = round(long * short_side / short)
    limit = LONGEST * short_side
    length = min(wanted, limit)
    size = Size(short_side, length) if shown.width <= shown.height else Size(length, short_side)
    return size, wanted > limit
