"""Frames as the vision transformers expect them."""

from torch import Tensor
from torch.nn import functional as F

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
_HALF = (0.5, 0.5, 0.5)


def prepare_pixels(frames: Tensor, size: int) -> Tensor:
    """Frames as CLIP expects them: short side to `size` (bicubic), centre crop, CLIP normalisation (spec §0).

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
    return _normalised(pixels[..., top : top + size, left : left + size], _CLIP_MEAN, _CLIP_DEVIATION)


def squash_pixels(frames: Tensor, size: int) -> Tensor:
    """Frames as SigLIP expects them: all of each frame, made a square (bicubic), values from -1 to 1.

    frames: [T, 3, height, width], uint8 RGB. Returns [T, 3, size, size], float32.
    """
    pixels = frames.float() / 255
    if pixels.shape[-2:] != (size, size):
        pixels = F.interpolate(pixels, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
    return _normalised(pixels, _HALF, _HALF)


def _normalised(pixels: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    return (pixels - pixels.new_tensor(mean)[:, None, None]) / pixels.new_tensor(deviation)[:, None, None]
