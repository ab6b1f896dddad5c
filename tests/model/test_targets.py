"""Which frames belong to which window, against the rule applied one frame at a time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.data.targets import assign_windows, loc_targets
from videoexpert.errors import DataError
from videoexpert.nn.locator import time_grid
from videoexpert.timeline import Span


@st.composite
def spans(draw: st.DrawFn) -> Span:
    start = draw(st.floats(0, 90, width=32))
    return Span(start, start + draw(st.floats(0.125, 40, width=32)))


@given(windows=st.lists(spans(), min_size=1, max_size=4), frames=st.integers(3, 120), duration=st.floats(1, 150))
def test_equals_the_rule_frame_by_frame(windows: list[Span], frames: int, duration: float) -> None:
    grid = time_grid(frames)
    bounds = torch.tensor([(span.start, span.end) for span in windows], dtype=torch.float32) / duration
    expected = []
    for time in grid:
        holding = [bound.tolist() for bound in bounds if bound[0] <= time <= bound[1]]
        expected.append(holding[-1] if holding else None)
    if not any(expected) and len(windows) > 1:
        with pytest.raises(DataError, match="no frame lies in any"):
            assign_windows(windows, duration=duration, grid=grid)
        return
    nearest, inside = assign_windows(windows, duration=duration, grid=grid)
    assert inside.tolist() == [holding is not None for holding in expected]
    elsewhere = [0.0, 0.0] if inside.any() else bounds[0].tolist()
    assert nearest.tolist() == [holding or elsewhere for holding in expected]


def test_the_message_names_the_windows() -> None:
    with pytest.raises(DataError) as raised:
        assign_windows([Span(1.1, 1.2), Span(3.1, 3.2)], duration=100, grid=time_grid(100))
    assert raised.value.message == "no frame lies in any of the windows 1.1-1.2, 3.1-3.2 s of a video of 100 s"


def test_several_locs_and_none() -> None:
    nearest, inside = loc_targets([[Span(0, 5)], [Span(2, 10), Span(1, 3)]], duration=10, grid=time_grid(10))
    assert nearest.shape == (2, 10, 2) and inside.sum(1).tolist() == [5, 10]
    nearest, inside = loc_targets([], duration=10, grid=time_grid(10))
    assert nearest.shape == (0, 10, 2) and inside.shape == (0, 10)


def test_what_makes_no_sense() -> None:
    for windows, duration in (([], 10.0), ([Span(0, 1)], 0.0), ([Span(0, 1)], float("nan"))):
        with pytest.raises(ValueError, match="needs a window"):
            assign_windows(windows, duration=duration, grid=time_grid(3))
