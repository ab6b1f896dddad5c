"""Where everything lies in the sequence that the language model reads, and the one function that puts it together.

Training and inference assemble the same way. Nothing here assumes a prompt's length or a number of frames.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from videoexpert.config import IGNORED, VIDEO_ID


@dataclass(frozen=True, slots=True)
class TemporalRows:
    """The frame tokens of a batch, one contiguous block per sample: rows starts[i] .. starts[i] + count - 1."""

    starts: tuple[int, ...]
    count: int

    @property
    def _common(self) -> slice | None:
        """The block, where it is the same in all samples."""
        start = self.starts[0]
        return slice(start, start + self.count) if set(self.starts) == {start} else None

    def blocks(self) -> list[tuple[int, slice]]:
        """(sample, rows) of each block."""
        return [(sample, slice(start, start + self.count)) for sample, start in enumerate(self.starts)]

    def take(self, states: Tensor) -> Tensor:
        """The rows of `states` [B, S, X] that are frame tokens: [B, T, X]."""
        if self._common is not None:
            return states[:, self._common]
        return torch.stack([states[block] for block in self.blocks()])

    def put(self, states: Tensor, rows: Tensor) -> Tensor:
        """`states` [B, S, X] with its frame tokens replaced by `rows` [B, T, X]; the input is left alone."""
        if self._common is not None:
            return torch.cat((states[:, : self._common.start], rows, states[:, self._common.stop :]), dim=1)
        whole = [
            torch.cat((states[sample, : block.start], rows[sample], states[sample, block.stop :]))
            for sample, block in self.blocks()
        ]
        return torch.stack(whole)


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """Positions in an assembled batch of B samples.

    starts: first visual position p of each sample; frames: T, the frame tokens p .. p+T-1; visual: N, all visual
    tokens p .. p+N-1; lengths: positions used by each sample, padding not counted.
    """

    starts: tuple[int, ...]
    frames: int
    visual: int
    lengths: tuple[int, ...]

    @property
    def rows(self) -> TemporalRows:
        """The positions that the Temporal Expert handles, as one block per sample (spec §2)."""
        return TemporalRows(self.starts, self.frames)

    def positions(self, samples: Tensor, indices: Tensor) -> Tensor:
        """Assembled positions of the prompt ids `indices` [n] of `samples` [n]: [n] (spec §2)."""
        starts = torch.tensor(self.starts, device=indices.device)[samples]
        return indices + (indices > starts) * (self.visual - 1)

    def predictors(self, samples: Tensor, indices: Tensor) -> Tensor:
        """The positions whose next-token logits predict those ids, which stand for a `[LOC]`: [n] (spec §4)."""
        return self.positions(samples, indices) - 1


@dataclass(frozen=True, slots=True)
class Assembled:
    """What the language model reads.

    embeds: [B, S, H]. mask: [B, S], False on padding; None where there is none. labels: [B, S], -100 where nothing is
    learnt; None where none were given.
    """

    embeds: Tensor
    mask: Tensor | None
    labels: Tensor | None
    layout: TokenLayout


def assemble(
    ids: Tensor,
    visual: Tensor,
    *,
    embed: Callable[[Tensor], Tensor],
    frames: int,
    lengths: Sequence[int] | None = None,
    labels: Tensor | None = None,
) -> Assembled:
    """Put the visual tokens where the prompts name the video (spec §2).

    ids: [B, L], each row with one `VIDEO_ID`; what lies beyond its length is padding. visual: [B, N, H], already
    projected, the first `frames` = T of them frame tokens. embed: ids [B, L] -> [B, L, H]. lengths: ids used by each
    row (all of them where None). labels: [B, L].
    Raises ValueError where a row does not name the video exactly once.
    """
    lengths = tuple(lengths) if lengths is not None else (ids.shape[1],) * len(ids)
    starts = tuple(_placeholder(row[:length].tolist()) for row, length in zip(ids, lengths, strict=True))
    text = embed(ids.clamp(min=0))
    cuts = list(zip(range(len(ids)), starts, lengths, strict=True))
    embeds = _join([torch.cat((text[i, :p], visual[i], text[i, p + 1 : n])) for i, p, n in cuts], 0.0)
    joined = None
    if labels is not None:
        unlearnt = labels.new_full((visual.shape[1],), IGNORED)
        rows = [torch.cat((labels[i, :p], unlearnt, labels[i, p + 1 : n])) for i, p, n in cuts]
        joined = _join(rows, IGNORED)
    whole = tuple(length - 1 + visual.shape[1] for length in lengths)  # S = L - 1 + N
    layout = TokenLayout(starts, frames, visual.shape[1], whole)
    return Assembled(embeds, padding_mask(whole, embeds.device), joined, layout)


def padding_mask(lengths: Sequence[int], device: torch.device) -> Tensor | None:
    """[B, max(lengths)], True on the first lengths[i] positions of row i; None where all rows are full."""
    if len(set(lengths)) == 1:
        return None
    steps = torch.arange(max(lengths), device=device)
    return steps < torch.tensor(lengths, device=device)[:, None]


def _placeholder(ids: list[int]) -> int:
    if ids.count(VIDEO_ID) != 1:
        raise ValueError(f"a prompt must name the video once, got {ids.count(VIDEO_ID)} times")
    return ids.index(VIDEO_ID)


def _join(rows: list[Tensor], padding: float) -> Tensor:
    return rows[0][None] if len(rows) == 1 else pad_sequence(rows, batch_first=True, padding_value=padding)
