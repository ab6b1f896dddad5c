"""The video of `vex demo`, half a minute of photographs, and the commands that are shown on it."""

from collections.abc import Sequence
from pathlib import Path

from vexcli.outputs.slideshow import Slide, View, write_slideshow

_SHOWN = (
    (6.0, View(1.0, 0.3, 0.3), View(1.3, 0.7, 0.5)),
    (7.0, View(1.1, 0.4, 0.4), View(1.3, 0.6, 0.6)),
    (7.0, View(1.3, 0.5, 0.8), View(1.0, 0.5, 0.4)),
    (6.0, View(1.0, 0.5, 0.5), View(1.3, 0.6, 0.4)),
    (4.0, View(1.5, 0.1, 0.06), View(1.8, 0.25, 0.1)),  # without the space shuttle beside her
)
"""For how many seconds each photograph is shown, and the part of it at the beginning and at the end."""

FADE = 0.6
"""Seconds of a cross-fade."""


def make_video(photos: Sequence[Path], final: Path, *, overwrite: bool = False) -> None:
    """Write the video of these photographs, one for each of those shown. Raises as `write_slideshow` does."""
    slides = [
        Slide(photo, seconds, begin, end, FADE) for photo, (seconds, begin, end) in zip(photos, _SHOWN, strict=True)
    ]
    write_slideshow(slides, final, size=(640, 360), rate=25, overwrite=overwrite)


def commands(folder: str, options: list[str]) -> list[list[str]]:
    """What to show, as words after `vex`: the video is `demo.mp4` in the folder. options: of those that ask a model."""
    video, results, reel = f"{folder}/demo.mp4", f"{folder}/demo.json", f"{folder}/reel.mp4"
    overwrite = [word for word in options if word == "--overwrite"]
    return [
        ["ground", video, "-q", "a cat", "-q", "a rocket", "-q", "a bicycle", *options],
        ["caption", video, "-f", "srt", "-o", folder, *options],
        ["highlights", video, "a rocket", "-f", "json", "-o", folder, *options],
        ["reel", results, "-o", reel, *overwrite],
    ]
