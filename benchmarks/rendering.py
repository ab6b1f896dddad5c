"""Videos made of photographs, with the truth about them: what is shown, and when.

    python benchmarks/rendering.py IMAGES OUT [--count N] [--seed N] [--classes FILE]

IMAGES holds photographs named `NNNN_name.jpg`, NNNN being the index of an ImageNet class. Every video shows 3 to 7 of
them in 20 to 60 seconds, each of another class, with pans, zooms, cuts and cross-fades. The same seed gives the same
videos, whatever their count. OUT gets the videos and `truth.jsonl`, one annotation for each.
"""

import argparse
import random
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from vexcli.outputs.slideshow import Slide, View, write_slideshow
from videoexpert.results import dumps_line, read_results
from videoexpert.timeline import Moment, Source, Span, Timeline

TRUTH = "truth.jsonl"
"""The annotations: the moments of a timeline are its segments, and the text of each is the name of its class."""

SIZE = (512, 288)
RATE = 15
SEGMENTS = (3, 7)
SECONDS = (20.0, 60.0)
SHORTEST = 3.0
"""Seconds of the shortest segment."""

_NAME = re.compile(r"(\d{4})_(.+)\.jpe?g", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph of an ImageNet class. index: of the class, 0 .. 999. name: of the class, in words."""

    path: Path
    index: int
    name: str

    @classmethod
    def of(cls, path: Path) -> "Photo | None":
        """The photograph of a file, None where its name is another."""
        match = _NAME.fullmatch(path.name)
        return cls(path, int(match[1]), match[2].replace("_", " ")) if match else None


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video that shows one photograph. index, name: of its class."""

    span: Span
    index: int
    name: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A video and what it shows, in order of time, from its start to its end without a gap."""

    source: Source
    segments: tuple[Segment, ...]

    @property
    def id(self) -> str:
        """What it is called: the name of its file without the suffix."""
        return Path(self.source.path).stem


def photos(images: Path, *, classes: Collection[int] | None = None) -> list[Photo]:
    """The photographs of a folder, by class. classes: the indices to take, None for all."""
    found = [photo for path in sorted(images.iterdir()) if (photo := Photo.of(path)) is not None]
    return [photo for photo in found if classes is None or photo.index in classes]


def render_set(
    images: Path, out: Path, *, count: int, seed: int, classes: Collection[int] | None = None
) -> list[Rendered]:
    """Render `count` videos into `out` and write `truth.jsonl` beside them; files that exist are replaced.

    classes: the indices of the classes that may be shown, None for all there are photographs of. Raises ValueError
    where fewer are left than a video can show.
    """
    chosen = photos(images, classes=classes)
    if len({photo.index for photo in chosen}) < SEGMENTS[1]:
        raise ValueError(f"{images}: {SEGMENTS[1]} classes are needed, got {len(chosen)}")
    out.mkdir(parents=True, exist_ok=True)
    rendered = [_render(chosen, out / f"s{seed}-{number:03}.mp4", seed, number) for number in range(count)]
    lines = "".join(f"{dumps_line(annotation(video))}\n" for video in rendered)
    (out / TRUTH).write_text(lines, encoding="utf-8")
    return rendered


def read_set(folder: Path) -> list[Rendered]:
    """What `render_set` gave, read from its folder, wherever that lies now."""
    return [_parse(folder, timeline) for timeline in read_results(folder / TRUTH)]


def annotation(video: Rendered) -> Timeline:
    """The truth about a video: every segment is a moment, called `NNNN name`."""
    moments = tuple(Moment(segment.span, text=f"{segment.index:04} {segment.name}") for segment in video.segments)
    return Timeline(video.source, "annotation", moments=moments, id=video.id)


def grounding(video: Rendered) -> Iterator[Timeline]:
    """A question for each segment: when is its class to be seen? The id is that of the video and of the class."""
    for segment in video.segments:
        truth = (Moment(segment.span),)
        yield Timeline(video.source, "ground", query=segment.name, moments=truth, id=f"{video.id}/{segment.index:04}")


def _parse(folder: Path, timeline: Timeline) -> Rendered:
    segments = []
    for moment in timeline.moments:
        index, _, name = (moment.text or "").partition(" ")
        segments.append(Segment(moment.span, int(index), name))
    return Rendered(replace(timeline.video, path=str(folder / Path(timeline.video.path).name)), tuple(segments))


def _render(chosen: Sequence[Photo], path: Path, seed: int, number: int) -> Rendered:
    draw = random.Random(f"{seed}/{number}")
    shown = _different_classes(draw, chosen, draw.randint(*SEGMENTS))
    slides = _slides(draw, shown)
    spans = write_slideshow(slides, path, size=SIZE, rate=RATE, overwrite=True)
    source = Source(str(path), spans[-1].end, Fraction(RATE), *SIZE)
    return Rendered(
        source, tuple(Segment(span, photo.index, photo.name) for span, photo in zip(spans, shown, strict=True))
    )


def _different_classes(draw: random.Random, chosen: Sequence[Photo], count: int) -> list[Photo]:
    by_class = {photo.index: photo for photo in draw.sample(chosen, len(chosen))}
    return [by_class[index] for index in draw.sample(sorted(by_class), count)]


def _slides(draw: random.Random, shown: Sequence[Photo]) -> list[Slide]:
    """Slides of random lengths that together last as long as a video may."""
    total = draw.uniform(max(SECONDS[0], SHORTEST * len(shown)), SECONDS[1])
    shares = [draw.uniform(0.3, 1.0) for _ in shown]
    free = total - SHORTEST * len(shown)
    slides = []
    for photo, share in zip(shown, shares, strict=True):
        fade = 0.0 if draw.random() < 0.5 else draw.uniform(0.3, 1.5)
        seconds = SHORTEST + free * share / sum(shares)
        slides.append(Slide(photo.path, seconds, _view(draw), _view(draw), fade))
    return slides


def _view(draw: random.Random) -> View:
    """Never far from the middle, where what a photograph shows mostly is."""
    return View(draw.uniform(1.0, 1.35), draw.uniform(0.25, 0.75), draw.uniform(0.25, 0.75))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path, help="folder of photographs")
    parser.add_argument("out", type=Path, help="folder for the videos and their truth")
    parser.add_argument("--count", type=int, default=60, help="how many videos (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="which videos (default 0)")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="indices of the classes to show, one a line")
    given = parser.parse_args()
    classes = [int(line) for line in given.classes.read_text().split()] if given.classes else None
    videos = render_set(given.images, given.out, count=given.count, seed=given.seed, classes=classes)
    seconds = sum(video.source.duration for video in videos)
    print(f"{len(videos)} videos, {seconds / 60:.1f} minutes, {sum(len(video.segments) for video in videos)} segments")


if __name__ == "__main__":
    main()
