"""The vision encoders that there are. CLIP's (spec §0) applies its final norm and projection to every token."""

from typing import TYPE_CHECKING, overload

import torch
from torch import Tensor, nn

from videoexpert.config import AnyVision, Attention, ImageTextConfig, VisionConfig
from videoexpert.nn.building import allocate, attention_name, building
from videoexpert.nn.efficientnet import EfficientNetTower
from videoexpert.nn.imagetext import ImageTextTower, build_sides
from videoexpert.nn.pixels import prepare_pixels
from videoexpert.nn.tower import VisionTower

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

__all__ = ["ClipTower", "EfficientNetTower", "ImageTextTower", "VisionTower", "build_tower"]


class ClipTower(VisionTower):
    """CLIP's vision transformer, frozen. `clip` holds transformers' module, so tensor names are Hugging Face's."""

    config: VisionConfig

    def __init__(self, config: VisionConfig, clip: "CLIPVisionModelWithProjection") -> None:
        super().__init__()
        self.config = config
        self.clip = clip
        self.requires_grad_(False).eval()

    @property
    def network(self) -> nn.Module:
        return self.clip

    def prepare(self, frames: Tensor) -> Tensor:
        """See `prepare_pixels`."""
        return prepare_pixels(frames, self.config.image_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """Prepared pixels [T, 3, size, size] -> all tokens [T, 1 + P, D], CLS first (spec §0)."""
        vision = self.clip.vision_model
        states = vision(pixel_values=pixels.to(self.clip.visual_projection.weight.dtype)).last_hidden_state
        tokens: Tensor = self.clip.visual_projection(vision.post_layernorm(states))
        return tokens


@overload
def build_tower(
    config: VisionConfig,
    *,
    attn: Attention = ...,
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
    initialise: bool = ...,
) -> ClipTower: ...


@overload
def build_tower(
    config: AnyVision,
    *,
    attn: Attention = ...,
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
    initialise: bool = ...,
) -> VisionTower: ...


def build_tower(
    config: AnyVision,
    *,
    attn: Attention = "sdpa",
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    initialise: bool = True,
) -> VisionTower:
    """A tower with random weights, or with memory that nothing was written to yet where `initialise` is false.

    Raises ExtraMissingError where flash attention is asked for and not installed.
    """
    with building(device=device if initialise else "meta", dtype=dtype):
        tower = _tower(config, attn)
    return tower if initialise or torch.device(device).type == "meta" else allocate(tower, device)


def _tower(config: AnyVision, attn: Attention) -> VisionTower:
    if isinstance(config, VisionConfig):
        return _clip(config, attn)
    if isinstance(config, ImageTextConfig):
        return ImageTextTower(config, build_sides(config, attn))
    return EfficientNetTower(config)


def _clip(config: VisionConfig, attn: Attention) -> ClipTower:
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection  # seconds, for models without CLIP

    settings = CLIPVisionConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        projection_dim=config.features,
        hidden_act=config.activation,
        attn_implementation=attention_name(attn),  # type: ignore[call-arg]
    )
    return ClipTower(config, CLIPVisionModelWithProjection(settings))
