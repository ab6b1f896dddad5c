"""What reading a video costs, as ratios to what the same machine needs for the same file in the same run.

    python benchmarks/video.py [--keep DIR] [--rounds N]

Prints CPU seconds of 100 frames against a bare decode by ffmpeg, the peak memory of reader and worker together, and
how that memory grows with the length of the video. Exits with 1 where a bound is broken.
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

MOST_CPU = 1.1
"""Times the CPU seconds of a bare decode."""

MOST_MEMORY = 150.0
"""MiB, of the reader and its worker together, 100 frames of 1080p."""

MOST_GROWTH = 1.1
"""Times the memory for one minute that ten minutes may take."""

READ_100_FRAMES = """
import json, resource, sys
from videoexpert.video import Sampling, read_frames
batch = read_frames(sys.argv[1], Sampling(100))
assert batch.n_unique == 100, batch.warnings
own, worker = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
print(json.dumps([own, worker]))
"""


@dataclass(frozen=True, slots=True)
class Clip:
    """A test video: its size, its length in seconds, and its number of frames between keyframes."""

    size: str
    seconds: int
    gop: int = 250

    @property
    def name(self) -> str:
        return f"{self.size}_{self.seconds}s.mp4"

    def make(self, folder: Path) -> Path:
        """The video in `folder`, encoded unless it is there already."""
        path = folder / self.name
        if not path.exists():
            source = f"testsrc2=s={self.size}:r=30:d={self.seconds}"
            codec = ["-c:v", "libx264", "-preset", "superfast", "-crf", "23", "-bf", "2", "-g", str(self.gop)]
            temporary = path.with_suffix(".part.mp4")
            ffmpeg("-y", "-f", "lavfi", "-i", source, *codec, "-pix_fmt", "yuv420p", file_url(temporary))
            temporary.replace(path)
        return path


@dataclass(frozen=True, slots=True)
class Cost:
    """cpu: seconds, user and system, children included. reader, worker: peak MiB of either process."""

    cpu: float
    reader: float
    worker: float

    @property
    def memory(self) -> float:
        """MiB of both at their peaks."""
        return self.reader + self.worker


def ffmpeg(*arguments: str) -> float:
    """Run ffmpeg; its CPU seconds."""
    return run([find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", *arguments])[0]


def run(command: list[str]) -> tuple[float, str]:
    """CPU seconds of a command, children included, and what it printed."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, printed


def bare_decode(path: Path) -> float:
    """CPU seconds of decoding every frame of a video and doing nothing with it."""
    return ffmpeg("-threads", "2", "-i", file_url(path), "-map", "0:V:0", "-f", "null", "-")


def read_100_frames(path: Path) -> Cost:
    """What `read_frames` costs in a fresh Python, its start included."""
    cpu, printed = run([sys.executable, "-P", "-c", READ_100_FRAMES, str(path)])
    reader, worker = json.loads(printed)
    return Cost(cpu, reader / 1024, worker / 1024)


def judged(name: str, value: float, most: float, unit: str) -> bool:
    """Print one measured value; whether it keeps its bound."""
    kept = value <= most
    print(f"{name:<52} {value:8.2f} {unit:<4} (at most {most:g}) {'ok' if kept else 'BROKEN'}")
    return kept


def measure(folder: Path, rounds: int) -> bool:
    """Print all ratios; whether every bound is kept."""
    full = Clip("1920x1080", 180).make(folder)
    minute, ten_minutes = (Clip("320x180", seconds).make(folder) for seconds in (60, 600))
    floors, costs = [], []
    for _ in range(rounds):
        floors.append(bare_decode(full))
        costs.append(read_100_frames(full))
    floor, cost = min(floors), min(costs, key=lambda cost: cost.cpu)
    print(f"100 frames of 3 minutes of 1080p H.264: CPU {cost.cpu:.2f} s, a bare decode {floor:.2f} s")
    print(f"peak memory: reader {cost.reader:.1f} MiB, worker {cost.worker:.1f} MiB")
    short, long = read_100_frames(minute), read_100_frames(ten_minutes)
    print(f"320x180: 1 minute {short.memory:.1f} MiB, 10 minutes {long.memory:.1f} MiB")
    verdicts = [
        judged("CPU, 100 frames of 1080p / bare decode", cost.cpu / floor, MOST_CPU, ""),
        judged("peak memory, 100 frames of 1080p", cost.memory, MOST_MEMORY, "MiB"),
        judged("memory, 10 minutes / 1 minute", long.memory / short.memory, MOST_GROWTH, ""),
    ]
    return all(verdicts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for the test videos, to use them again")
    parser.add_argument("--rounds", type=int, default=2, help="times to measure CPU; the least counts (default 2)")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
        return 0 if measure(options.keep, options.rounds) else 1
    with tempfile.TemporaryDirectory() as folder:
        return 0 if measure(Path(folder), options.rounds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
