"""Stretches of videos become features; what the store has is not looked at again."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial

import torch
from torch import Tensor

from videoexpert.config import CompressorConfig
from videoexpert.features import encode_frames
from videoexpert.nn.vision import VisionTower
from videoexpert.progress import OnStep, Stage, Step, unheard
from videoexpert.store.folder import FeatureStore, Look, Seen
from videoexpert.timeline import Span
from videoexpert.video import DecoderName, Sampling, VideoReader


class VideoEncoder:
    """Looks at stretches of videos. frames: how many are picked of each, T."""

    def __init__(self, tower: VisionTower, compressor: CompressorConfig, *, frames: int) -> None:
        self._tower, self._compressor, self._frames = tower, compressor, frames

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal digits that stand for the weights, what they are made of and what they are run on."""
        tensors = self._tower.state_dict()
        made_of = [type(self._tower).__name__, self._tower.config, self._compressor, *tensors]
        with ThreadPoolExecutor() as threads:
            digests = list(threads.map(_digest, tensors.values()))
        return hashlib.sha256(repr([made_of, digests]).encode()).hexdigest()

    def look(
        self,
        path: str | os.PathLike[str],
        *,
        reader: VideoReader,
        span: Span | None = None,
        decoder: DecoderName = "auto",
        store: FeatureStore | None = None,
        on_step: OnStep = unheard,
    ) -> Seen:
        """Features of a stretch of a video (None: all of it). What the store has is found without opening the video.

        on_step: hears of one window, this stretch, unless it was in the store. Raises VideoError and the reader's other
        errors.
        """
        sampling = Sampling(self._frames, span=span)
        if store is None:
            return self._look(path, sampling, reader, decoder, on_step)
        look = Look.at(path, encoder=self.fingerprint, sampling=sampling, decoder=decoder)
        seen = store.get(look)
        if seen is None:
            seen = self._look(path, sampling, reader, decoder, on_step)
            if Look.at(path, encoder=self.fingerprint, sampling=sampling, decoder=decoder) == look:
                store.put(look, seen)
        return seen

    def _look(
        self,
        path: str | os.PathLike[str],
        sampling: Sampling,
        reader: VideoReader,
        decoder: DecoderName,
        on_step: OnStep,
    ) -> Seen:
        def report(stage: Stage, done: int) -> None:
            on_step(Step(stage, 1, 1, done, sampling.count))

        report("decode", 0)
        size = self._tower.config.image_size
        frames = reader.read_frames(
            path,
            sampling,
            short_side=size,
            interpolation="bicubic",
            decoder=decoder,
            on_frame=partial(report, "decode"),
        )
        report("decode", sampling.count)  # some frames may be the same
        report("encode", 0)
        pixels, times = torch.from_numpy(frames.pixels), tuple(map(float, frames.times))
        looked_at = sampling.span or Span(0.0, frames.info.duration)
        features = encode_frames(
            self._tower,
            self._compressor,
            pixels,
            times,
            looked_at=looked_at,
            on_frames=partial(report, "encode"),
        )
        return Seen(features, frames.warnings)


def _digest(tensor: Tensor) -> str:
    numbers = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return f"{tensor.device.type} {tensor.dtype} {tuple(tensor.shape)} {hashlib.sha256(numbers.data).hexdigest()}"
