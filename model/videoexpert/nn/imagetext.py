"""CLIP or SigLIP with both sides: frames and words become unit vectors of one space, whose cosine says what fits."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoexpert.config import Attention, ImageTextConfig
from videoexpert.nn.building import allocate, attention_name, building
from videoexpert.nn.pixels import prepare_pixels, squash_pixels
from videoexpert.nn.tower import VisionTower

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IMAGE_SIDE = ("vision_model", "visual_projection")
TEXT_SIDE = ("text_model", "text_projection")
"""What Hugging Face calls the modules of a side."""


class ImageTextTower(VisionTower):
    """The image side, frozen. sides: transformers' module, of which only the image side is left."""

    config: ImageTextConfig

    def __init__(self, config: ImageTextConfig, sides: "PreTrainedModel") -> None:
        super().__init__()
        self.config = config
        self.sides = _only(sides, IMAGE_SIDE)
        self.requires_grad_(False).eval()

    @property
    def network(self) -> nn.Module:
        return self.sides

    def prepare(self, frames: Tensor) -> Tensor:
        """See `prepare_pixels` and `squash_pixels`."""
        size = self.config.image_size
        return prepare_pixels(frames, size) if self.config.family == "clip" else squash_pixels(frames, size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Prepared pixels [T, 3, size, size] -> unit vectors of all tokens [T, 1 + P, D], that of the image first."""
        vision: Any = self.sides.vision_model
        seen = vision(pixel_values=pixels.to(next(vision.parameters()).dtype))
        if self.config.family == "clip":
            project: Any = self.sides.visual_projection
            tokens = project(vision.post_layernorm(seen.last_hidden_state))
        else:  # where a head of its own pools the patches
            tokens = torch.cat((seen.pooler_output[:, None], seen.last_hidden_state), dim=1)
        return F.normalize(tokens, dim=-1)


class TextEncoder(nn.Module):
    """The text side, frozen. sides: transformers' module, of which only the text side is left."""

    def __init__(self, config: ImageTextConfig, sides: "PreTrainedModel") -> None:
        super().__init__()
        self.config = config
        self.sides = _only(sides, TEXT_SIDE)
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, ids: Tensor) -> Tensor:
        """ids: [n, L], with the tokens that end and fill a text. Returns unit vectors [n, D]."""
        read: Any = self.sides.text_model
        pooled = read(input_ids=ids).pooler_output
        if self.config.family == "clip":
            project: Any = self.sides.text_projection
            pooled = project(pooled)
        return F.normalize(pooled, dim=-1)


def build_text_encoder(config: ImageTextConfig, *, device: torch.device | str, initialise: bool = True) -> TextEncoder:
    """A text side in float32 with random weights, or with memory that nothing was written to yet."""
    with building(device=device if initialise else "meta", dtype=torch.float32):
        encoder = TextEncoder(config, build_sides(config))
    return encoder if initialise or torch.device(device).type == "meta" else allocate(encoder, device)


def build_sides(config: ImageTextConfig, attn: Attention = "sdpa") -> "PreTrainedModel":
    """transformers' module of both sides, where and of what type `building` says. Raises ValueError for bad settings,
    ExtraMissingError where flash attention is asked for and not installed."""
    from transformers import AutoConfig, AutoModel

    settings = AutoConfig.for_model(**config.settings)
    sides: PreTrainedModel = AutoModel.from_config(  # type: ignore[no-untyped-call]
        settings, dtype=torch.get_default_dtype(), attn_implementation=attention_name(attn), trust_remote_code=False
    )
    return sides


def _only(sides: "PreTrainedModel", kept: Iterable[str]) -> "PreTrainedModel":
    """A module without what is not of these names."""
    parts = [*dict(sides.named_children()), *(name for name, _ in sides.named_parameters(recurse=False))]
    for name in parts:
        if name not in kept:
            delattr(sides, name)
    return sides
