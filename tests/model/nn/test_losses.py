"""Losses against numbers worked out by hand, and the edges where nothing is learnt."""

import math

import pytest
import torch
from tiny_nn import FRAMES, prompt_ids, tiny_model, visual_tokens

from videoexpert.nn.losses import LossWeights, MomentTargets, learnt, moment_losses, token_loss


def test_by_hand() -> None:
    scores = torch.tensor([[0.5, 0.8]])
    windows = torch.tensor([[[0.1, 0.3], [0.2, 0.6]]])
    targets = MomentTargets(torch.tensor([[[0.2, 0.5], [0.2, 0.5]]]), torch.tensor([[True, False]]))
    losses = moment_losses(scores, windows, targets)
    assert float(losses.inside) == pytest.approx((-math.log(0.5) - 0.1 * math.log(0.2)) / 2)
    assert float(losses.border) == pytest.approx((0.1**2 + 0.2**2) / 2)
    # Shared 0.1, union 0.4, and their hull is the union.
    assert float(losses.overlap) == pytest.approx(1 - 0.1 / 0.4)
    total = 2 * losses.inside + 5 * losses.border + 2 * losses.overlap
    assert float(losses.total(LossWeights())) == pytest.approx(float(total))


def test_windows_apart_are_told_how_far() -> None:
    targets = MomentTargets(torch.tensor([[[0.6, 0.8]]]), torch.tensor([[True]]))
    near, far = (
        moment_losses(torch.tensor([[0.5]]), torch.tensor([[[start, start + 0.2]]]), targets).overlap
        for start in (0.3, 0.1)
    )
    assert 1 < float(near) < float(far) < 2


def test_certain_and_wrong_costs_a_hundred() -> None:
    targets = MomentTargets(torch.zeros(1, 1, 2), torch.tensor([[True]]))
    assert float(moment_losses(torch.tensor([[0.0]]), torch.zeros(1, 1, 2), targets).inside) == 100


def test_no_frame_inside_gives_zero_and_finite_gradients() -> None:
    offsets = torch.rand(1, 5, 2, requires_grad=True)
    targets = MomentTargets(torch.zeros(1, 5, 2), torch.zeros(1, 5, dtype=torch.bool))
    losses = moment_losses(torch.full((1, 5), 0.5), offsets.cumsum(-1), targets)
    losses.total(LossWeights()).backward()  # type: ignore[no-untyped-call]
    assert losses.border.item() == losses.overlap.item() == 0
    assert offsets.grad is not None and torch.equal(offsets.grad, torch.zeros_like(offsets))


def test_tokens_are_learnt_one_position_before_them() -> None:
    labels = torch.tensor([[-100, 7, -100, 8]])
    assert learnt(labels).tolist() == [[True, False, True, False]]
    assert float(token_loss(torch.zeros(0, 5), torch.zeros(0, dtype=torch.long))) == 0


def test_the_loss_of_a_pass_is_that_of_its_logits() -> None:
    """Logits are only computed where something is learnt; the whole table gives the same."""
    model = tiny_model()
    ids = torch.stack((prompt_ids(11, 3), prompt_ids(11, 6, seed=5)))
    labels = ids.where(torch.rand(ids.shape) < 0.5, -100).where(ids > 0, -100)
    output = model(ids, visual_tokens(model, batch=2), labels=labels, lengths=(11, 8))
    assembled = model.assemble(ids, visual_tokens(model, batch=2), lengths=(11, 8), labels=labels)
    assert assembled.labels is not None
    logits = model.logits(output.hidden)[:, :-1]
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), assembled.labels[:, 1:].flatten())
    torch.testing.assert_close(output.loss.token, expected)


def test_without_a_loc_only_words_count() -> None:
    model, ids = tiny_model(), prompt_ids(11, 3)[None]
    loss = model(ids, visual_tokens(model), labels=ids.clamp(min=0)).loss
    assert loss.moments is None and torch.equal(loss.total, loss.token)


def test_targets_must_match_the_locs() -> None:
    model, ids = tiny_model(), prompt_ids(11, 3, locs=(5, 8))[None]
    targets = MomentTargets(torch.zeros(3, FRAMES, 2), torch.zeros(3, FRAMES))
    with pytest.raises(ValueError, match="3 targets for 2"):
        model(ids, visual_tokens(model), labels=ids, targets=targets)
