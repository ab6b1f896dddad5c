"""What the corpus videos really hold: their names, and when each of their frames is shown. And how to make others."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from videoexpert.ffmpeg import encoders, file_url, find_ffmpeg

SHAPES = (
    *("h264_720p_gop2s.mp4", "h264_360p_60s.mp4", "h264_720p_gop10s.mp4", "long_10min.mp4", "hevc.mp4", "vp9.webm"),
    *("av1.mp4", "mpeg4.avi", "h264.mkv", "ntsc_2997.mp4", "film_23976.mp4", "fps60.mp4", "fps10_slow.mp4"),
    *("frames1.mp4", "frames3.mp4", "frames50.mp4", "portrait.mp4", "odd_321x181.mp4", "odd_321x181_420.mkv"),
    *("extreme_wide.mp4", "sar_4x3.mp4", "tenbit.mp4", "hevc_tenbit.mp4", "yuv444.mp4", "fullrange.mp4"),
    *("allintra.mp4", "opengop_bframes.mp4", "onekeyframe.mp4", "interlaced.ts", "h264.ts", "frag.mp4", "start5.mkv"),
    *("start5.mp4", "anim.gif", "silent_audio_longer.mp4", "vfr_half.mp4", "vfr_jitter.mp4", "vfr_gap.mp4"),
    *("cut_editlist.mp4", "cut_copy.mkv", "rot90.mov", "rot180.mov", "rot270.mov", "noduration.mkv", "raw.h264"),
    *("cover_first.mp4", "two_videos.mkv", "hugeduration.mp4"),
)
"""Good videos of all containers, codecs and shapes."""

ODD_NAMES = (
    *("sp ace.mp4", "\u00fcn\u00ef\u4e2d\u6587\U0001f3ac.mp4", "quo\"te's.mp4", "-dash.mp4", "new\nline.mp4"),
    *("pct%03d.mp4", "semi;$(touch PWNED)`touch PWNED2`.mp4", "concat:a.mp4", "http:b.mp4", "comma,colon:eq=[x].mp4"),
    *("back\\slash.mp4", "noextension", "upper.MP4", "wrongext.txt", "pipe:", "file:c.mp4", "100%.mp4", "*glob?.mp4"),
    *("#hash&amp.mp4", "e\u0301.mp4", "nonutf8_\udcff.mp4", "symlink_ok.mp4"),
)
"""The same good video under names that mean something to a shell, to ffmpeg, or to nobody."""

GOOD = SHAPES + ODD_NAMES

PARTIAL = ("trunc60.mp4", "trunc60.mkv", "trunc60_frag.mp4", "corrupt_mid.mp4", "corrupt_zeros.mp4")
"""Videos of which a part can be read."""

SOUND_FIRST = {"h264.ts": 0.0232}
"""Seconds from the start of the file to the first picture, where sound comes before it."""

MILLISECOND = 0.0006
"""Seconds by which a time may miss the true one: some containers round to milliseconds."""


def true_times(entry: dict[str, Any]) -> NDArray[np.float64]:
    """When each frame of a good video is shown, seconds from the start of the file, from the numbers in its frames."""
    runs = [first + step * np.arange(count, dtype=np.float64) for first, step, count in entry["runs"]]
    codes: NDArray[np.float64] = np.concatenate(runs) - runs[0][0]
    match entry["name"]:
        case "vfr_jitter.mp4":
            codes += 0.3 * (7 * codes % 3)
        case "vfr_gap.mp4":
            codes[codes >= 60] += 1800
    return codes / float(Fraction(entry["fps"])) + SOUND_FIRST.get(entry["name"], 0.0)


def readable(name: str) -> str:
    """A file name as part of a test's name."""
    return ascii(name)[1:-1]


def encode(path: Path, encoder: str, *output: str, seconds: int = 2) -> None:
    """Encode some moving picture, 25 frames a second; skips where this ffmpeg lacks the encoder."""
    if encoder not in encoders(find_ffmpeg()):
        pytest.skip(f"NOT TESTED: this ffmpeg has no {encoder}")
    source = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r=25:d={seconds}", "-c:v", encoder, *output]
    command = [find_ffmpeg(), "-loglevel", "error", "-nostdin", *source, file_url(path)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
