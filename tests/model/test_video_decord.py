"""decord, where it is installed: right on most videos, never without its warning, and known to be wrong on some."""

import importlib.util
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import Corpus
from video_truth import MILLISECOND, SHAPES, true_times

from videoexpert.errors import VideoError
from videoexpert.video import Limits, Sampling, VideoReader

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("decord") is None, reason="NOT TESTED: decord is not installed"
)

WRONG = {
    "hevc.mp4": "open GOP: the frame after a seek is not the keyframe that decord takes it for",
    "opengop_bframes.mp4": "open GOP",
    "mpeg4.avi": "no presentation times, B-frames",
    "interlaced.ts": "no index: seeks land anywhere",
    "h264.ts": "no index: seeks land anywhere",
    "cut_editlist.mp4": "counts the frames that the edit list hides",
    "long_10min.mp4": "gives up skipping frames after a number of tries, so a busy machine gets others",
}
"""Videos of which decord gives other frames than asked for, and why."""

CANNOT = {"raw.h264": "no timestamps", "nonutf8_\udcff.mp4": "takes only names in UTF-8"}
"""Videos that decord does not open, and why."""


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader(limits=Limits(stall=30, total=60)) as reader:
        yield reader


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in WRONG and name not in CANNOT])
def test_frames_of_common_videos(reader: VideoReader, corpus: Corpus, name: str) -> None:
    batch = reader.read_frames(corpus.path(name), Sampling(20), decoder="decord")
    count = corpus.entries[name]["frames"]
    indices = [k * (count - 1) // 19 for k in range(20)]
    shown = [corpus.read_code(picture.transpose(1, 2, 0)) for picture in batch.pixels]
    rotation = corpus.entries[name]["rotation"]
    assert shown == [(corpus.number(name, index), rotation) for index in indices]
    assert np.abs(batch.times - true_times(corpus.entries[name])[indices]).max() < MILLISECOND
    assert any("cannot be checked" in warning for warning in batch.warnings)


@pytest.mark.parametrize("name", sorted(WRONG))
def test_doubtful_frames_come_with_a_warning(reader: VideoReader, corpus: Corpus, name: str) -> None:
    batch = reader.read_frames(corpus.path(name), Sampling(20), decoder="decord")
    assert any("cannot be checked" in warning for warning in batch.warnings)
    assert any("are shifted" in warning for warning in batch.warnings) == (name == "cut_editlist.mp4")


@pytest.mark.parametrize("name", sorted(CANNOT))
def test_what_decord_cannot_open_is_said(reader: VideoReader, corpus: Corpus, name: str) -> None:
    with pytest.raises(VideoError, match="decord cannot open it"):
        reader.read_frames(corpus.path(name), Sampling(5), decoder="decord")
