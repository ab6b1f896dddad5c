"""Routed experts against the formula, merged and unmerged, and through gradient checkpointing."""

import copy
from typing import Any

import pytest
import torch
from tiny_nn import FRAMES, LOC_ID, prompt_ids, tiny_config, tiny_model, visual_tokens, wake_experts
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, Phi3Config, Phi3ForCausalLM

from videoexpert.config import ExpertConfig
from videoexpert.nn.experts import (
    ExpertLinear,
    Router,
    add_experts,
    hold_experts,
    is_merged,
    merge_spatial,
    unmerge_spatial,
)
from videoexpert.nn.layout import TemporalRows
from videoexpert.nn.losses import MomentTargets
from videoexpert.nn.model import VideoExpert, build_model


def expert_linear(dropout: float = 0.0) -> ExpertLinear:
    torch.manual_seed(0)
    linear = ExpertLinear(nn.Linear(6, 4, bias=False), Router(), ExpertConfig(rank=2, alpha=4, dropout=dropout))
    wake_experts(linear)
    return linear.eval()


def by_formula(linear: ExpertLinear, states: torch.Tensor, temporal: torch.Tensor) -> torch.Tensor:
    rows = []
    for state, frame in zip(states.reshape(-1, 6), temporal.reshape(-1), strict=True):
        expert = linear.temporal if frame else linear.spatial
        rows.append(linear.base.weight @ state + 2.0 * expert.B @ (expert.A @ state))
    return torch.stack(rows).reshape(*states.shape[:2], 4)


@pytest.mark.parametrize("starts", [(2, 2), (0, 3), None])
@pytest.mark.parametrize("merged", [False, True])
def test_each_row_goes_through_its_expert(starts: tuple[int, ...] | None, merged: bool) -> None:
    linear, states = expert_linear(), torch.randn(2, 7, 6)
    temporal = torch.zeros(2, 7, dtype=torch.bool)
    for sample, start in enumerate(starts or ()):
        temporal[sample, start : start + 3] = True
    expected = by_formula(linear, states, temporal)
    linear.router.rows = None if starts is None else TemporalRows(starts, 3)
    if merged:
        merge_spatial(linear)
    torch.testing.assert_close(linear(states), expected, rtol=1e-4, atol=1e-4)


def test_a_new_expert_changes_nothing_and_has_the_published_range() -> None:
    base = nn.Linear(64, 4, bias=False)
    linear = ExpertLinear(base, Router(), ExpertConfig())
    states = torch.randn(1, 3, 64)
    assert torch.equal(linear(states), base(states))
    assert 0.9 / 8 < float(linear.temporal.A.detach().abs().max()) <= 1 / 8


def test_dropout_is_drawn_in_training_alone() -> None:
    linear, states = expert_linear(dropout=0.5), torch.randn(1, 5, 6)
    assert torch.equal(linear(states), linear(states))
    linear.train()
    assert not torch.equal(linear(states), linear(states))


def run(model: VideoExpert, placeholder: int = 4, length: int = 12, seed: int = 2) -> torch.Tensor:
    with torch.no_grad():
        hidden: torch.Tensor = model(prompt_ids(length, placeholder, seed=seed)[None], visual_tokens(model)).hidden
    return hidden


@pytest.mark.parametrize(
    "settings", [{}, {"model_type": "mistral"}, {"model_type": "qwen2"}, {"attention_bias": True}], ids=str
)
def test_merged_equals_unmerged_and_is_undone_exactly(settings: dict[str, Any]) -> None:
    model = tiny_model(tiny_config(**settings))
    before, weights = run(model), [parameter.clone() for parameter in model.parameters()]
    merge_spatial(model, keep=True)
    assert is_merged(model)
    torch.testing.assert_close(run(model), before, rtol=1e-4, atol=1e-4)
    unmerge_spatial(model)
    assert not is_merged(model)
    assert all(torch.equal(now, then) for now, then in zip(model.parameters(), weights, strict=True))
    assert torch.equal(run(model), before)


def test_merging_twice_and_unmerging_without_what_was_kept_are_refused() -> None:
    model = tiny_model()
    merge_spatial(model)
    with pytest.raises(ValueError, match="merged already"):
        merge_spatial(model)
    with pytest.raises(ValueError, match="not kept"):
        unmerge_spatial(model)


def test_merging_needs_no_memory() -> None:
    model = tiny_model()
    before = {name: parameter.data_ptr() for name, parameter in model.named_parameters()}
    merge_spatial(model)
    assert {name: parameter.data_ptr() for name, parameter in model.named_parameters()} == before


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("narrow", [torch.bfloat16, torch.float16])
def test_experts_held_in_sixteen_bits_count_for_all_that_they_hold(narrow: torch.dtype, merged: bool) -> None:
    wide = tiny_model()
    hold_experts(wide, narrow)
    held = copy.deepcopy(wide)
    hold_experts(wide, torch.float32)
    if merged:
        merge_spatial(wide)
        merge_spatial(held)
    assert torch.equal(run(held), run(wide))
    types = {parameter.dtype for name, parameter in held.named_parameters() if ".temporal." in name}
    assert types == {narrow}


def test_different_placeholders_in_one_batch() -> None:
    model = tiny_model()
    prompts = [prompt_ids(12, 3, seed=3), prompt_ids(12, 8, seed=4)]
    visual = visual_tokens(model, batch=2)
    with torch.no_grad():
        together = model(torch.stack(prompts), visual).hidden
        for sample, prompt in enumerate(prompts):
            alone = model(prompt[None], visual[sample : sample + 1]).hidden
            torch.testing.assert_close(together[sample : sample + 1], alone, rtol=1e-4, atol=1e-4)


def gradients(model: VideoExpert) -> list[torch.Tensor]:
    """Of two passes with different layouts, run before either is gone through backwards."""
    ids = [prompt_ids(12, place, seed=place)[None] for place in (3, 6)]
    losses = [model(prompt, visual_tokens(model), labels=prompt.clamp(min=0)).loss for prompt in ids]
    model.zero_grad()
    for part in losses:
        assert part is not None
        part.total.backward()
    return [parameter.grad.clone() for parameter in model.llm.parameters() if parameter.grad is not None]


def test_gradient_checkpointing_routes_as_the_first_pass_did() -> None:
    model = tiny_model()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    model.train()
    plain = gradients(model)
    for layer in model.llm.get_decoder().layers:  # type: ignore[no-untyped-call]
        layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = lambda run, *given: torch.utils.checkpoint.checkpoint(
            run, *given, use_reentrant=False
        )
    again = gradients(model)
    assert len(plain) == len(again) > 20
    for first, second in zip(plain, again, strict=True):
        torch.testing.assert_close(first, second)


def test_a_copy_routes_by_itself() -> None:
    model = tiny_model()
    copied = copy.deepcopy(model)
    expected = run(model)
    assert torch.equal(run(copied), expected)
    assert copied.router is not model.router


def test_both_experts_learn_from_their_rows() -> None:
    model = tiny_model()
    ids = prompt_ids(12, 4, locs=(9,))[None]
    targets = MomentTargets(torch.rand(1, FRAMES, 2).sort(-1).values, torch.ones(1, FRAMES, dtype=torch.bool))
    model(ids, visual_tokens(model), labels=ids.clamp(min=0), targets=targets).loss.total.backward()
    for name, parameter in model.named_parameters():
        if ".temporal." in name or ".spatial." in name:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_other_architectures_are_refused() -> None:
    other = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=2, vocab_size=LOC_ID))
    with pytest.raises(ValueError, match="GPT2LMHeadModel is not of the Llama family: it has no list of layers"):
        add_experts(other, ExpertConfig())
    phi = Phi3ForCausalLM(Phi3Config(**tiny_config().llm))
    with pytest.raises(ValueError, match="a layer has no q_proj, k_proj, v_proj, gate_proj, up_proj"):
        add_experts(phi, ExpertConfig())


def test_a_call_must_say_where_the_frames_are() -> None:
    model = tiny_model()
    with pytest.raises(KeyError, match="temporal_rows"):
        model.llm(inputs_embeds=torch.zeros(1, FRAMES, 24))


def test_rotary_tables_stay_exact_in_sixteen_bits() -> None:
    exact = build_model(tiny_config()).llm.model.rotary_emb.inv_freq
    for initialise in (True, False):
        half = build_model(tiny_config(), dtype=torch.bfloat16, initialise=initialise)
        assert half.projector.weight.dtype == torch.bfloat16
        assert torch.equal(half.llm.model.rotary_emb.inv_freq, exact)
