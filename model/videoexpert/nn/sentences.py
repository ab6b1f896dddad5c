"""Sentences as vectors: a BERT, and the mean of its states over the words."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from videoexpert.config import SentenceConfig


class SentenceEncoder(nn.Module):
    """A frozen sentence encoder. `bert` holds transformers' module, so tensor names are Hugging Face's."""

    def __init__(self, config: SentenceConfig) -> None:
        super().__init__()
        settings = BertConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.intermediate,
            max_position_embeddings=config.positions,
        )
        self.bert = BertModel(settings, add_pooling_layer=False)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids: [n, L]; mask: [n, L], 1 on what is no padding. Returns unit vectors [n, E]."""
        states: Tensor = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(states.dtype)
        return F.normalize((states * weights).sum(dim=1) / weights.sum(dim=1), dim=-1)
