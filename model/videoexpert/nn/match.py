"""The match channel: how well a query's words fit what a classifier sees, frame by frame; no hidden state is needed.

Frames and words meet among the names of the classifier's classes, as sentence vectors: a frame is the mean of the names
weighted by its class posterior, and a query is near some names and far from others. A query need not be a name.
Seven channels over the frames go through a small convolutional head, which learns what a moment looks like in them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoexpert.config import MatchConfig
from videoexpert.nn.locator import LocatorOutput
from videoexpert.nn.shots import find_shots

_CHANNELS = 7
_RAW = 3
"""The channels that are not measured against the rest of the video: every other one of the first six."""

_STATISTICS = 3 * _RAW + 1
_WIDTH = 32
_SHARPNESS = 2.0
"""What logits are multiplied by where shots are found: the classifier is less sure than it is right."""

_FALL = 4.0
"""So many logits below its best frame a query is e times less likely."""

_STRANGE = 1.5
"""Logits that a query without a name gains where frames are strange by a deviation."""

_FLAT = 0.01
"""Deviation over the frames below which a curve counts as flat."""

_STILL = 0.1
"""The same for a logit."""


class Matcher(nn.Module):
    """From class logits of frames and vectors of queries to scores, windows and whether it is there at all.

    names: [C, E], unit vectors of the classes' names. A class whose logits are -inf is one that is not known.

    Where an image-text encoder looks, a query is itself something that it can see: one more class, beside the others,
    whose name is the query.

    A shot goes on showing what it shows: once trained, what is heard of each frame, and what is said of it, is drawn
    halfway to the mean of its shot. In training every frame stands for itself, which is the harder exercise.

    What the classifier has no class for looks strange to it: once trained, a query far from every name is looked for
    rather in frames where nothing is recognised.
    """

    def __init__(self, config: MatchConfig, *, classes: int, width: int) -> None:
        super().__init__()
        self.likeliest = min(config.likeliest, classes)
        self.names = nn.Parameter(F.normalize(torch.randn(classes, width), dim=-1), requires_grad=False)
        self.turn = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.turn.weight)
        self.log_temperature = nn.Parameter(torch.tensor([-2.5, -2.8]))
        self.rise = nn.Conv1d(_CHANNELS, config.width, config.kernel, padding=config.kernel // 2)
        wide = 2 * (config.kernel // 2)
        self.around = nn.Conv1d(config.width, config.width, config.kernel, padding=wide, dilation=2)
        self.head = nn.Conv1d(config.width, 3, config.kernel, padding=config.kernel // 2)
        self.presence = nn.Sequential(nn.Linear(_STATISTICS, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 1))

    def forward(self, logits: Tensor, queries: Tensor, owners: Tensor, own: Tensor | None = None) -> LocatorOutput:
        """logits: [B, T, C]; queries: [n, E], unit vectors; owners: [n], the sample that each asks about.

        own: [n, T], the logits of the queries themselves, as classes; None where they have none.
        """
        logits = logits.float()
        shots = None if self.training else _shots(logits)
        if shots is not None:
            logits = _steadied(logits, shots)
            own = None if own is None else _steadied(own[..., None], shots[owners]).squeeze(-1)
        channels, nearest = self.channels(logits, queries.float(), owners, own)
        states = self.rise(channels).relu()
        states = states + self.around(states).relu()
        scores, spans = self.head(states).transpose(1, 2).split((1, 2), dim=-1)
        if shots is not None:
            if own is None:
                scores = scores + ((1 - nearest / 4).clamp(min=0) * _strangeness(logits)[owners])[..., None]
            scores = _steadied(scores, shots[owners])
        raw = channels[:, : 2 * _RAW : 2]
        statistics = torch.cat((raw.amax(-1), raw.mean(-1), raw.std(-1), nearest), dim=-1)
        presence = self.presence(statistics).squeeze(-1)
        return LocatorOutput(scores.squeeze(-1), spans, presence)

    def anything(self, logits: Tensor) -> LocatorOutput:
        """Whatever is seen, of the classes that are surest at some frame. logits: [T, C]. One answer, [1, T]."""
        surest = logits.softmax(dim=-1).amax(dim=0).topk(self.likeliest).indices
        found = self(logits[None], self.names[surest], torch.zeros_like(surest))
        best = found.scores.argmax(dim=0)
        frames = torch.arange(len(best), device=best.device)
        inside = torch.logit(found.scores[best, frames], eps=1e-6)
        return LocatorOutput(inside[None], found.span_logits[best, frames][None])

    def channels(
        self, logits: Tensor, queries: Tensor, owners: Tensor, own: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the head sees: [n, 7, T], and how near the nearest name is to each query: [n, 1].

        The cosine of query and frame; the share of the classes that the query means; how far the logits of these
        classes are above what they are on average; all three also measured against the rest of the video; and how like
        each frame is to the one that fits best.
        """
        names, queries = self._compared(queries)
        known = torch.isfinite(logits).all(dim=1)  # [B, C]
        chances = logits.softmax(dim=-1)
        top = chances.topk(self.likeliest, dim=-1)
        shown = chances @ names  # [B, T, E]
        similar = (queries @ names.t()).masked_fill(~known[owners], -1)  # [n, C]
        nearest = similar.amax(dim=-1, keepdim=True)
        narrow, wide = (((similar - nearest) / width.exp()).exp() for width in self.log_temperature)
        picked = top.indices[owners]
        share = (top.values[owners] * narrow[:, None].expand(-1, picked.shape[1], -1).gather(-1, picked)).sum(dim=-1)
        above = logits.masked_fill(~known[:, None], 0.0)
        above = above - above.mean(dim=1, keepdim=True)
        rise = (above[owners] @ (wide / wide.sum(dim=-1, keepdim=True))[..., None]).squeeze(-1)
        frames = shown[owners]
        if own is not None:
            chance = _chance(own, logits.logsumexp(dim=-1)[owners])
            frames = (1 - chance)[..., None] * frames + chance[..., None] * queries[:, None]
            share = (1 - chance) * share + chance
            rise = (rise + own - own.mean(dim=-1, keepdim=True)) / 2
            nearest = (nearest + 1) / 2
        cosine = (F.normalize(frames, dim=-1) @ queries[..., None]).squeeze(-1)  # [n, T]
        best = (cosine + share + rise / 5).argmax(dim=-1)
        alike = _likeness(above)[owners, best]
        curves = (4 * cosine, 4 * share, rise)
        channels = [channel for curve in curves for channel in (curve, _standard(curve))]
        return torch.stack([*channels, 2 * alike], dim=1), 4 * nearest

    def _compared(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Names and queries as unit vectors of what sets them apart from the mean of all names."""
        middle = self.names.mean(dim=0)
        queries = F.normalize(queries - middle, dim=-1)
        return F.normalize(self.names - middle, dim=-1), F.normalize(queries + self.turn(queries), dim=-1)


def _shots(logits: Tensor) -> Tensor:
    """What gives each frame the mean of its shot: [B, T, T]. logits: [B, T, C]."""
    means = torch.zeros(*logits.shape[:2], logits.shape[1], device=logits.device)
    for video, chances in zip(means, (_SHARPNESS * logits.detach()).softmax(dim=-1), strict=True):
        for shot in find_shots(chances):
            video[shot.start : shot.stop, shot.start : shot.stop] = 1 / len(shot)
    return means


def _steadied(values: Tensor, means: Tensor) -> Tensor:
    """Values of frames [n, T, K], each halfway to the mean of its shot; what is infinite stays so."""
    finite = values.isfinite()
    steady = values.masked_fill(~finite, 0.0)
    return ((steady + means @ steady) / 2).where(finite, values)


def _chance(own: Tensor, others: Tensor) -> Tensor:
    """How likely each frame shows the query itself: [n, T]. own: its logits; others: that of all classes together.

    What fits it far less than its best frame does is something else, though it may have no name among the classes.
    """
    return torch.sigmoid(own - others) * ((own - own.amax(dim=-1, keepdim=True)) / _FALL).exp()


def _strangeness(logits: Tensor) -> Tensor:
    """How much less than elsewhere in the video the classifier recognises anything: [B, T]. logits: [B, T, C]."""
    return -_STRANGE * _standard(logits.amax(dim=-1))


def _standard(curve: Tensor) -> Tensor:
    """A curve [n, T] in deviations from its mean."""
    return (curve - curve.mean(dim=-1, keepdim=True)) / (curve.std(dim=-1, keepdim=True) + _FLAT)


def _likeness(above: Tensor) -> Tensor:
    """The cosine of every two frames in what sets them apart from the rest of the video: [B, T, T].

    above: [B, T, C], logits less their means over the video.
    """
    apart = F.normalize(above / (above.std(dim=1, keepdim=True) + _STILL), dim=-1)
    return apart @ apart.transpose(1, 2)
