"""The part of a model that locates by sight alone: what it sees is put to a classifier, and matched with words.

It needs no language model, and neither does importing this.
"""

import torch
from torch import Tensor, nn

from videoexpert.config import Classifying, VideoExpertConfig
from videoexpert.nn.locator import LocatorOutput
from videoexpert.nn.match import Matcher


class Finder(nn.Module):
    """There is a `classifier` where the vision tower's features have one, a `match` channel where the configuration
    has one. Both compute in float32."""

    match: Matcher | None
    classifier: nn.Linear | None

    def __init__(self, config: VideoExpertConfig) -> None:
        super().__init__()
        self.config = config
        vision = config.vision
        self.classifier = self.match = None
        if isinstance(vision, Classifying):
            self.classifier = nn.Linear(vision.features, vision.classes).float().requires_grad_(False)
        if config.match and config.sentences and self.classifier is not None:
            classes, width = self.classifier.out_features, config.sentences.hidden
            self.match = Matcher(config.match, classes=classes, width=width).float()

    @property
    def matches_alone(self) -> bool:
        """Whether the match channel locates by itself, so that nothing has to be read to locate."""
        return self.config.match is not None and self.config.match.alone

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The numbers that it computes with."""
        return next(self.parameters()).dtype

    def match_frames(self, seen: Tensor, queries: Tensor | None) -> LocatorOutput:
        """The match channel's word alone about one video. seen: [T, D]. queries: [n, E], or [n, E + D] where an
        image-text encoder says how each looks, as one more row of the classifier; None: anything that it knows.

        Anything is one answer: at each frame that of the class, of the surest ones, which fits it best.
        """
        if queries is not None:
            return self._match(seen[None], queries, torch.zeros(len(queries), dtype=torch.long, device=queries.device))
        assert self.match is not None and self.classifier is not None
        return self.match.anything(self.classifier(seen.float()))

    def _match(self, seen: Tensor, queries: Tensor, owners: Tensor) -> LocatorOutput:
        if self.match is None or self.classifier is None:
            raise ValueError("the model has no match channel")
        seen, width = seen.float(), self.match.names.shape[1]
        looks = queries[:, width:]
        own = (seen[owners] @ looks[..., None]).squeeze(-1) if looks.shape[1] else None
        matched: LocatorOutput = self.match(self.classifier(seen), queries[:, :width], owners, own)
        return matched
