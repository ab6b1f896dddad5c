"""Play a written video frame by frame, as a viewer would: which numbers it shows, when, and when it is loud."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from conftest import Corpus


@dataclass(frozen=True)
class Played:
    """numbers: that each frame shows, None where it shows none. times: seconds from the start of the file.

    length, sound_length: of the tracks, seconds; sound_length is None without sound. turned: degrees by which the
    pictures lie on their side.
    """

    numbers: list[int | None]
    times: list[float]
    size: tuple[int, int]
    length: float
    sound_length: float | None
    turned: set[int]
    title: str | None
    rate: float


@contextmanager
def _opened(path: str | Path) -> Iterator[tuple[InputContainer, float]]:
    """The file, and when it starts by its own clock, seconds."""
    with av.open(f"file:{path}") as container:
        yield container, (container.start_time or 0) / av.time_base


def _seconds(ticks: int | None, time_base: Fraction | None) -> float:
    assert ticks is not None and time_base is not None
    return float(ticks * time_base)


def play(path: str | Path, corpus: Corpus, *, shape: tuple[int, int] | None = None) -> Played:
    """Decode every frame, from the first to the last. shape: of the picture in the middle, where it has bars."""
    numbers: list[int | None] = []
    times: list[float] = []
    turned: set[int] = set()
    with _opened(path) as (container, start):
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            assert frame.rotation == 0, "a player would have to turn it"
            pixels = frame.to_ndarray(format="gray")
            if shape is not None:
                left, top = (pixels.shape[1] - shape[0]) // 2, (pixels.shape[0] - shape[1]) // 2
                pixels = pixels[top : top + shape[1], left : left + shape[0]]
            read = corpus.read_code(pixels)
            numbers.append(read[0] if read else None)
            turned |= {read[1]} if read else set()
            times.append(_seconds(frame.pts, stream.time_base) - start)
        sound = container.streams.audio[0] if container.streams.audio else None
        return Played(
            numbers,
            times,
            size=(stream.codec_context.width, stream.codec_context.height),
            length=_seconds(stream.duration, stream.time_base),
            sound_length=_seconds(sound.duration, sound.time_base) if sound else None,
            turned=turned,
            title=container.metadata.get("title"),
            rate=float(stream.average_rate or 0),
        )


def flashes(path: str | Path) -> list[float]:
    """When the picture turns white, seconds."""
    with _opened(path) as (container, start):
        frames = [
            (_seconds(frame.pts, frame.time_base) - start, bool(frame.to_ndarray(format="gray").mean() > 128))
            for frame in container.decode(video=0)
        ]
    return [time for (_, before), (time, now) in pairwise([(0.0, False), *frames]) if now and not before]


def beeps(path: str | Path) -> list[float]:
    """When it becomes loud after silence, seconds."""
    loud: list[float] = []
    with _opened(path) as (container, start):
        for frame in container.decode(audio=0):
            strength = np.abs(frame.to_ndarray().astype(np.float32)).max(axis=0)
            first = _seconds(frame.pts, frame.time_base) - start
            loud += [first + place / frame.sample_rate for place in np.flatnonzero(strength > 0.25).tolist()]
    return [time for before, time in pairwise([-1.0, *loud]) if time - before > 0.05]
