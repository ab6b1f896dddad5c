"""How long reading a video may take."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """total: seconds that one call may take in all, None for no bound. stall: seconds without any progress."""

    total: float | None = None
    stall: float = 60.0

    def __post_init__(self) -> None:
        if self.total is not None and not (math.isfinite(self.total) and self.total > 0):
            raise ValueError(f"total must be a positive number of seconds, got {self.total!r}")
        if not (math.isfinite(self.stall) and self.stall > 0):
            raise ValueError(f"stall must be a positive number of seconds, got {self.stall!r}")
