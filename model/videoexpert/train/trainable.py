"""Which parameters a stage trains (spec §9); everything else of the model stays as it is, bit by bit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoexpert.nn.experts import ExpertLinear
from videoexpert.nn.locator import Locator
from videoexpert.nn.model import VideoExpert
from videoexpert.train.options import TrainOptions

_ROW_STD = 0.02
"""Spread of a new `[LOC]` row (spec §9)."""


class LocRow(nn.Module):
    """The rows of `[LOC]` in the table of embeddings and in that of the next-token logits, trained without the tables.

    While it is attached, both tables compute with these rows in the place of theirs, which stay as they are. Where the
    two tables are one, so are the rows. input, output: [H], float32.
    """

    def __init__(self, model: VideoExpert) -> None:
        super().__init__()
        embedding, head = model.llm.get_input_embeddings(), model.llm.get_output_embeddings()  # type: ignore[no-untyped-call]
        assert isinstance(embedding, nn.Embedding) and isinstance(head, nn.Linear)
        self.loc_id = model.config.loc_id
        self.input = nn.Parameter(embedding.weight[self.loc_id].detach().float().clone())
        self.output: nn.Parameter | None = None
        if head.weight is not embedding.weight:
            self.output = nn.Parameter(head.weight[self.loc_id].detach().float().clone())
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        self.tables = {"input": names[id(embedding.weight)]}
        if self.output is not None:
            self.tables["output"] = names[id(head.weight)]
        embedding.register_forward_hook(self._embed)
        head.register_forward_hook(self._score)

    def _embed(self, module: nn.Module, args: tuple[Tensor], output: Tensor) -> Tensor:
        (ids,) = args
        return torch.where((ids == self.loc_id)[..., None], self.input.to(output.dtype), output)

    def _score(self, module: nn.Module, args: tuple[Tensor], output: Tensor) -> Tensor:
        (hidden,) = args
        row = self.input if self.output is None else self.output
        output[..., self.loc_id] = F.linear(hidden, row.to(hidden.dtype)[None])[..., 0].to(output.dtype)
        return output


_MATCH = tuple(f".match.{part}" for part in ("turn.", "log_temperature", "rise.", "around.", "head."))
"""What is trained of a match channel: not its names of classes, nor what tells that nothing is there, which only
questions about what is not there could teach."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that are trained, by their names in a Learner. about: what they are, for people."""

    about: str
    parameters: dict[str, nn.Parameter]

    @property
    def count(self) -> int:
        """How many numbers they hold."""
        return sum(parameter.numel() for parameter in self.parameters.values())


def choose_trainable(model: VideoExpert, options: TrainOptions) -> tuple[list[Group], LocRow | None]:
    """Freeze everything but what the stage trains, which becomes float32; a stage that starts anew starts it anew.

    The new numbers depend on `options.seed` alone.
    """
    model.requires_grad_(False)
    row = None if options.stage == "projector" else LocRow(model)
    if row is not None and options.stage == "experts":
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(options.seed)
            _start_anew(model, row)
    if options.dropout is not None:
        for linear in _expert_linears(model):
            linear.dropout.p = options.dropout
    groups = [group for group in _groups(model, row, options) if group.parameters]
    for group in groups:
        for parameter in group.parameters.values():
            parameter.data = parameter.data.float()
            parameter.requires_grad_(True)
    return groups, row


def _groups(model: VideoExpert, row: LocRow | None, options: TrainOptions) -> Iterator[Group]:
    parameters = dict(model.named_parameters())

    def part(about: str, *marks: str) -> Group:
        return Group(about, {f"model.{n}": p for n, p in parameters.items() if any(mark in f".{n}" for mark in marks)})

    if row is None or options.projector:
        yield part("projector", ".projector.")
    if row is not None:
        yield part("temporal experts", ".temporal.")
        yield part("spatial experts", ".spatial.")
        yield part("temporal head", ".locator.", *_MATCH)
        yield Group("rows of [LOC]", {f"row.{name}": parameter for name, parameter in row.named_parameters()})


def _start_anew(model: VideoExpert, row: LocRow) -> None:
    """Experts that change nothing yet, an untrained head and random rows, drawn on the CPU whatever the device.

    A match channel, which knows the names of classes, stays as it is.
    """
    for linear in _expert_linears(model):
        for expert in (linear.temporal, linear.spatial):
            assert expert is not None
            expert.A.copy_(nn.init.kaiming_uniform_(torch.empty(expert.A.shape), a=math.sqrt(5)))
            expert.B.zero_()
    for head in model.modules():
        if isinstance(head, Locator):
            hidden = model.llm.config.hidden_size
            head.load_state_dict(Locator(hidden, model.config.locator).state_dict())
    for parameter in row.parameters():
        parameter.copy_(nn.init.normal_(torch.empty(parameter.shape), std=_ROW_STD))


def _expert_linears(model: VideoExpert) -> list[ExpertLinear]:
    return [module for module in model.modules() if isinstance(module, ExpertLinear)]
