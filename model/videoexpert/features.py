"""What the language model is shown of a video: the visual tokens of each window, small enough to be kept."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from videoexpert.config import CompressorConfig
from videoexpert.nn.compressor import patch_frames, spatial_compress
from videoexpert.nn.vision import VisionTower
from videoexpert.timeline import Source, Span
from videoexpert.windows import WindowPlan


@dataclass(frozen=True, slots=True, eq=False)
class FrameFeatures:
    """One looked-at stretch of a video as visual tokens.

    looked_at: the stretch, seconds. times: seconds at which the T frames appear, never falling. tokens [N, D]: the CLS
    tokens of the T frames, then the compressed patches (spec §1.9); float16 on the CPU, as the published features are.
    """

    looked_at: Span
    times: tuple[float, ...]
    tokens: Tensor

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.tokens.dtype != torch.float16 or self.tokens.device.type != "cpu":
            raise ValueError(f"expected float16 tokens [N, D] on the CPU, not {self.tokens.shape} {self.tokens.dtype}")
        if not 1 <= len(self.times) <= len(self.tokens):
            raise ValueError(f"{len(self.tokens)} tokens for {len(self.times)} frames")


@dataclass(frozen=True, slots=True, eq=False)
class EncodedVideo:
    """A video that was looked at, ready for any number of questions.

    encoder: the name of the model that looked, which alone can read the features. features: one for each window of the
    plan. warnings: what was wrong with the file though it could be read.
    """

    source: Source
    encoder: str
    plan: WindowPlan
    features: tuple[FrameFeatures, ...]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if tuple(features.looked_at for features in self.features) != self.plan.windows:
            raise ValueError("there must be features for each window of the plan")


def encode_frames(
    tower: VisionTower,
    compressor: CompressorConfig,
    pixels: Tensor,
    times: tuple[float, ...],
    *,
    looked_at: Span,
    on_frames: Callable[[int], None] | None = None,
) -> FrameFeatures:
    """Features of the frames that stand for the stretch `looked_at`.

    pixels: uint8 RGB [T, 3, height, width]. times: seconds [T]. Patches are kept of the frames that Spatial Compress
    reads alone. on_frames: called with how many frames are done. Raises ValueError where T is less than it needs.
    """
    cls, patches = tower.encode(pixels, keep=patch_frames(len(pixels), compressor), on_frames=on_frames)
    with torch.inference_mode():
        tokens = spatial_compress(cls[None], patches[None], compressor)[0]
    return FrameFeatures(looked_at, times, tokens.to("cpu", torch.float16))
