"""A match channel before a video: where words fit what is seen. Nothing is read, so no language model is needed."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from videoexpert.checkpoint import Sentences
from videoexpert.decode import Located
from videoexpert.errors import DeviceError
from videoexpert.features import EncodedVideo
from videoexpert.nn.finder import Finder
from videoexpert.nn.locator import LocatorOutput


class Matching:
    """One video before one model. sentences: what reads words for its match channel; None without one."""

    def __init__(self, model: Finder, video: EncodedVideo, *, sentences: Sentences | None) -> None:
        self._model, self._video, self._sentences = model, video, sentences

    @property
    def windows(self) -> int:
        """How many windows the video is covered by, W."""
        return len(self._video.features)

    @property
    def matches(self) -> bool:
        """Whether the model has a match channel, which knows how surely words fit what is seen."""
        return self._sentences is not None

    def match(self, window: int, words: Sequence[str]) -> list[Located]:
        """What the match channel says of words about a window (from 0)."""
        return self._matched(window, self._vectors(words))

    def find(self, sought: Sequence[str | None]) -> list[list[Located]]:
        """What the match channel alone says of words (None: of anything it knows); for each, one for each window."""
        # One by one, so that no other question changes the last digits.
        vectors = [None if words is None else self._vectors([words]) for words in sought]
        return [
            [located for window in range(self.windows) for located in self._matched(window, asked)] for asked in vectors
        ]

    def located(self, window: int, said: LocatorOutput | None) -> list[Located]:
        """What the temporal head says of each `[LOC]` of a text behind a window, in their order."""
        if said is None:
            return []
        scores, windows = (values.double().cpu().numpy() for values in (said.scores, said.windows))
        if not (np.isfinite(scores).all() and np.isfinite(windows).all()):
            name, dtype = self._video.encoder, self._model.dtype
            raise DeviceError(f"{name}: its scores are not numbers in {dtype}", hint="run it with dtype float32")
        looked_at = self._video.plan.windows[window]
        decoding = self._model.config.locator.decoding
        return [Located(looked_at, *pair, decoding) for pair in zip(scores, windows, strict=True)]

    def _matched(self, window: int, vectors: Tensor | None) -> list[Located]:
        with torch.inference_mode():
            return self.located(window, self._model.match_frames(self._seen(window), vectors))

    def _seen(self, window: int) -> Tensor:
        """The visual features of the frames of a window: [T, D]."""
        features = self._video.features[window]
        return features.tokens[: len(features.times)].to(self._model.device)

    def _vectors(self, words: Sequence[str]) -> Tensor:
        """What the match channel takes for words: [n, E]."""
        assert self._sentences is not None
        return self._sentences.vectors(words)
