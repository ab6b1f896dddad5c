"""Every good video of the corpus: what it is, and frames that show the number asked for at their true times."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Corpus
from video_truth import GOOD, MILLISECOND, ODD_NAMES, PARTIAL, SHAPES, encode, readable, true_times

from videoexpert.timeline import Span
from videoexpert.video import DecoderName, FrameBatch, Interpolation, Limits, Sampling, VideoReader
from videoexpert.video.sampling import Rule

APPROXIMATE = {"mpeg4.avi", "raw.h264"}
UNEVEN = {"vfr_half.mp4", "vfr_jitter.mp4", "vfr_gap.mp4"}


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader(limits=Limits(stall=30, total=120)) as reader:
        yield reader


def expected_indices(name: str, times: np.ndarray, end: float, rule: Rule) -> list[int]:
    """The 100 frames to look at, worked out in the plain way."""
    count = len(times)
    if rule == "videoexpert":
        return [int(Fraction(k * (count - 1), 99)) for k in range(100)]
    if name not in UNEVEN:
        return [int((k + Fraction(1, 2)) * count / 100) for k in range(100)]
    moments = [times[0] + (k + 0.5) * (end - times[0]) / 100 for k in range(100)]
    return [int(np.flatnonzero(times <= moment)[-1]) for moment in moments]


def shown(corpus: Corpus, batch: FrameBatch) -> list[tuple[int, int] | None]:
    """The number in each picture, and how far it is turned."""
    return [corpus.read_code(picture.transpose(1, 2, 0)) for picture in batch.pixels]


@pytest.mark.parametrize(
    ("decoder", "rule"), [("pyav", "videoexpert"), ("pyav", "uniform"), ("ffmpeg", "videoexpert")], ids=str
)
@pytest.mark.parametrize("name", GOOD, ids=readable)
def test_the_frames_asked_for_at_their_times(
    reader: VideoReader, corpus: Corpus, name: str, decoder: DecoderName, rule: Rule
) -> None:
    entry = corpus.entries[name]
    batch = reader.read_frames(corpus.path(name), Sampling(100, rule), decoder=decoder)
    times = true_times(entry)
    indices = expected_indices(name, times, batch.info.duration, rule)
    assert shown(corpus, batch) == [(corpus.number(name, index), entry["rotation"]) for index in indices]
    assert np.abs(batch.times - times[indices]).max() < MILLISECOND
    assert batch.decoder == decoder
    assert batch.n_unique == len(set(indices))
    width, height = entry["display"]
    assert min(batch.pixels.shape[2:]) == 224
    proportion = max(1 / 8, min(8, width / height))
    assert batch.pixels.shape[3] / batch.pixels.shape[2] == pytest.approx(proportion, rel=1 / 224)
    assert batch.warnings == () or name == "extreme_wide.mp4"


@pytest.mark.parametrize("name", GOOD, ids=readable)
def test_what_a_video_is(reader: VideoReader, corpus: Corpus, name: str) -> None:
    entry = corpus.entries[name]
    info = reader.probe(corpus.path(name))
    assert info.path == corpus.path(name)
    assert info.frame_count == entry["frames"]
    assert [info.width, info.height] == entry["display"]
    assert [info.stored_width, info.stored_height] == [entry["width"], entry["height"]]
    assert info.rotation == entry["rotation"]
    assert info.sar == Fraction(entry["sar"].replace(":", "/"))
    assert info.has_audio == entry["audio"]
    assert info.variable_frame_rate == (name in UNEVEN)
    assert info.approximate_times == (name in APPROXIMATE)
    assert name in UNEVEN or info.fps == Fraction(entry["fps"])
    assert entry["start"] is None or info.start == pytest.approx(entry["start"], abs=0.1)
    assert info.duration == pytest.approx(entry["duration"], abs=0.07)
    assert info.warnings == ()
    assert info.source().duration == info.duration


@pytest.mark.parametrize("name", SHAPES)
def test_all_frame_times(reader: VideoReader, corpus: Corpus, name: str) -> None:
    path, truth = corpus.path(name), true_times(corpus.entries[name])
    times = reader.frame_times(path)
    assert len(times) == len(truth) and times.dtype == np.float64
    assert np.abs(times - truth).max() < MILLISECOND
    assert (np.diff(times) > 0).all() and times[0] >= 0
    assert set(reader.keyframe_times(path)) <= set(times)
    assert reader.sample_times(path, Sampling(2)).tolist() == [times[0], times[-1]]


def test_the_lists_of_names_are_complete(corpus: Corpus) -> None:
    assert set(GOOD) == {name for name, entry in corpus.entries.items() if entry["outcome"] == "ok"}
    assert set(PARTIAL) == {name for name, entry in corpus.entries.items() if entry["outcome"] == "partial"}


@pytest.mark.parametrize("interpolation", ["area", "bicubic"])
@pytest.mark.parametrize(
    "name", ["h264.mkv", "rot90.mov", "tenbit.mp4", "fullrange.mp4", "sar_4x3.mp4", "yuv444.mp4", "interlaced.ts"]
)
def test_decoders_agree(reader: VideoReader, corpus: Corpus, name: str, interpolation: Interpolation) -> None:
    one, other = (
        reader.read_frames(corpus.path(name), Sampling(5), interpolation=interpolation, decoder=decoder)
        for decoder in ("pyav", "ffmpeg")
    )
    assert one.times.tolist() == other.times.tolist()
    difference = np.abs(one.pixels.astype(int) - other.pixels)
    assert difference.mean() < 2 and np.percentile(difference, 99) < 24


def test_colours_of_a_rare_kind_are_guessed_with_a_warning(reader: VideoReader, tmp_path: Path) -> None:
    path = tmp_path / "colours.mp4"
    encode(path, "libx264", "-x264-params", "colormatrix=YCgCo", "-pix_fmt", "yuv420p")
    batch = reader.read_frames(path, Sampling(3))
    assert batch.n_unique == 3 and batch.pixels.std() > 20
    assert [warning for warning in batch.warnings if "may be off" in warning] == list(batch.warnings) != []


def test_keyframes_that_are_not_whole_are_not_started_from(reader: VideoReader, tmp_path: Path) -> None:
    path = tmp_path / "refresh.mp4"
    encode(path, "libx264", "-x264-params", "keyint=50:intra-refresh=1", "-pix_fmt", "yuv420p", seconds=6)
    # A keyframe lies just before each of these, and a jump to it would save much.
    for start in (2.1, 4.2):
        sampling = Sampling(3, span=Span(start, start + 0.5))
        one, other = (reader.read_frames(path, sampling, decoder=decoder) for decoder in ("pyav", "ffmpeg"))
        assert one.warnings == () and one.times.tolist() == other.times.tolist()
        assert (np.abs(one.pixels.astype(int) - other.pixels).mean(axis=(1, 2, 3)) < 3).all()


@pytest.mark.parametrize("name", ["rot90.mov", "sar_4x3.mp4", "odd_321x181.mp4"])
def test_the_size_as_shown_and_other_sizes(reader: VideoReader, corpus: Corpus, name: str) -> None:
    path, (width, height) = corpus.path(name), corpus.entries[name]["display"]
    whole = reader.read_frames(path, Sampling(3), short_side=None)
    assert whole.pixels.shape == (3, 3, height, width)
    small = reader.read_frames(path, Sampling(3), short_side=64)
    assert min(small.pixels.shape[2:]) == 64
    assert shown(corpus, small) == shown(corpus, whole)


@pytest.mark.parametrize("decoder", ["pyav", "ffmpeg"])
@pytest.mark.parametrize("name", ["h264_720p_gop10s.mp4", "h264.ts", "mpeg4.avi", "vfr_half.mp4", "cut_editlist.mp4"])
def test_a_part_of_a_video(reader: VideoReader, corpus: Corpus, name: str, decoder: DecoderName) -> None:
    times = true_times(corpus.entries[name])
    batch = reader.read_frames(corpus.path(name), Sampling(8, span=Span(4.01, 6.01)), decoder=decoder)
    inside = np.flatnonzero((times >= 4.01) & (times < 6.01))
    indices = [int(inside[0] + Fraction(k * (len(inside) - 1), 7)) for k in range(8)]
    assert shown(corpus, batch) == [(corpus.number(name, index), 0) for index in indices]
    assert np.abs(batch.times - times[indices]).max() < MILLISECOND


def test_more_frames_than_fit_into_one_expression(reader: VideoReader, corpus: Corpus) -> None:
    path = corpus.path("fps60.mp4")
    one, other = (
        reader.read_frames(path, Sampling(600), short_side=48, decoder=decoder) for decoder in ("pyav", "ffmpeg")
    )
    assert one.n_unique == other.n_unique == 600
    assert one.times.tolist() == other.times.tolist()


@pytest.mark.parametrize("name", PARTIAL)
def test_what_can_be_read_of_a_damaged_video(reader: VideoReader, corpus: Corpus, name: str) -> None:
    entry, path = corpus.entries[name], corpus.path(name)
    batch = reader.read_frames(path, Sampling(100))
    assert len(batch.times) == 100 and batch.n_unique > 90
    # Whatever a picture shows, it is what is shown at the time given with it.
    assert shown(corpus, batch) == [(round(time * float(Fraction(entry["fps"]))), 0) for time in batch.times]
    told = "\n".join(batch.warnings)
    assert all(warning.startswith(f"{path}: ") for warning in batch.warnings)
    if entry["kind"] == "truncated_data":
        assert batch.info.duration == pytest.approx(entry["duration"] * entry["playable"], rel=0.05)
        assert f"only the first {batch.info.duration:.1f} of " in told
        assert "damaged" not in told
    else:
        replaced = 100 - len(np.intersect1d(batch.times, reader.sample_times(path, Sampling(100))))
        assert f"{replaced} of 100 frames are damaged" in told
        assert 0 < replaced < 15


@pytest.mark.parametrize("name", PARTIAL)
def test_ffmpeg_says_that_a_video_is_damaged(reader: VideoReader, corpus: Corpus, name: str) -> None:
    batch = reader.read_frames(corpus.path(name), Sampling(100), decoder="ffmpeg")
    assert len(batch.times) == 100
    assert any("only the first" in warning or "some pictures may be damaged" in warning for warning in batch.warnings)


def test_one_damaged_frame_alone_is_replaced_too(reader: VideoReader, corpus: Corpus) -> None:
    path = corpus.path("corrupt_mid.mp4")
    batch = reader.read_frames(path, Sampling(1, span=Span(31.0, 31.1)))
    assert shown(corpus, batch) == [(round(batch.times[0] * 30), 0)]
    assert any("1 of 1 frames are damaged" in warning for warning in batch.warnings)


def test_odd_names_touch_nothing(reader: VideoReader, corpus: Corpus) -> None:
    for name in ODD_NAMES:
        reader.probe(corpus.path(name))
    assert not [name for name in ("PWNED", "PWNED2") if (corpus.folder / name).exists()]


def test_names_are_relative_to_the_current_folder(
    reader: VideoReader, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.folder)
    assert reader.probe("-dash.mp4").path == "-dash.mp4"
    assert reader.read_frames("concat:a.mp4", Sampling(2), decoder="ffmpeg").info.path == "concat:a.mp4"
