"""A video made of photographs: the view wanders over each one, and they fade into each other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from videoexpert.atomic import atomic_path
from videoexpert.errors import OutputError, VideoExpertError
from videoexpert.timeline import Span

CODEC_OPTIONS = {"preset": "veryfast", "crf": "20"}


@dataclass(frozen=True, slots=True)
class View:
    """The part of a photograph that fills the picture.

    zoom: 1 is the largest part that fits, 2 half its width and height. x, y: where it lies, from 0 (left, top) to 1.
    """

    zoom: float = 1.0
    x: float = 0.5
    y: float = 0.5

    def __post_init__(self) -> None:
        if self.zoom < 1 or not 0 <= self.x <= 1 or not 0 <= self.y <= 1:
            raise ValueError(f"zoom must be 1 or more, x and y lie in 0 .. 1, got {self}")

    def towards(self, other: "View", share: float) -> "View":
        """The view between this one (share 0) and another (share 1)."""

        def between(one: float, two: float) -> float:
            return one + (two - one) * share

        return View(between(self.zoom, other.zoom), between(self.x, other.x), between(self.y, other.y))

    def box(self, photo: tuple[int, int], picture: tuple[int, int]) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the part, in pixels of a photograph of that width and height."""
        scale = min(photo[0] / picture[0], photo[1] / picture[1]) / self.zoom
        width, height = picture[0] * scale, picture[1] * scale
        left, top = max(0.0, photo[0] - width) * self.x, max(0.0, photo[1] - height) * self.y
        return left, top, min(left + width, photo[0]), min(top + height, photo[1])


@dataclass(frozen=True, slots=True)
class Slide:
    """A photograph, and how it is shown: for so many seconds, the view going from `begin` to `end`.

    fade: seconds in which the slide before it turns into this one, half of them before its start; 0 is a cut.
    """

    photo: Path
    seconds: float
    begin: View = View()
    end: View = View()
    fade: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.fade <= self.seconds or self.seconds <= 0:
            raise ValueError(f"a slide lasts longer than nothing and than its fade, got {self}")


def slide_spans(slides: Sequence[Slide], *, rate: int) -> list[Span]:
    """When each slide is shown, seconds, on whole frames; a fade counts half to either."""
    ends, total = [0], 0.0
    for slide in slides:
        total += slide.seconds
        ends.append(max(ends[-1] + 1, round(total * rate)))
    return [Span(start / rate, end / rate) for start, end in pairwise(ends)]


def write_slideshow(
    slides: Sequence[Slide],
    final: Path,
    *,
    size: tuple[int, int] = (640, 360),
    rate: int = 25,
    overwrite: bool = False,
    on_frame: Callable[[int], None] = lambda frame: None,
) -> list[Span]:
    """Write an MP4 without sound and return when each slide (at least one) is shown.

    size: even width and height. rate: frames a second. on_frame: hears how many frames are written. Raises OutputError
    where the file exists or cannot be written, VideoExpertError where a photograph cannot be read.
    """
    import av
    import numpy as np

    spans = slide_spans(slides, rate=rate)
    with atomic_path(final, overwrite=overwrite) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                stream = container.add_stream("libx264", rate=rate, options=CODEC_OPTIONS)
                stream.width, stream.height = size
                stream.pix_fmt = "yuv420p"
                for number, picture in enumerate(_pictures(slides, spans, size=size, rate=rate), start=1):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
                    on_frame(number)
                container.mux(stream.encode())
        except av.error.FFmpegError as error:
            raise OutputError(f"{final}: {error.strerror or error}", hint="choose another folder") from error
    return spans


def _pictures(slides: Sequence[Slide], spans: Sequence[Span], *, size: tuple[int, int], rate: int) -> Iterator[Any]:
    from PIL import Image

    photos = [_open(slide.photo) for slide in slides]

    def shown(index: int, time: float) -> Any:
        slide, span = slides[index], spans[index]
        share = min(1.0, max(0.0, (time - span.start) / span.duration))
        box = slide.begin.towards(slide.end, share).box(photos[index].size, size)
        return photos[index].resize(size, Image.Resampling.BICUBIC, box=box)

    for index, span in enumerate(spans):
        coming = slides[index + 1] if index + 1 < len(slides) else None
        for frame in range(round(span.start * rate), round(span.end * rate)):
            time = frame / rate
            picture = shown(index, time)
            own = (time - span.start + slides[index].fade / 2) / slides[index].fade if slides[index].fade else 1.0
            if index and own < 1:
                picture = Image.blend(shown(index - 1, time), picture, own)
            if coming is not None and coming.fade and time > span.end - coming.fade / 2:
                share = (time - span.end + coming.fade / 2) / coming.fade
                picture = Image.blend(picture, shown(index + 1, time), share)
            yield picture


def _open(path: Path) -> Any:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError) as error:
        raise VideoExpertError(f"{path}: is no photograph that can be read", hint="give JPEG or PNG files") from error
