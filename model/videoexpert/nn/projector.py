"""How a classifier's features become tokens of the language model: the frames of a shot spell what it shows."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from videoexpert.nn.shots import find_shots

LONGEST = 8
"""The most tokens that a class's name is spelled with."""

_MOST = 3
_ENOUGH = 0.8
_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class Reading:
    """What a shot shows. frames: those of the shot; classes: what it may be, the likeliest first; none is likely.

    chance: how likely it is one of these, 0 .. 1.
    """

    frames: range
    classes: tuple[int, ...]
    chance: float


class SpellingProjector(nn.Module):
    """token = a token of what the frame's shot shows + W feature + b.

    words: [C, LONGEST, H], the tokens of each class's name, zeros behind the last. marks: [3, H], what begins a shot,
    what stands between two names, and what ends the last. sharpness: what the classifier's logits are multiplied by,
    so that it is as sure as it is right.

    Where a shot shows a thing, its frames spell what the thing is called, over and over: the language model can read
    and repeat it, where a linear map alone would have to learn every word. Where the classifier cannot tell what it is,
    they spell what it may be, joined by "or". The linear part starts at zero.
    """

    def __init__(self, features: int, hidden: int, *, classes: int, sharpness: float = 1.0) -> None:
        super().__init__()
        self.sharpness = sharpness
        self.linear = nn.Linear(features, hidden)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.words = nn.Parameter(torch.randn(classes, LONGEST, hidden) * hidden**-0.5)
        self.marks = nn.Parameter(torch.randn(3, hidden) * hidden**-0.5)

    @property
    def out_features(self) -> int:
        """H."""
        return self.linear.out_features

    @property
    def weight(self) -> Tensor:
        """That of the linear part, [H, D]."""
        return self.linear.weight

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        """features: [B, T, D]; logits: [B, T, C], what the classifier says of them. Returns [B, T, H]."""
        spelled = [torch.cat([self._spell(shot) for shot in self.read(video)]) for video in logits]
        tokens: Tensor = self.linear(features) + torch.stack(spelled)
        return tokens

    @torch.no_grad()
    def read(self, logits: Tensor) -> list[Reading]:
        """The shots of a video in order, and what each shows. logits: [T, C].

        As many names as it takes to be right four times of five, but no more than three, none unlikelier than 0.05,
        and behind the first none that the shot's frames cannot spell.
        """
        chances = (self.sharpness * logits.float()).softmax(dim=-1)
        return [self._likely(frames, chances[frames.start : frames.stop]) for frames in find_shots(chances)]

    def sureness(self, logits: Tensor) -> Tensor:
        """How likely what each frame's shot is called is right, 0 where it is called nothing: [T]. logits: [T, C]."""
        return torch.cat([logits.new_full((len(shot.frames),), shot.chance) for shot in self.read(logits)])

    def _likely(self, frames: range, chances: Tensor) -> Reading:
        """What a shot of these frames may show. chances: [n, C], their posteriors."""
        classes: list[int] = []
        told, room = 0.0, len(chances) - 1
        best = chances.mean(dim=0).topk(min(_MOST, chances.shape[1]))
        for chance, index in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            room -= len(self._name(index)) + 1
            if chance < _LEAST or told >= _ENOUGH or (classes and room < 0):
                break
            classes.append(index)
            told += chance
        return Reading(frames, tuple(classes), told)

    def _name(self, index: int) -> Tensor:
        """The tokens of a class's name: [n, H]."""
        words = self.words[index]
        return words[words.detach().any(dim=-1)]

    def _spell(self, shot: Reading) -> Tensor:
        """A token for each frame of a shot: [n, H]."""
        begin, between, end = self.marks[:, None]
        text = [part for index in shot.classes for part in (between, self._name(index))][1:]
        line = torch.cat((*text, end))
        times = -(-len(shot.frames) // len(line))
        return torch.cat((begin, *[line] * times))[: len(shot.frames)]
