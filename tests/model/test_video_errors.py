"""Files that are no videos: each is refused with its own kind and one line that names it, and nothing hangs."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from video_truth import encode

from videoexpert.errors import ExtraMissingError, ToolMissingError, VideoError, VideoErrorKind
from videoexpert.video import DecoderName, Limits, Sampling, VideoReader, display_name, probe, read_frames

BAD = (
    *("bad_zero.mp4", "bad_text.mp4", "bad_html.mp4", "bad_random.mp4", "bad_header_only.mp4", "bad_nomoov.mp4"),
    *("bad_moov.mp4", "audio_only.mp4", "audio_only.mp3", "audio_cover.mp3", "image_jpg.mp4", "image_png.mp4"),
    *("hls_disguised.mp4", "ffconcat_disguised.mp4", "sdp_disguised.mp4", "zeroframes.mp4", "directory.mp4"),
    *("noperm.mp4", "brokenlink.mp4", "looplink.mp4", "fifo.mp4", "does_not_exist.mp4"),
)

MESSAGES: dict[VideoErrorKind, str] = {
    "missing": "no such file",
    "permission": "no permission to read",
    "is_directory": "is a directory",
    "not_regular": "not a regular file",
    "empty": "empty file (0 bytes)",
    "truncated": "incomplete MP4 (index 'moov' missing): download or recording was cut off",
    "not_media": "not a video file that can be read",
    "playlist": "is a playlist, not a video",
    "image": "is a picture, not a video",
    "no_video": "has no video stream (audio only?)",
    "no_frames": "video stream holds no frames",
    "corrupt_header": "damaged MP4 (index 'moov' cannot be read)",
}


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader(limits=Limits(stall=10, total=20)) as reader:
        yield reader


def refusal(reader: VideoReader, path: str | Path) -> VideoError:
    """The error that probing a file gives, checked for its form."""
    with pytest.raises(VideoError) as caught:
        reader.probe(path)
    error = caught.value
    assert error.message.startswith(f"{display_name(path)}: ")
    assert "\n" not in error.message and error.hint and "\n" not in error.hint
    return error


@pytest.mark.parametrize("name", BAD)
def test_every_bad_file_has_its_kind(reader: VideoReader, corpus: Corpus, name: str) -> None:
    if name == "noperm.mp4" and os.geteuid() == 0:
        pytest.skip("NOT TESTED: root may read every file")
    path = corpus.path(name)
    error = refusal(reader, path)
    assert error.kind == corpus.entries[name]["kind"]
    link = "broken or circular link" if name in ("brokenlink.mp4", "looplink.mp4") else None
    assert error.message == f"{path}: {link or MESSAGES[error.kind]}"


def test_the_list_of_bad_files_is_complete(corpus: Corpus) -> None:
    assert set(BAD) == {name for name, entry in corpus.entries.items() if entry["outcome"] == "error"}


@pytest.mark.parametrize("decoder", ["auto", "pyav", "ffmpeg"])
def test_reading_frames_refuses_the_same_files(reader: VideoReader, corpus: Corpus, decoder: DecoderName) -> None:
    for name in ("bad_text.mp4", "ffconcat_disguised.mp4", "fifo.mp4", "audio_only.mp4"):
        with pytest.raises(VideoError) as caught:
            reader.read_frames(corpus.path(name), Sampling(5), decoder=decoder)
        assert caught.value.kind == corpus.entries[name]["kind"]


def test_one_bad_file_does_not_spoil_the_reader(reader: VideoReader, corpus: Corpus) -> None:
    before = reader.probe(corpus.path("h264.mkv"))
    refusal(reader, corpus.path("bad_random.mp4"))
    assert reader.probe(corpus.path("h264.mkv")) == before


def test_sockets_and_devices_are_not_opened(reader: VideoReader, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.mp4"))
        assert refusal(reader, tmp_path / "s.mp4").kind == "not_regular"
    assert refusal(reader, "/dev/zero").kind == "not_regular"


@pytest.mark.parametrize("name", ["", "a\0b.mp4", "x" * 300 + ".mp4", "no/such/folder.mp4", "bad_zero.mp4/x.mp4"])
def test_names_that_cannot_be(reader: VideoReader, corpus: Corpus, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(corpus.folder)
    assert refusal(reader, name).kind == "missing"


@pytest.mark.parametrize(
    ("name", "printed"),
    [("new\nline.mp4", r"new\nline.mp4"), ("\x1b[2J.mp4", r"\x1b[2J.mp4"), ("bad_\udcff.mp4", r"bad_\xff.mp4")],
)
def test_names_are_printed_on_one_line(reader: VideoReader, name: str, printed: str) -> None:
    assert refusal(reader, name).message == f"{printed}: no such file"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xef\xbb\xbf#EXTM3U\n#EXTINF:2,\nh264.ts\n", "playlist"),
        (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>', "playlist"),
        (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(64), "image"),
        (b"fLaC" + bytes(64), "no_video"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), "no_video"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n", "not_media"),
        (bytes(5000), "not_media"),
    ],
)
def test_other_things_that_are_no_video(
    reader: VideoReader, tmp_path: Path, content: bytes, kind: VideoErrorKind
) -> None:
    path = tmp_path / "thing.mp4"
    path.write_bytes(content)
    assert refusal(reader, path).kind == kind


def test_a_still_picture_in_a_video_container_is_a_picture(reader: VideoReader, tmp_path: Path) -> None:
    path = tmp_path / "still.mp4"
    encode(path, "libsvtav1", "-frames:v", "1", "-f", "avif")
    error = refusal(reader, path)
    assert error.kind == "image" and error.message.endswith(": is a picture, not a video")


def test_frames_of_which_nothing_is_left(reader: VideoReader, corpus: Corpus, tmp_path: Path) -> None:
    whole = Path(corpus.path("h264_360p_60s.mp4")).read_bytes()
    path = tmp_path / "index only.mp4"
    path.write_bytes(whole[: whole.index(b"mdat") + 4])
    error = refusal(reader, path)
    assert error.kind == "truncated" and "none of its 1800 frames is there" in error.message


def test_pictures_that_nothing_can_decode(reader: VideoReader, corpus: Corpus, tmp_path: Path) -> None:
    whole = bytearray(Path(corpus.path("h264_360p_60s.mp4")).read_bytes())
    start = whole.index(b"mdat") + 4
    whole[start:] = bytes(len(whole) - start)
    path = tmp_path / "zeros.mp4"
    path.write_bytes(whole)
    info = reader.probe(path)
    assert info.frame_count == 1800
    assert any("can be decoded" in warning for warning in info.warnings)
    with pytest.raises(VideoError, match="no frame can be decoded") as caught:
        reader.read_frames(path, Sampling(10))
    assert caught.value.kind == "undecodable"


def test_a_codec_that_only_ffmpeg_has_is_read_by_ffmpeg_with_a_warning(reader: VideoReader, tmp_path: Path) -> None:
    path = tmp_path / "avs2.ts"
    encode(path, "libxavs2")
    batch = reader.read_frames(path, Sampling(5))
    assert batch.decoder == "ffmpeg"
    assert batch.warnings == (
        f"{path}: PyAV: no frame can be decoded (its codec is not supported); read by ffmpeg instead",
    )
    assert batch.pixels.shape == (5, 3, 224, 398) and batch.n_unique == 5
    assert batch.times.tolist() == reader.sample_times(path, Sampling(5)).tolist()
    with pytest.raises(VideoError, match="codec is not supported"):
        reader.read_frames(path, Sampling(5), decoder="pyav")


def test_decoders_that_are_not_installed(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEX_FFMPEG", "no-such-ffmpeg")
    with pytest.raises(ToolMissingError, match="no-such-ffmpeg"):
        read_frames(corpus.path("frames3.mp4"), Sampling(3), decoder="ffmpeg")
    try:
        import decord  # noqa: F401
    except ImportError:
        with pytest.raises(ExtraMissingError, match="decord"):
            read_frames(corpus.path("frames3.mp4"), Sampling(3), decoder="decord")


def test_choices_that_do_not_exist(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="decoder must be one of auto, pyav, ffmpeg, decord, got 'opencv'"):
        read_frames(corpus.path("frames3.mp4"), Sampling(3), decoder="opencv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="interpolation must be one of area, bicubic, got 'nearest'"):
        read_frames(corpus.path("frames3.mp4"), Sampling(3), interpolation="nearest")  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(["frames3.mp4", "frames50.mp4", "anim.gif", "h264.ts", "h264.mkv", "frag.mp4", "mpeg4.avi"]),
    changes=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=20),
    kept=st.floats(0.05, 1),
)
def test_whatever_is_in_a_file_it_is_read_or_refused(
    reader: VideoReader, corpus: Corpus, tmp_path: Path, name: str, changes: list[tuple[float, bytes]], kept: float
) -> None:
    content = bytearray(Path(corpus.path(name)).read_bytes())
    for place, change in changes:
        # Most of what matters stands at the start.
        start = int(place**4 * (len(content) - len(change)))
        content[start : start + len(change)] = change
    path = tmp_path / "mutant.mp4"
    path.write_bytes(content[: int(len(content) * kept)])
    try:
        assert len(reader.read_frames(path, Sampling(4), short_side=32).times) == 4
    except VideoError as error:
        assert error.kind not in ("crashed", "timeout"), error.hint


def test_probing_on_its_own(corpus: Corpus) -> None:
    with pytest.raises(VideoError, match="no such file"):
        probe(corpus.path("does_not_exist.mp4"))
