"""What the temporal head should answer for each `[LOC]` (spec §6): the only place where seconds become fractions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from videoexpert.errors import DataError
from videoexpert.timeline import Span


def loc_targets(locs: Sequence[Sequence[Span]], *, duration: float, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Targets of the n `[LOC]`s of one video: (nearest [n, T, 2], inside [n, T]); see `assign_windows`."""
    rows = [assign_windows(windows, duration=duration, grid=grid) for windows in locs]
    if not rows:
        return grid.new_zeros(0, len(grid), 2), grid.new_zeros(0, len(grid), dtype=torch.bool)
    nearest, inside = zip(*rows, strict=True)
    return torch.stack(nearest), torch.stack(inside)


def assign_windows(windows: Sequence[Span], *, duration: float, grid: Tensor) -> tuple[Tensor, Tensor]:
    """The window that each frame belongs to, for one `[LOC]` that means all `windows` (seconds, at least one).

    duration: seconds, > 0. grid: [T], the frames' times as fractions of it (`nn.locator.time_grid`).
    Returns nearest [T, 2], fractions of the duration, and inside [T], bool. Both ends of a window count; of several the
    last in the list wins; frames outside have (0, 0). A single window between two frames is every frame's nearest,
    and no frame is inside. Raises DataError where there are several windows and all lie between frames.
    """
    if not windows or not duration > 0:
        raise ValueError(f"a [LOC] needs a window and a duration above 0, got {list(windows)} in {duration} s")
    bounds = grid.new_tensor([(window.start, window.end) for window in windows]) / duration  # [W, 2]
    holds = (bounds[:, :1] <= grid) & (grid <= bounds[:, 1:])  # [W, T]
    inside = holds.any(dim=0)
    if not inside.any():
        if len(windows) > 1:
            shown = ", ".join(f"{window.start:g}-{window.end:g}" for window in windows)
            raise DataError(
                f"no frame lies in any of the windows {shown} s of a video of {duration:g} s",
                hint="make them longer, or cut the video into shorter clips",
            )
        return bounds.expand(len(grid), 2).clone(), inside
    order = torch.arange(1, len(windows) + 1, device=grid.device)[:, None]
    last = (holds * order).amax(dim=0)  # 0: in no window
    return torch.cat((bounds.new_zeros(1, 2), bounds))[last], inside
