"""The one dataset: records that become lessons, drawn in a mixture's order."""

import random
from collections.abc import Callable, Sequence

from torch import Tensor
from torch.utils.data import Dataset

from videoexpert.data.collate import Lesson
from videoexpert.data.examples import Example, choose_stretch, cut, make_example
from videoexpert.data.mixture import Mixture
from videoexpert.data.records import Record
from videoexpert.data.targets import loc_targets
from videoexpert.errors import DataError
from videoexpert.features import FrameFeatures
from videoexpert.nn.locator import time_grid
from videoexpert.nn.losses import MomentTargets
from videoexpert.prompts import Tokenizer, build_prompt
from videoexpert.timeline import Span

FeaturesOf = Callable[[str, Span | None], FrameFeatures]
"""What is seen of a stretch of a video (None: all of it). Raises VideoError."""

VectorsOf = Callable[[Sequence[str]], Tensor]
"""Vectors [n, E] of n texts."""


class LessonDataset(Dataset[Lesson]):
    """Lessons by the number of their draw, which may be any: the draws never end.

    records: those of all sources of the mixture. seconds: the longest stretch of video that is seen at once. positions:
    tokens that the model reads at most. vectors_of: reads what is sought, for a match channel; None without one.
    Which words put a question is drawn anew at each draw, by the mixture's seed and the draw's number.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        mixture: Mixture,
        seconds: float,
        positions: int,
        tokenizer: Tokenizer,
        features_of: FeaturesOf,
        vectors_of: VectorsOf | None = None,
    ) -> None:
        self.records, self._mixture, self._seed = records, mixture, mixture.seed
        self._seconds, self._positions = seconds, positions
        self._tokenizer, self._features_of, self._vectors_of = tokenizer, features_of, vectors_of
        self._epoch: tuple[int, list[int]] = 0, self._mixture.epoch(0)

    def __len__(self) -> int:
        """Draws in an epoch."""
        return len(self._mixture)

    def __getitem__(self, draw: int) -> Lesson:
        """The lesson of a draw (from 0). Raises VideoError or DataError where its record gives none."""
        epoch, place = divmod(draw, len(self))
        current = self._epoch
        if current[0] != epoch:
            current = self._epoch = epoch, self._mixture.epoch(epoch)
        return self.lesson(current[1][place], choice=random.Random(f"{self._seed}/draw/{draw}"))

    def lesson(self, index: int, *, choice: random.Random | None = None) -> Lesson:
        """The lesson of a record. choice: draws the words; None takes the first templates. Raises as indexing does."""
        record = self.records[index]
        stretch = choose_stretch(record, seconds=self._seconds, seed=self._seed)
        example = make_example(record, stretch=stretch, choice=choice)
        features = self._features_of(example.video, example.stretch)
        try:
            prompt = build_prompt(example.turns, self._tokenizer)
            targets = _targets(example, features, self._vectors_of)
        except DataError as error:
            raise DataError(f"{example.origin}: {error.message}", hint=error.hint) from error
        most = self._positions + 1 - len(features.tokens)
        if len(prompt.ids) > most:
            raise DataError(
                f"{example.origin}: is {len(prompt.ids)} tokens long, the model takes {most} beside a video",
                hint="shorten it, or divide it into several records",
            )
        return Lesson(prompt.ids, prompt.labels, features.tokens, targets, example.origin)


def _targets(example: Example, features: FrameFeatures, vectors_of: VectorsOf | None) -> MomentTargets:
    """Targets on the scale of what was really looked at, whose end the annotation may miss."""
    seen = features.looked_at
    locs = []
    for windows in example.locs:
        inside = [part for window in windows if (part := cut(window, seen)) is not None]
        if not inside:
            meant = ", ".join(f"{window.start:g}-{window.end:g}" for window in windows)
            raise DataError(f"{meant} s lies outside the video, which has {seen.end:g} s", hint="correct its times")
        locs.append([Span(part.start - seen.start, part.end - seen.start) for part in inside])
    queries = vectors_of(example.sought).cpu() if vectors_of is not None and locs else None
    return MomentTargets(*loc_targets(locs, duration=seen.duration, grid=time_grid(len(features.times))), queries)
