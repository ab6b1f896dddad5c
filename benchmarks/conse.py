"""ConSE, a baseline that needs no training: a frame is the sentence vector of its likeliest class names."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files

import torch
from torch import Tensor
from torch.nn import functional as F

from videoexpert.checkpoint.efficientnet import open_efficientnet
from videoexpert.checkpoint.sentences import read_sentences
from videoexpert.config import EfficientNetConfig, SentenceConfig
from videoexpert.data.records import Record
from videoexpert.evaluation import EvaluatedTask
from videoexpert.hub import Origin, fetch, part_store
from videoexpert.hub.nano import PARTS
from videoexpert.nn.vision import build_tower
from videoexpert.timeline import Moment, Span, Timeline
from videoexpert.video import Sampling, read_frames

FRAMES = 100

LIKELIEST = 10
"""How many classes of a frame count (the T of the paper)."""


class Conse:
    """Answers with the stretch around the frame nearest to the query in which the nearness is above half of its range.

    It looks with the same classifier and the same sentence encoder as nano.
    """

    def __init__(self) -> None:
        parts = fetch(PARTS, part_store(), Origin(), on_progress=lambda progress: None)
        config = EfficientNetConfig()
        tower, classifier = open_efficientnet(parts["vision"], config)
        self._tower = build_tower(config)
        self._tower.load_state_dict({name: tensor.read() for name, tensor in tower.items()})
        self._weight, self._bias = (classifier[name].read().float() for name in ("weight", "bias"))
        self._sentences = read_sentences(parts["text"].parent, SentenceConfig())
        lines = (files("videoexpert.models.nano") / "classes.txt").read_text(encoding="utf-8").splitlines()
        self._names = self._sentences.vectors([line.split(",")[0] for line in lines])
        self._path = ""

    def __call__(self, path: str, records: Sequence[Record], task: EvaluatedTask) -> list[Timeline]:
        """A moment for each record about the video at a path."""
        if path != self._path:
            self._logits, self._times = self._look(path)
            self._path = path
        chances, classes = self._logits.softmax(-1).topk(LIKELIEST)
        frames = F.normalize((chances[..., None] * self._names[classes]).sum(-2), dim=-1)
        queries = self._sentences.vectors([record.timeline.query or "" for record in records])
        return [self._answer(record.timeline, curve) for record, curve in zip(records, queries @ frames.T, strict=True)]

    @property
    def forgets(self) -> bool:
        """Whether classes can be hidden."""
        return True

    @contextmanager
    def without(self, classes: Collection[int]) -> Iterator[None]:
        """Within the block the classifier does not know these classes."""
        before = self._logits
        self._logits = before.index_fill(1, torch.tensor(sorted(classes)), -torch.inf)
        yield
        self._logits = before

    def _look(self, path: str) -> tuple[Tensor, list[float]]:
        batch = read_frames(path, Sampling(FRAMES), short_side=self._tower.config.image_size)
        features, _ = self._tower.encode(torch.from_numpy(batch.pixels), keep=[0])
        return F.linear(features.float(), self._weight, self._bias), batch.times.tolist()

    def _answer(self, asked: Timeline, curve: Tensor) -> Timeline:
        near = (curve > (curve.max() + curve.min()) / 2).tolist()
        first = last = int(curve.argmax())
        while first > 0 and near[first - 1]:
            first -= 1
        while last + 1 < len(near) and near[last + 1]:
            last += 1
        ends = [*self._times, asked.video.duration]
        span = Span(ends[first], max(ends[last + 1], ends[first] + 1e-3)).clamp(asked.video.duration)
        moments = (Moment(span, float(curve.max())),) if span is not None else ()
        return Timeline(asked.video, "ground", query=asked.query, moments=moments)
