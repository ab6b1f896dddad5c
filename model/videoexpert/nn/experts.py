"""Two low-rank experts on every linear map of a Llama-family model, chosen by a token's position (spec §3).

The Temporal Expert handles the frame tokens, which are one block of rows per sample; the Spatial Expert handles
everything else. For inference the Spatial Expert is merged into the base weights: a step then costs what plain Llama
costs, and only the frame tokens pay for the difference of the two experts.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from videoexpert.config import ExpertConfig
from videoexpert.nn.layout import TemporalRows

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear maps of each layer that have experts (spec §3)."""

_ROWS_AT_ONCE = 256

ROWS = "temporal_rows"
"""The keyword under which a call of the language model says which rows are frame tokens."""


class Router:
    """Tells the experts of a model which rows are frame tokens; None where there are none.

    It is a pre-hook of each layer's attention: the rows travel as an argument of the call, so that a layer which is
    run again for gradient checkpointing routes as it did the first time, whatever ran in between.
    """

    def __init__(self) -> None:
        self.rows: TemporalRows | None = None

    def __call__(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        kwargs = dict(kwargs)
        self.rows = kwargs.pop(ROWS)
        return args, kwargs


class LowRank(nn.Module):
    """x -> B A x, for A [r, in] and B [out, r]. A starts uniform in +-1/sqrt(in), B at zero (spec §3).

    They may be held in narrower numbers than x has (`hold_experts`), and are widened as they are used.
    """

    def __init__(self, inputs: int, outputs: int, rank: int, *, like: Tensor) -> None:
        super().__init__()
        self.A = nn.Parameter(like.new_empty(rank, inputs))
        self.B = nn.Parameter(like.new_empty(outputs, rank))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin anew."""
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))
        nn.init.zeros_(self.B)

    def forward(self, states: Tensor) -> Tensor:
        return F.linear(F.linear(states, self.A.to(states.dtype)), self.B.to(states.dtype))

    def add_to(self, output: Tensor, states: Tensor, *, scale: float) -> None:
        """output [n, out] += scale · B A states [n, in], in place."""
        inner = F.linear(states, self.A.to(states.dtype))
        output.addmm_(inner, self.B.to(states.dtype).t(), alpha=scale)


class ExpertLinear(nn.Module):
    """A linear map with its two experts: y = W x + scale · B_e A_e dropout(x), e by x's row in [B, S, in] (spec §3)."""

    def __init__(self, base: nn.Linear, router: Router, config: ExpertConfig) -> None:
        super().__init__()
        self.base = base
        self.router = router
        self.scale = config.scale
        self.dropout = nn.Dropout(config.dropout)
        like = base.weight if base.weight.is_floating_point() else base.weight.new_empty(0, dtype=torch.float32)
        sizes = (base.in_features, base.out_features, config.rank)
        self.temporal = LowRank(*sizes, like=like)
        self.spatial = LowRank(*sizes, like=like)
        self.merged = False
        self._kept: Tensor | None = None

    def forward(self, states: Tensor) -> Tensor:
        output: Tensor = self.base(states)
        rows = self.router.rows
        if self.merged:
            return output if rows is None else self._correct(output, states, rows)
        change: Tensor = self.spatial(self.dropout(states))
        if rows is not None:
            change = rows.put(change, self.temporal(self.dropout(rows.take(states))))
        return torch.add(output, change, alpha=self.scale)

    def _correct(self, output: Tensor, states: Tensor, rows: TemporalRows) -> Tensor:
        """Add (temporal - spatial) to the frame tokens of `output`, in place: it is this call's own tensor."""
        for sample, block in rows.blocks():
            self.temporal.add_to(output[sample, block], states[sample, block], scale=self.scale)
            self.spatial.add_to(output[sample, block], states[sample, block], scale=-self.scale)
        return output

    @torch.no_grad()
    def merge(self, *, keep: bool) -> None:
        """Add the Spatial Expert to the base weight; see `merge_spatial`."""
        if self.merged:
            raise ValueError("the experts are merged already")
        weight = self.base.weight
        if not weight.is_floating_point():
            raise ValueError(f"experts cannot be merged into weights of type {weight.dtype}")
        self._kept = weight.detach().clone() if keep else None
        # In place, or some rows at a time in wider numbers: copies of whole weights would leave holes in the C heap.
        inner = self.spatial.A.float()
        for start in range(0, len(weight), _ROWS_AT_ONCE):
            part, outer = (whole[start : start + _ROWS_AT_ONCE] for whole in (weight, self.spatial.B))
            wide = part.float()  # the part itself where it is float32
            part.copy_(wide.addmm_(outer.float(), inner, alpha=self.scale))
        self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Undo `merge`; see `unmerge_spatial`."""
        if not self.merged or self._kept is None:
            raise ValueError("the base weights were not kept when the experts were merged")
        self.base.weight.copy_(self._kept)
        self.merged, self._kept = False, None


def add_experts(llm: PreTrainedModel, config: ExpertConfig) -> Router:
    """Give every linear map in the layers of a causal model of transformers its two experts; returns their router.

    From then on a call of the model must say `temporal_rows=` (`ROWS`): a TemporalRows, or None.
    Raises ValueError where a layer lacks one of the seven linear maps.
    """
    router = Router()
    for layer in decoder_layers(llm):
        linears = {
            name: (parent, child)
            for parent in layer.modules()
            for name, child in parent.named_children()
            if name in TARGETS
        }
        if missing := [name for name in TARGETS if name not in linears]:
            raise ValueError(f"{type(llm).__name__} is not of the Llama family: a layer has no {', '.join(missing)}")
        for name, (parent, child) in linears.items():
            setattr(parent, name, ExpertLinear(child, router, config))  # type: ignore[arg-type]
        layer.self_attn.register_forward_pre_hook(router, with_kwargs=True)  # type: ignore[union-attr]
    return router


def decoder_layers(llm: PreTrainedModel) -> nn.ModuleList:
    """The layers of a causal language model of transformers. Raises ValueError where it keeps none as Llama does."""
    layers = getattr(llm.get_decoder(), "layers", None)  # type: ignore[no-untyped-call]
    if not isinstance(layers, nn.ModuleList):
        raise ValueError(f"{type(llm).__name__} is not of the Llama family: it has no list of layers")
    return layers


def hold_experts(model: nn.Module, dtype: torch.dtype) -> None:
    """Hold the experts in numbers of this type, whatever the model computes in: those of a checkpoint lose nothing."""
    for linear in _expert_linears(model):
        linear.temporal.to(dtype)
        linear.spatial.to(dtype)


def merge_spatial(model: nn.Module, *, keep: bool = False) -> None:
    """Add the Spatial Expert to the base weights of every ExpertLinear in `model`, for inference.

    The experts stay as they are: from then on their difference is added to the frame tokens alone, so no memory is
    spent. keep: hold a copy of the base weights, so that `unmerge_spatial` brings them back bit by bit.
    Raises ValueError where they are merged already or the weights are quantised.
    """
    for linear in _expert_linears(model):
        linear.merge(keep=keep)


def unmerge_spatial(model: nn.Module) -> None:
    """Bring back the base weights exactly. Raises ValueError where `merge_spatial` did not `keep`."""
    for linear in _expert_linears(model):
        linear.unmerge()


def is_merged(model: nn.Module) -> bool:
    """Whether the Spatial Expert is part of the base weights."""
    return any(linear.merged for linear in _expert_linears(model))


def _expert_linears(model: nn.Module) -> list[ExpertLinear]:
    return [module for module in model.modules() if isinstance(module, ExpertLinear)]
