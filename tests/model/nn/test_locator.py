"""The temporal head: its shapes, its ranges, and which states it looks at."""

from typing import get_args

import pytest
import torch
from tiny_nn import FRAMES, prompt_ids, tiny_model, visual_tokens

from videoexpert.config import Interaction, LocatorConfig
from videoexpert.nn.locator import Locator, LocatorOutput, time_grid


def test_the_grid_ends_with_the_video() -> None:
    assert time_grid(4).tolist() == [0.25, 0.5, 0.75, 1.0]


def test_windows_hold_their_frame() -> None:
    output = LocatorOutput(torch.randn(3, 9) * 20, torch.randn(3, 9, 2) * 20)
    assert ((output.scores >= 0) & (output.scores <= 1)).all()
    assert (output.windows[..., 0] <= time_grid(9)).all()
    assert (output.windows[..., 1] >= time_grid(9)).all()
    assert output[[1]].scores.shape == (1, 9)


@pytest.mark.parametrize("interaction", ["simp_add", "intact_add"])
def test_each_loc_meets_the_frames_of_its_own_video(interaction: Interaction) -> None:
    torch.manual_seed(0)
    locator = Locator(12, LocatorConfig(width=8, interaction=interaction))
    frames, locs, owners = torch.randn(2, 6, 12), torch.randn(3, 12), torch.tensor([1, 0, 1])
    together = locator(frames, locs, owners)
    assert together.class_logits.shape == (3, 6) and together.span_logits.shape == (3, 6, 2)
    for loc, owner in enumerate(owners.tolist()):
        alone = locator(frames[owner : owner + 1], locs[loc : loc + 1], torch.zeros(1, dtype=torch.long))
        torch.testing.assert_close(together[[loc]].class_logits, alone.class_logits)
        torch.testing.assert_close(together[[loc]].span_logits, alone.span_logits)


def test_the_two_interactions_by_formula() -> None:
    frames, locs, owners = torch.randn(1, 6, 12), torch.randn(1, 12), torch.zeros(1, dtype=torch.long)
    for interaction in get_args(Interaction):
        locator = Locator(12, LocatorConfig(width=8, interaction=interaction))
        frame, loc = locator.embed(frames[0]), locator.embed(locs[0])
        met = frame + loc
        if locator.pair is not None:
            met = torch.stack([locator.pair(torch.cat((row, loc))) for row in frame])
        states = met.t()[None]
        first, second, last = locator.class_head.layers
        expected = last(torch.relu(second(torch.relu(first(states)))))[:, 0]
        torch.testing.assert_close(locator(frames, locs, owners).class_logits, expected)


def test_any_number_of_frames() -> None:
    model = tiny_model()
    for frames in (3, 11):
        ids = prompt_ids(9, 2, locs=(6,))[None]
        assert model(ids, visual_tokens(model, frames=frames)).located.scores.shape == (1, frames)
    assert FRAMES not in (3, 11)
