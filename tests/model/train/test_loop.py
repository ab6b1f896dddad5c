"""The loop's steps: the losses it learns from, however a step is divided, and what it says when they blow up."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conformance_parts import error, load
from conformance_videoexpert import PUBLIC, Models, _visual
from tiny_model import tiny_parts
from torch import Tensor
from training_videos import School

from videoexpert.config import IGNORED
from videoexpert.data.collate import Batch, Lesson, collate
from videoexpert.errors import TrainingError
from videoexpert.features import FrameFeatures
from videoexpert.nn.losses import MomentTargets
from videoexpert.nn.model import build_model
from videoexpert.timeline import Span
from videoexpert.train.job import Team, gather_team
from videoexpert.train.learner import Learner, StepLosses, part_weights, shares
from videoexpert.train.loop import Done, Loop
from videoexpert.train.preparing import make_dataset
from videoexpert.train.state import trained_weights
from videoexpert.train.trainable import LocRow


@pytest.mark.skipif(not PUBLIC.exists(), reason="NOT TESTED: ../shared is missing, so no published loss was compared")
@pytest.mark.parametrize("path", sorted(PUBLIC.glob("forward/*.npz")), ids=lambda path: path.stem)
def test_the_published_losses(path: Path) -> None:
    """One batch through the module that the loop calls: the parts, and the sum that goes backward."""
    case = load(path)
    with tempfile.TemporaryDirectory() as work:
        model = Models(PUBLIC, Path(work)).get(path.stem.split("_")[0], merged=False)
    lengths = tuple(case["attention_mask"].sum(1).tolist())
    targets = MomentTargets(torch.zeros(0, 100, 2), torch.zeros(0, 100, dtype=torch.bool))
    if "span_label_nn" in case:
        targets = MomentTargets(case["span_label_nn"], case["timestamp_window"].bool())
    visual = _visual(model, case)
    ids, labels = case["input_ids"].long(), case["labels"].long()
    batch = Batch(ids, lengths, labels, visual, targets, ("x",) * len(ids))
    with torch.no_grad():
        parts = Learner(model, None)(batch)
    losses = StepLosses.of((parts * parts.new_tensor(shares(batch.counts, batch.counts))).tolist())
    assert error(losses.token, case["ce_loss"]) <= 1e-4
    assert error(losses.total, case["total_loss"]) <= 1e-4


def team_and_data(school: School, out: Path, *, broken: Sequence[int] = (), **options: Any) -> tuple[Loop, Team]:
    job = school.job(out, **options)
    team = gather_team(job)
    config = team.model.config
    names = [record.timeline.video.path for record in school.records]

    def features_of(path: str, span: Span | None) -> FrameFeatures:
        number = names.index(path)
        torch_random = torch.Generator().manual_seed(number)
        tokens = torch.randn(config.frames + config.compressed, config.vision.features, generator=torch_random).half()
        if number in broken:
            tokens[0, 0] = math.nan
        return FrameFeatures(Span(0.0, 8.0), tuple(map(float, range(config.frames))), tokens)

    return Loop(team, make_dataset([school.records], job, team, features_of), job.options), team


def run(loop: Loop) -> list[Done]:
    return list(loop.steps(0, should_stop=lambda: False))


def trained(team: Team) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in team.trained])


def test_a_step_is_the_same_however_it_is_divided(school: School, tmp_path: Path) -> None:
    """8 examples at once, 4 x 2 and 8 x 1: the same losses, gradients and weights."""
    results = []
    for batch, accumulate in ((8, 1), (2, 4), (1, 8)):
        loop, team = team_and_data(school, tmp_path, batch=batch, accumulate=accumulate, steps=2, dropout=0.0, lr=1e-3)
        results.append((run(loop), trained(team)))
    first, weights = results[0]
    for done, others in results[1:]:
        for mine, theirs in zip(done, first, strict=True):
            assert mine.losses.total == pytest.approx(theirs.losses.total, rel=1e-5)
            assert mine.losses.border == pytest.approx(theirs.losses.border, rel=1e-5)
            assert mine.gradient == pytest.approx(theirs.gradient, rel=1e-4)
        assert torch.allclose(others, weights, atol=2e-5)


def test_checkpointing_changes_nothing_but_memory(school: School, tmp_path: Path) -> None:
    results = []
    for checkpointing in (False, True):
        loop, team = team_and_data(school, tmp_path, checkpointing=checkpointing, steps=2, lr=1e-3)
        results.append(([done.losses for done in run(loop)], trained(team)))
    assert results[0][0] == results[1][0] and torch.equal(results[0][1], results[1][1])


def test_random_numbers_outside_change_nothing(school: School, tmp_path: Path) -> None:
    """Dropout and words depend on the seed and the step alone."""
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        loop, _ = team_and_data(school, tmp_path, steps=3, dropout=0.5)
        results.append([done.losses for done in run(loop)])
    other, _ = team_and_data(school, tmp_path, steps=3, dropout=0.5, seed=7)
    assert results[0] == results[1] != [done.losses for done in run(other)]


@pytest.mark.parametrize("broken", [(3,), (1, 6)])
def test_records_that_break_the_loss_are_named(school: School, tmp_path: Path, broken: tuple[int, ...]) -> None:
    loop, team = team_and_data(school, tmp_path, broken=broken, batch=8)
    before = trained(team)
    with pytest.raises(TrainingError) as caught:
        run(loop)
    named = sorted(caught.value.message.split(": the loss is not a finite number in step 1")[0].split(", "))
    assert named == sorted(school.records[number].origin for number in broken)
    assert caught.value.hint == "leave it out, or correct it"
    assert torch.equal(trained(team), before)


def test_a_rate_that_breaks_everything_is_blamed(school: School, tmp_path: Path) -> None:
    loop, _ = team_and_data(school, tmp_path, lr=1e30, warmup=0.0, batch=8, epochs=9)
    with pytest.raises(TrainingError) as caught:
        run(loop)
    assert caught.value.hint == "a lower learning rate may help"


def test_the_rate_rises_and_falls(school: School, tmp_path: Path) -> None:
    loop, _ = team_and_data(school, tmp_path, steps=10, warmup=0.2, lr=1.0, batch=1)
    rates = [done.rate for done in run(loop)]
    assert rates[:3] == [0.5, 1.0, 1.0] and rates[2:] == sorted(rates[2:], reverse=True) and 0 < rates[-1] < 0.05


def test_the_row_of_loc_learns_as_a_part_of_its_table() -> None:
    """The same output as with the row in the table, and the gradient that the whole table has there."""
    parts = tiny_parts()
    model, loc = parts.model, parts.model.config.loc_id
    ids = torch.tensor([[1, loc, 5, loc, 9]])
    parameters = dict(model.named_parameters())
    tables = [parameters["llm.model.embed_tokens.weight"], parameters["llm.lm_head.weight"]]

    def loss() -> Tensor:
        return (model.logits(model.run(model.embed(ids), rows=None)) ** 2).mean()

    whole = loss()
    expected = torch.autograd.grad(whole, tables)
    row = LocRow(model)
    for table in tables:
        table.requires_grad_(False)[loc] = 1e3  # what the table holds there does not count any more
    assert row.output is not None
    found = loss()
    assert torch.allclose(found, whole, rtol=1e-6)
    for mine, gradient in zip(torch.autograd.grad(found, [row.input, row.output]), expected, strict=True):
        assert torch.allclose(mine, gradient[loc], rtol=1e-4, atol=1e-8)


def test_tables_that_are_one_have_one_row() -> None:
    parts = tiny_parts()
    tied = build_model(replace(parts.model.config, llm={**parts.model.config.llm, "tie_word_embeddings": True}))
    row = LocRow(tied)
    assert row.output is None and row.tables == {"input": "llm.model.embed_tokens.weight"}
    ids = torch.tensor([[1, tied.config.loc_id]])
    hidden = tied.run(tied.embed(ids), rows=None)
    assert torch.allclose(tied.logits(hidden)[..., tied.config.loc_id], hidden @ row.input)
    tied.requires_grad_(False)
    assert set(trained_weights(Learner(tied, row))) == {"row.input"}  # and neither name of the table


def test_a_batch_counts_what_its_losses_are_means_over() -> None:
    targets = MomentTargets(torch.zeros(2, 4, 2), torch.tensor([[True, True, False, False], [False] * 4]))
    none = MomentTargets(torch.zeros(0, 4, 2), torch.zeros(0, 4, dtype=torch.bool))
    visual = torch.zeros(6, 3).half()
    batch = collate(
        [Lesson((1, 2, 3), (IGNORED, 2, 3), visual, targets, "a"), Lesson((1, 2), (IGNORED, 2), visual, none, "b")]
    )
    assert batch.counts == (3, 8, 2) and batch.lengths == (3, 2) and batch.origins == ("a", "b")
    assert shares(batch.counts, (6, 16, 0)) == [0.5, 0.5, 0.0, 0.0]
    assert part_weights() == (1, 2, 5, 2)
    assert replace(batch.to(torch.device("cpu")), origins=()).ids.tolist() == [[1, 2, 3], [1, 2, 0]]
