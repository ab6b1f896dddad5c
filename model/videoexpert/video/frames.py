"""Frames as an array, each with its own time, and how that array is filled."""

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from videoexpert.video.checks import display_name
from videoexpert.video.geometry import LONGEST, Size, read_size
from videoexpert.video.info import Rotation, VideoInfo
from videoexpert.video.protocol import DecoderName, Finished, Interpolation, Picture, ReadFrames
from videoexpert.video.sampling import Sampling, sample_indices


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """The frames that were sampled from one video, upright and in their true proportions.

    pixels: uint8 [T, 3, h, w], RGB, contiguous. times: float64 [T], seconds from the start of the file, never falling:
    when the frame that `pixels` shows appears, also where it stands in for a damaged one. n_unique: how many of the
    frames differ, 1 .. T. decoder: what read them. warnings: what the reader of a result should know, each naming the
    video; those of `info` are among them.
    """

    pixels: NDArray[np.uint8]
    times: NDArray[np.float64]
    n_unique: int
    info: VideoInfo
    decoder: DecoderName
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4 or self.pixels.shape[1] != 3:
            raise ValueError(f"pixels must be uint8 [T, 3, h, w], got {self.pixels.dtype} {self.pixels.shape}")
        if not self.pixels.flags.c_contiguous:
            raise ValueError("pixels must be contiguous")
        if self.times.dtype != np.float64 or self.times.shape != self.pixels.shape[:1]:
            raise ValueError(f"times must be float64 [T], got {self.times.dtype} {self.times.shape}")
        if (np.diff(self.times) < 0).any():
            raise ValueError("times must not fall")
        if not 1 <= self.n_unique <= len(self.times):
            raise ValueError(f"n_unique must be 1 .. {len(self.times)}, got {self.n_unique}")


def upright(rgb: bytes, stored: Size, rotation: Rotation) -> NDArray[np.uint8]:
    """Rows of RGB as stored, turned for showing: uint8 [3, h, w]."""
    picture = np.frombuffer(rgb, np.uint8).reshape(stored.height, stored.width, 3)
    return np.rot90(picture, -(rotation // 90)).transpose(2, 0, 1)


class BatchBuilder:
    """Turns a sampling of one video into the request for its frames, and the replies into a FrameBatch.

    name: what warnings call the video. times: when its frames appear.
    """

    def __init__(
        self, name: str, info: VideoInfo, times: "array[float]", sampling: Sampling, *, short_side: int | None
    ) -> None:
        self._name = name
        self._info = info
        self._times = np.array(times)
        self._size, self._squeezed = read_size(info, short_side=short_side)
        self._stored = self._size.turned(info.rotation)
        asked = sample_indices(self._times, info.duration, sampling)
        self._wanted, self._places = np.unique(asked, return_inverse=True)
        self._shown = np.full(len(self._wanted), -1)
        self._pixels = np.empty((sampling.count, 3, self._size.height, self._size.width), np.uint8)

    def request(self, interpolation: Interpolation, decoder: DecoderName) -> ReadFrames:
        """What to ask the worker for."""
        wanted = tuple(self._wanted.tolist())
        return ReadFrames(wanted, self._stored.width, self._stored.height, interpolation, decoder)

    def add(self, picture: Picture, rgb: bytes) -> None:
        """Take one frame, at every place where it was sampled."""
        self._shown[picture.position] = picture.index
        self._pixels[self._places == picture.position] = upright(rgb, self._stored, self._info.rotation)

    def batch(self, finished: Finished) -> FrameBatch:
        """The whole batch, once all frames are there."""
        if (self._shown < 0).any():
            raise RuntimeError(f"{self._name}: the worker left out {(self._shown < 0).sum()} frames")
        shown = self._shown[self._places]
        damaged = int((shown != self._wanted[self._places]).sum())
        found = [f"{self._name}: {display_name(warning)}" for warning in finished.warnings]
        if damaged:
            found.append(
                f"{self._name}: {damaged} of {len(shown)} frames are damaged, the nearest intact ones are used"
            )
        if self._squeezed:
            found.append(f"{self._name}: longer than {LONGEST}:1, so its pictures are squeezed to that")
        return FrameBatch(
            pixels=self._pixels,
            times=self._times[shown],
            n_unique=len(set(shown.tolist())),
            info=self._info,
            decoder=finished.decoder,
            warnings=(*self._info.warnings, *found),
        )
