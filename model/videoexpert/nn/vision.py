"""The vision tower (spec §0): frames to CLIP features, the final norm and projection applied to every token."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from videoexpert.config import Attention, VisionConfig
from videoexpert.nn.building import allocate, attention_name, building

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


class VisionTower(nn.Module):
    """CLIP's vision transformer, frozen. `clip` holds transformers' module, so tensor names are Hugging Face's."""

    def __init__(self, config: VisionConfig, clip: CLIPVisionModelWithProjection) -> None:
        super().__init__()
        self.config = config
        self.clip = clip
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def encode(self, frames: Tensor, *, keep: Sequence[int], batch: int = 16) -> tuple[Tensor, Tensor]:
        """Features on the tower's device: CLS tokens [T, D], and patches [K, P, D] of the frames `keep`, row-major.

        frames: [T, 3, height, width], uint8 RGB. keep: K frame indices, which may repeat (`compressor.patch_frames`).
        batch: frames that are run at once, which bounds the memory.
        """
        cls, patches = [], {}
        for start in range(0, len(frames), batch):
            tokens = self(prepare_pixels(frames[start : start + batch].to(self._device), self.config.image_size))
            cls.append(tokens[:, 0])
            # Copies, so that what is not kept is freed.
            patches.update({i: tokens[i - start, 1:].clone() for i in keep if start <= i < start + batch})
        return torch.cat(cls), torch.stack([patches[i] for i in keep])

    def forward(self, pixels: Tensor) -> Tensor:
        """Prepared pixels [T, 3, size, size] -> all tokens [T, 1 + P, D], CLS first (spec §0)."""
        vision = self.clip.vision_model
        states = vision(pixel_values=pixels.to(self.clip.visual_projection.weight.dtype)).last_hidden_state
        tokens: Tensor = self.clip.visual_projection(vision.post_layernorm(states))
        return tokens

    @property
    def _device(self) -> torch.device:
        device: torch.device = self.clip.visual_projection.weight.device
        return device


def build_tower(
    config: VisionConfig,
    *,
    attn: Attention = "sdpa",
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    initialise: bool = True,
) -> VisionTower:
    """A tower with random weights, or with memory that nothing was written to yet where `initialise` is false.

    Raises ExtraMissingError where flash attention is asked for and not installed.
    """
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
    with building(device=device if initialise else "meta", dtype=dtype):
        tower = VisionTower(config, CLIPVisionModelWithProjection(settings))
    return tower if initialise or torch.device(device).type == "meta" else allocate(tower, device)
