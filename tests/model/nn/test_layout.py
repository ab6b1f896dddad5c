"""The assembled sequence: what lies where, with and without padding."""

import pytest
import torch
from tiny_nn import prompt_ids

from videoexpert.config import IGNORED, VIDEO_ID
from videoexpert.nn.layout import TemporalRows, assemble

HIDDEN = 5


def embed(ids: torch.Tensor) -> torch.Tensor:
    """The id itself in every channel."""
    return ids[..., None].expand(*ids.shape, HIDDEN).float()


def test_visual_tokens_replace_the_placeholder() -> None:
    ids, visual = prompt_ids(6, 2), torch.full((1, 4, HIDDEN), -1.0)
    labels = torch.arange(6)[None]
    made = assemble(ids[None], visual, embed=embed, frames=3, labels=labels)
    text = ids.tolist()
    assert made.embeds[0, :, 0].tolist() == [*text[:2], -1, -1, -1, -1, *text[3:]]
    assert made.labels is not None
    assert made.labels[0].tolist() == [0, 1, *[IGNORED] * 4, 3, 4, 5]
    assert made.mask is None
    assert made.layout.rows == TemporalRows((2,), 3)


def test_padding_is_cut_off_and_put_back_on_the_right() -> None:
    long, short = prompt_ids(9, 5), prompt_ids(9, 1)
    visual = torch.stack((torch.full((2, HIDDEN), -1.0), torch.full((2, HIDDEN), -2.0)))
    labels = torch.ones(2, 9, dtype=torch.long)
    made = assemble(torch.stack((long, short)), visual, embed=embed, frames=2, lengths=(9, 4), labels=labels)
    assert made.layout.lengths == (10, 5)
    assert made.layout.starts == (5, 1)
    assert made.embeds[1, :, 0].tolist() == [short[0], -2, -2, short[2], short[3], 0, 0, 0, 0, 0]
    assert made.mask is not None and made.labels is not None
    assert made.mask.sum(1).tolist() == [10, 5]
    assert made.labels[1].tolist() == [1, IGNORED, IGNORED, 1, 1, *[IGNORED] * 5]


@pytest.mark.parametrize("ids", [[3, 4, 5], [VIDEO_ID, 3, VIDEO_ID]])
def test_the_video_must_be_named_once(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="must name the video once"):
        assemble(torch.tensor([ids]), torch.zeros(1, 2, HIDDEN), embed=embed, frames=1)


def test_a_placeholder_in_the_padding_does_not_count() -> None:
    with pytest.raises(ValueError, match="got 0 times"):
        assemble(torch.tensor([[3, VIDEO_ID]]), torch.zeros(1, 2, HIDDEN), embed=embed, frames=1, lengths=(1,))


def test_positions_before_and_after_the_video() -> None:
    made = assemble(prompt_ids(9, 3)[None], torch.zeros(1, 20, HIDDEN), embed=embed, frames=7)
    samples, indices = torch.zeros(3, dtype=torch.long), torch.tensor([2, 4, 8])
    assert made.layout.positions(samples, indices).tolist() == [2, 23, 27]
    assert made.layout.predictors(samples, indices).tolist() == [1, 22, 26]


@pytest.mark.parametrize("starts", [(2, 2, 2), (0, 5, 3)])
def test_rows_are_taken_and_put_back(starts: tuple[int, ...]) -> None:
    states, rows = torch.randn(3, 9, 4), TemporalRows(starts, 4)
    taken = rows.take(states)
    assert all(torch.equal(taken[i], states[i, start : start + 4]) for i, start in enumerate(starts))
    assert torch.equal(rows.put(states, taken), states)
    replaced = rows.put(states, torch.zeros_like(taken))
    assert torch.equal(rows.take(replaced), torch.zeros_like(taken))
    assert int((replaced != states).sum()) == 3 * 4 * 4
