"""Whether the memory of asking about a video depends on its length: two hours beside five minutes.

    python benchmarks/long_video.py [--keep DIR]

A very small random model looks at both in windows and is asked one question. Prints the peak memory of the process, of
the worker that decodes for it, and of both. Exits with 1 where the bound is broken.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from videoexpert.ffmpeg import file_url, find_ffmpeg

MOST_GROWTH = 1.2
"""Times the memory for five minutes that two hours may take."""

SHORT, REPEATS = 300, 24
"""Seconds of the short video, and how often the long one repeats it."""

TESTS = Path(__file__).resolve().parents[1] / "tests"

GROUND = """
import json, resource, sys
from tiny_model import tiny_parts
from videoexpert.options import GroundingOptions
predictor = tiny_parts(frames=100).predictor()
video = predictor.encode(sys.argv[1])
(timeline,) = predictor.ground(video, ["a person opens the door"], options=GroundingOptions(top_k=None))
own, worker = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
last = max(moment.span.end for moment in timeline.moments)
print(json.dumps([own, worker, video.source.duration, len(video.features), last]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """process, worker: peak MiB of either. duration: of the video, seconds. last: end of its last moment, seconds."""

    process: float
    worker: float
    duration: float
    windows: int
    last: float

    @property
    def memory(self) -> float:
        """MiB of both at their peaks."""
        return self.process + self.worker


def ffmpeg(*arguments: str) -> None:
    subprocess.run([find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", *arguments], check=True)


def short_video(folder: Path) -> Path:
    """Five minutes of 360p, encoded unless they are there already."""
    path = folder / "5min.mp4"
    if not path.exists():
        temporary = path.with_suffix(".part.mp4")
        source = f"testsrc2=s=640x360:r=25:d={SHORT}"
        codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "125", "-pix_fmt", "yuv420p"]
        ffmpeg("-y", "-f", "lavfi", "-i", source, *codec, file_url(temporary))
        temporary.replace(path)
    return path


def long_video(folder: Path, short: Path) -> Path:
    """Two hours: the short video over and over, its packets copied as they are."""
    path = folder / "2h.mp4"
    if not path.exists():
        temporary = path.with_suffix(".part.mp4")
        ffmpeg("-y", "-stream_loop", str(REPEATS - 1), "-i", file_url(short), "-c", "copy", file_url(temporary))
        temporary.replace(path)
    return path


def ground(path: Path) -> Cost:
    """What one question about a video takes in a fresh Python."""
    command = [sys.executable, "-c", GROUND, str(path)]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, check=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    return Cost(*json.loads(done.stdout))


def measure(folder: Path) -> bool:
    """Print what both take; whether the bound is kept."""
    short = short_video(folder)
    costs = [ground(path) for path in (short, long_video(folder, short))]
    for cost in costs:
        print(
            f"{cost.duration:6.0f} s, {cost.windows:3} windows, last moment to {cost.last:6.0f} s: "
            f"process {cost.process:6.1f} MiB, worker {cost.worker:6.1f} MiB, both {cost.memory:6.1f} MiB"
        )
    growth = costs[1].memory / costs[0].memory
    kept = growth <= MOST_GROWTH
    print(f"memory, 2 hours / 5 minutes: {growth:.3f} (at most {MOST_GROWTH:g}) {'ok' if kept else 'BROKEN'}")
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the videos, to use them again")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        return 0 if measure(options.keep) else 1
    with tempfile.TemporaryDirectory() as folder:
        return 0 if measure(Path(folder)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
