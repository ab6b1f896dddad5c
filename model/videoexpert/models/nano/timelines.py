"""Videos that were never filmed: what the classifier might say of a hundred frames, drawn from its own weights.

A class's row in the classifier is the direction in which features speak for it. So a frame that shows a thing is that
row, at about the strength that it has in photographs, beside rows of other things and noise in all directions; classes
that look alike come out alike. Shots are put together with cuts and fades, drift as the camera moves, and flicker.
No picture is used.
"""

import random
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

STRENGTH = (3.5, 9.0)
"""How far a thing's row is gone along: its logit is then as in photographs, 4 to 9."""

_BESIDE = (0.5, 4.0)
_BACKGROUND = (0.5, 5.0)
_LIKE = (0.7, 1.05)
_SHOT, _DRIFT, _FRAME = 0.5, 0.3, 0.25
_FADE = 0.015
_SHOTS = (1, 2, 3, 3, 4, 4, 5, 5, 6, 7)
_OTHERS = (0, 0, 1, 1, 2, 3)


@dataclass(frozen=True, slots=True)
class Event:
    """A class that is shown. start, end: fractions of the video."""

    index: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class DrawnTimeline:
    """directions [T, D]: each frame's feature, as far as the classifier hears it. events: what is shown, in order."""

    directions: Tensor
    events: tuple[Event, ...]


class TimelineMaker:
    """Draws timelines of `frames` frames. weight: [C, D] and bias: [C], the classifier's.

    doubtful: the part of the shots that show things which might as well be others.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, frames: int, seed: int, doubtful: float = 0.0) -> None:
        self.choice = random.Random(seed)
        self._noise = torch.Generator().manual_seed(seed)
        self._rows = F.normalize(weight - weight.mean(dim=0), dim=-1)
        self._back: Tensor = torch.linalg.pinv(weight)  # [D, C]
        self._bias, self._frames, self._doubtful = bias, frames, doubtful

    @cached_property
    def _neighbours(self) -> Tensor:
        """The classes most like each: [C, 12]."""
        return (self._rows @ self._rows.t()).fill_diagonal_(-1).topk(12, dim=-1).indices

    def logits(self, timeline: DrawnTimeline) -> Tensor:
        """What the classifier says of the frames: [T, C]."""
        return timeline.directions @ self._rows.t() + self._bias

    def features(self, logits: Tensor) -> Tensor:
        """The least features of which the classifier says that: [T, D]."""
        return (logits - self._bias) @ self._back.t()

    def draw(self) -> DrawnTimeline:
        """The next timeline; one in a few shows nothing."""
        choice, count = self.choice, self.choice.choice(_SHOTS)
        cuts = [0.0, *sorted(choice.random() for _ in range(count - 1)), 1.0]
        classes = self._classes(count)
        directions = torch.zeros(self._frames, self._rows.shape[1])
        for number, index in enumerate(classes):
            share = self._share(cuts[number], cuts[number + 1])
            directions += share[:, None] * self._shot(index)
        directions += _FRAME * self._drawn(self._frames)
        self._flicker(directions)
        directions *= choice.uniform(0.8, 1.15)
        shown = zip(classes, cuts, cuts[1:], strict=False)
        return DrawnTimeline(directions, tuple(Event(i, start, end) for i, start, end in shown if i is not None))

    def _classes(self, count: int) -> list[int | None]:
        """What each shot shows: often something like what was shown before, sometimes nothing, never a thing twice."""
        choice, classes = self.choice, list[int | None]()
        for _ in range(count):
            before = [index for index in classes if index is not None]
            if before and choice.random() < 0.25:
                index = int(self._neighbours[choice.choice(before), choice.randrange(12)])
            else:
                index = choice.randrange(len(self._rows))
            shows = index not in before and (count == 1 or choice.random() > 0.15)
            classes.append(index if shows else None)
        return classes

    def _share(self, start: float, end: float) -> Tensor:
        """How much of each frame a shot makes up: [T], 0 .. 1, fading at its ends."""
        fade = self.choice.random() * _FADE if self.choice.random() < 0.4 else 0.0
        times = (torch.arange(self._frames) + 0.5) / self._frames
        share = torch.ones(self._frames)
        if start > 0:
            share *= ((times - start) / (fade + 1e-4) + 0.5).clamp(0, 1)
        if end < 1:
            share *= ((end - times) / (fade + 1e-4) + 0.5).clamp(0, 1)
        return share

    def _shot(self, index: int | None) -> Tensor:
        """The frames of a shot of a thing, or of nothing in particular: [T, D]."""
        choice = self.choice
        still = _SHOT * self._drawn(1)
        if index is not None:
            strength = choice.uniform(*STRENGTH)
            still = still + strength * self._rows[index]
            if self._doubtful and choice.random() < self._doubtful:
                for other in choice.sample(self._neighbours[index].tolist(), choice.choice((1, 2, 2))):
                    still = still + strength * choice.uniform(*_LIKE) * self._rows[other]
        for _ in range(choice.choice(_OTHERS)):
            strength = choice.uniform(*(_BACKGROUND if index is None else _BESIDE))
            still = still + strength * self._rows[choice.randrange(len(self._rows))]
        course = torch.linspace(-1, 1, self._frames)[:, None]
        shot = still + course * _DRIFT * self._drawn(1)
        if index is not None and choice.random() < 0.3:  # it comes nearer, or goes
            shot = shot + course * choice.uniform(-2, 2) * self._rows[index]
        return shot

    def _flicker(self, directions: Tensor) -> None:
        """Now and then a few frames look like another one."""
        choice = self.choice
        if choice.random() < 0.6:
            for _ in range(choice.randint(1, 3)):
                first, length, other = (
                    choice.randrange(self._frames),
                    choice.randint(1, 4),
                    choice.randrange(self._frames),
                )
                part = choice.uniform(0.3, 0.9)
                frames = directions[first : first + length]
                directions[first : first + length] = frames * (1 - part) + directions[other] * part

    def _drawn(self, count: int) -> Tensor:
        return torch.randn(count, self._rows.shape[1], generator=self._noise)
