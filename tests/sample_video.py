"""Make a small video to try vex with: `python tests/sample_video.py talk.mp4` (12 s, 640x360, with sound).

A file that exists is left as it is.
"""

import sys
from pathlib import Path

from videoexpert.ffmpeg import file_url, run


def make_sample(path: Path, *, seconds: int = 12) -> None:
    """Write a test picture with a running clock and a tone. seconds: length of the video."""
    picture = ("-f", "lavfi", "-i", f"testsrc=size=640x360:rate=30:duration={seconds}")
    sound = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=44100:duration={seconds}")
    codecs = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    run([*picture, *sound, *codecs, "-y", "-f", "mp4", file_url(path)])


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        if not path.exists():
            make_sample(path)
