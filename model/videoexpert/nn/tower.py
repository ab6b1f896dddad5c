"""What every vision encoder is: frames in; features of each frame, and of the patches of some frames, out."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from videoexpert.config import EfficientNetConfig, VisionConfig


class VisionTower(nn.Module):
    """A frozen vision encoder. network: the module whose parameters are stored, by the names that it gives them.

    at_once: frames that are run together where nothing else is asked for, which bounds the memory.
    """

    config: VisionConfig | EfficientNetConfig
    at_once = 16

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
        batch: frames that are run together, `at_once` where None. on_frames: called with how many frames are done.
        """
        batch = batch or self.at_once
        device = next(self.network.parameters()).device
        cls, patches = [], {}
        for start in range(0, len(frames), batch):
            tokens: Tensor = self(self.prepare(frames[start : start + batch].to(device)))
            # Copies, so that what is not kept is freed.
            cls.append(tokens[:, 0].clone())
            patches.update({i: tokens[i - start, 1:].clone() for i in keep if start <= i < start + batch})
            if on_frames is not None:
                on_frames(min(start + batch, len(frames)))
        return torch.cat(cls), torch.stack([patches[i] for i in keep])
