"""What every vision encoder is: frames in; features of each frame, and of the patches of some frames, out."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from videoexpert.config import AnyVision
from videoexpert.nn.cores import each_core

AT_ONCE = 16
"""Frames that are in work together at most, which bounds the memory."""


class VisionTower(nn.Module):
    """A frozen vision encoder. network: the module whose parameters are stored, by the names that it gives them."""

    config: AnyVision

    @property
    @abstractmethod
    def network(self) -> nn.Module: ...

    @abstractmethod
    def prepare(self, frames: Tensor) -> Tensor:
        """Frames as `forward` takes them: [T, 3, height, width], uint8 RGB -> [T, 3, h, w], float32."""

    @abstractmethod
    def forward(self, pixels: Tensor) -> Tensor:
        """Prepared pixels -> all tokens [T, 1 + P, D]: the frame's own first, then its patches, row-major."""

    @torch.no_grad()
    def encode(
        self,
        frames: Tensor,
        *,
        keep: Sequence[int],
        batch: int | None = None,
        on_frames: Callable[[int], None] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Features on the tower's device: CLS tokens [T, D], and patches [K, P, D] of the frames `keep`, row-major.

        frames: [T, 3, height, width], uint8 RGB. keep: K frame indices, which may repeat (`compressor.patch_frames`).
        batch: frames that are run together; None: on the CPU one by one on each core, else AT_ONCE.
        on_frames: called with how many frames are done.
        """
        device = next(self.network.parameters()).device
        batch = batch or (1 if device.type == "cpu" else AT_ONCE)
        starts = range(0, len(frames), batch)

        def encoded(start: int) -> tuple[Tensor, dict[int, Tensor]]:
            with torch.no_grad():  # which each thread has for itself
                tokens: Tensor = self(self.prepare(frames[start : start + batch].to(device)))
            # Copies, so that what is not kept is freed.
            patches = {i: tokens[i - start, 1:].clone() for i in keep if start <= i < start + batch}
            return tokens[:, 0].clone(), patches

        cls, patches = [], {}
        with each_core(encoded, starts, device=device, most=AT_ONCE) as results:
            for start, (own, kept) in zip(starts, results, strict=True):
                cls.append(own)
                patches.update(kept)
                if on_frames is not None:
                    on_frames(min(start + batch, len(frames)))
        return torch.cat(cls), torch.stack([patches[i] for i in keep])
