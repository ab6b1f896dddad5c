"""Where shots begin and end."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.nn.shots import find_shots


def seen(*shots: tuple[int, int], classes: int = 6) -> torch.Tensor:
    """Posteriors of a video whose shots show a class for so many frames, nearly for certain."""
    index = torch.tensor([which for which, frames in shots for _ in range(frames)])
    return torch.nn.functional.one_hot(index, classes).float() * 0.94 + 0.01


def test_each_thing_is_a_shot() -> None:
    assert find_shots(seen((0, 20), (3, 8), (1, 30))) == [range(20), range(20, 28), range(28, 58)]


def test_what_comes_back_is_another_shot() -> None:
    assert find_shots(seen((0, 20), (3, 8), (0, 20))) == [range(20), range(20, 28), range(28, 48)]


@pytest.mark.parametrize("flicker", [1, 2])
def test_a_flicker_is_no_shot(flicker: int) -> None:
    assert find_shots(seen((0, 20), (3, flicker), (0, 20))) == [range(40 + flicker)]


def test_a_doubtful_classifier_sees_one_shot() -> None:
    chances = (torch.randn(60, 6, generator=torch.Generator().manual_seed(0)) * 0.3).softmax(dim=-1)
    assert find_shots(chances) == [range(60)]


def test_one_frame_is_a_shot() -> None:
    assert find_shots(seen((2, 1))) == [range(1)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 25)), min_size=1, max_size=8))
def test_shots_tile_the_video(shots: list[tuple[int, int]]) -> None:
    found = find_shots(seen(*shots))
    frames = sum(length for _, length in shots)
    assert [frame for shot in found for frame in shot] == list(range(frames))
    assert len(found) == 1 or all(len(shot) >= 3 for shot in found)
