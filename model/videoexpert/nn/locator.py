"""The temporal head (spec §5): how well each frame fits a `[LOC]`, and where the moment around it starts and ends."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from videoexpert.config import LocatorConfig


def time_grid(frames: int, *, device: torch.device | None = None) -> Tensor:
    """The times of T frame tokens as fractions of the duration: (i + 1) / T, [T], float32 (spec §5: .01 .. 1)."""
    return torch.arange(1, frames + 1, device=device, dtype=torch.float32) / frames


@dataclass(frozen=True, slots=True)
class LocatorOutput:
    """What the head says about n `[LOC]`s over T frames. class_logits: [n, T]; span_logits: [n, T, 2].

    presence_logits: [n], whether what is asked for is in the video at all; None where that was not judged.
    """

    class_logits: Tensor
    span_logits: Tensor
    presence_logits: Tensor | None = None

    @property
    def scores(self) -> Tensor:
        """How likely each frame lies in the moment: [n, T], float32 in [0, 1]."""
        inside = self.class_logits.float().sigmoid()
        return inside if self.presence_logits is None else inside * self.presence_logits.float().sigmoid()[:, None]

    @property
    def offsets(self) -> Tensor:
        """From each frame to the start (<= 0) and the end (>= 0): [n, T, 2], float32 fractions of the duration."""
        return self.span_logits.float().sigmoid() * self.span_logits.new_tensor((-1, 1), dtype=torch.float32)

    @property
    def windows(self) -> Tensor:
        """The moment that each frame predicts: [n, T, 2], fractions of the duration, not clipped to [0, 1]."""
        grid = time_grid(self.class_logits.shape[-1], device=self.class_logits.device)
        return grid[:, None] + self.offsets

    def __getitem__(self, chosen: slice | list[int]) -> "LocatorOutput":
        presence = None if self.presence_logits is None else self.presence_logits[chosen]
        return LocatorOutput(self.class_logits[chosen], self.span_logits[chosen], presence)

    def __add__(self, other: "LocatorOutput") -> "LocatorOutput":
        """What two parts of a head say together: their logits are added."""
        presence = other.presence_logits if self.presence_logits is None else self.presence_logits
        return LocatorOutput(self.class_logits + other.class_logits, self.span_logits + other.span_logits, presence)


class _ConvHead(nn.Module):
    """Convolutions over the frame axis, zero padded, ReLU between them: [n, W, T] -> [n, outputs, T]."""

    def __init__(self, config: LocatorConfig, outputs: int) -> None:
        super().__init__()
        widths = [config.width] * config.layers + [outputs]
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, config.kernel, padding=config.kernel // 2) for before, after in pairwise(widths)
        )

    def forward(self, states: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            states = layer(states).relu()
        last: Tensor = self.layers[-1](states)
        return last


class Locator(nn.Module):
    """From the final hidden states of the frame tokens and of the `[LOC]`s to scores and windows."""

    def __init__(self, hidden: int, config: LocatorConfig) -> None:
        super().__init__()
        width = config.width
        self.mlp = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.pair: nn.Module | None = None
        if config.interaction == "intact_add":
            self.pair = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.class_head = _ConvHead(config, 1)
        self.span_head = _ConvHead(config, 2)

    def forward(self, frames: Tensor, locs: Tensor, owners: Tensor) -> LocatorOutput:
        """frames: [B, T, H] and locs: [n, H], final-normed hidden states; owners: [n], the sample of each `[LOC]`."""
        frame, loc = self.embed(frames)[owners], self.embed(locs)[:, None]  # [n, T, W], [n, 1, W]
        met = frame + loc if self.pair is None else self.pair(torch.cat((frame, loc.expand_as(frame)), dim=-1))
        states = met.transpose(1, 2)
        return LocatorOutput(self.class_head(states).squeeze(1), self.span_head(states).transpose(1, 2))

    def embed(self, hidden: Tensor) -> Tensor:
        """The shared map of frames and `[LOC]`s: [..., H] -> [..., W]."""
        embedded: Tensor = self.mlp(hidden)
        return embedded
