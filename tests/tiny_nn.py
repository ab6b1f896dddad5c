"""Tiny random models for tests: every size is odd on purpose, so that a wrong axis does not fit."""

from typing import Any

import torch
from torch import Tensor, nn

from videoexpert.config import (
    VIDEO_ID,
    Attention,
    CompressorConfig,
    ExpertConfig,
    LocatorConfig,
    VideoExpertConfig,
    VisionConfig,
)
from videoexpert.nn.experts import LowRank
from videoexpert.nn.model import VideoExpert, build_model

VOCABULARY = 53
LOC_ID = VOCABULARY - 1
FRAMES = 7


def tiny_config(**llm: Any) -> VideoExpertConfig:
    """A model of two layers that sees 7 frames of 4x4 patches and 12 features. llm: settings that differ."""
    settings: dict[str, Any] = {
        "model_type": "llama",
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 256,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        "initializer_range": 0.4,
    }
    return VideoExpertConfig(
        llm=settings | llm,
        loc_id=LOC_ID,
        frames=FRAMES,
        vision=VisionConfig(image_size=8, patch_size=2, hidden=16, layers=2, heads=2, intermediate=20, features=12),
        compressor=CompressorConfig(salient=3, uniform=2),
        experts=ExpertConfig(rank=3, alpha=6, dropout=0.05),
        locator=LocatorConfig(width=10),
    )


def tiny_model(config: VideoExpertConfig | None = None, *, attn: Attention = "sdpa", seed: int = 0) -> VideoExpert:
    """A model in evaluation mode whose experts do something: a new expert's B is zero."""
    torch.manual_seed(seed)
    model = build_model(config or tiny_config(), attn=attn).eval()
    wake_experts(model)
    return model


def wake_experts(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, LowRank):
            nn.init.normal_(part.B, std=0.3)


def visual_tokens(model: VideoExpert, *, batch: int = 1, frames: int = FRAMES, seed: int = 1) -> Tensor:
    """Random visual tokens [B, N, D]."""
    generator = torch.Generator().manual_seed(seed)
    count = frames + model.config.compressed
    return torch.randn(batch, count, model.config.vision.features, generator=generator)


def prompt_ids(length: int, placeholder: int, *, seed: int = 2, locs: tuple[int, ...] = ()) -> Tensor:
    """Random ids [L] with the video at `placeholder` and `[LOC]` at `locs`."""
    ids = torch.randint(3, LOC_ID, (length,), generator=torch.Generator().manual_seed(seed))
    ids[placeholder] = VIDEO_ID
    ids[list(locs)] = LOC_ID
    return ids
