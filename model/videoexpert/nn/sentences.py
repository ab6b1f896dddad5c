"""Sentences as vectors: a BERT, and the mean of its states over the words."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoexpert.config import SentenceConfig

_EPSILON = 1e-12
_KINDS = 2


class SentenceEncoder(nn.Module):
    """A frozen sentence encoder: BERT without its pooler, made of torch's own layers. Its tables are to be loaded."""

    def __init__(self, config: SentenceConfig) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.empty(config.vocabulary, config.hidden))
        self.positions = nn.Parameter(torch.empty(config.positions, config.hidden))
        self.kinds = nn.Parameter(torch.empty(_KINDS, config.hidden))
        self.norm = nn.LayerNorm(config.hidden, eps=_EPSILON)
        layer = nn.TransformerEncoderLayer(
            config.hidden,
            config.heads,
            config.intermediate,
            activation="gelu",
            layer_norm_eps=_EPSILON,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids: [n, L]; mask: [n, L], 1 on what is no padding. Returns unit vectors [n, E]."""
        # A sentence is alone, so all its words are of the first kind.
        embedded = self.words[ids] + self.positions[: ids.shape[1]] + self.kinds[0]
        states: Tensor = self.encoder(self.norm(embedded), src_key_padding_mask=mask == 0)
        weights = mask[..., None].to(states.dtype)
        return F.normalize((states * weights).sum(dim=1) / weights.sum(dim=1), dim=-1)
