"""The vision encoders that there are. CLIP's (spec §0) applies its final norm and projection to every token."""

from typing import TYPE_CHECKING, overload

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videoexpert.config import Attention, EfficientNetConfig, VisionConfig
from videoexpert.nn.building import allocate, attention_name, building
from videoexpert.nn.efficientnet import EfficientNetTower
from videoexpert.nn.tower import VisionTower

if TYPE_CHECKING:
    from transformers import CLIPVisionModelWithProjection

__all__ = ["ClipTower", "EfficientNetTower", "VisionTower", "build_tower", "prepare_pixels"]

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def prepare_pixels(frames: Tensor, size: int) -> Tensor:
    """Frames as the tower expects them: short side to `size` (bicubic), centre crop, CLIP normalisation (spec §0).

    frames: [T, 3, height, width], uint8 RGB. Returns [T, 3, size, size], float32.
    """
    height, width = frames.shape[-2:]
    short = min(height, width)
    pixels = frames.float() / 255
    if short != size:
        scaled = (size * height // short, size * width // short)
        pixels = F.interpolate(pixels, scaled, mode="bicubic", antialias=True).clamp(0, 1)
    height, width = pixels.shape[-2:]
    top, left = round((height - size) / 2), round((width - size) / 2)
    pixels = pixels[..., top : top + size, left : left + size]
    return (pixels - pixels.new_tensor(_MEAN)[:, None, None]) / pixels.new_tensor(_DEVIATION)[:, None, None]


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
    config: VisionConfig | EfficientNetConfig,
    *,
    attn: Attention = ...,
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
    initialise: bool = ...,
) -> VisionTower: ...


def build_tower(
    config: VisionConfig | EfficientNetConfig,
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
        tower = _clip(config, attn) if isinstance(config, VisionConfig) else EfficientNetTower(config)
    return tower if initialise or torch.device(device).type == "meta" else allocate(tower, device)


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
