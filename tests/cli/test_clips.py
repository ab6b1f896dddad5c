"""Clips hold exactly the frames asked for, at their times, upright and in step with their sound."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import Corpus
from played import Played, beeps, flashes, play

from vexcli.outputs.clips import ClipFolder, copy_clip, write_clip
from vexcli.outputs.cuts import Footage, open_footage, plan_cut
from vexcli.outputs.encoding import choose_encoder
from vexcli.outputs.selection import Part
from videoexpert.ffmpeg import encoders, file_url, find_ffmpeg, run
from videoexpert.timeline import Span
from videoexpert.video import VideoReader

# A span of seconds, and the numbers that the first and the last frame in it show.
SOURCES = [
    ("h264_360p_60s.mp4", 31.3, 32.1, 939, 962),
    ("hevc.mp4", 4.2, 5.0, 126, 149),
    ("vp9.webm", 5.1, 6.0, 153, 179),
    ("h264.mkv", 7.033, 8.0, 211, 239),
    ("ntsc_2997.mp4", 4.0, 5.0, 120, 149),
    ("film_23976.mp4", 5.005, 6.0, 120, 143),
    ("vfr_half.mp4", 4.5, 6.05, 135, 180),
    ("vfr_jitter.mp4", 3.0, 4.0, 90, 119),
    ("cut_editlist.mp4", 0.2, 0.6, 1521, 1532),
    ("start5.mp4", 2.5, 3.1, 75, 92),
    ("start5.mkv", 2.5, 3.1, 75, 92),
    ("rot90.mov", 3.3, 4.0, 99, 119),
    ("rot180.mov", 3.3, 4.0, 99, 119),
    ("h264.ts", 5.5, 6.3, 165, 188),
    ("interlaced.ts", 2.6, 3.4, 65, 84),
    ("tenbit.mp4", 2.1, 2.7, 63, 80),
    ("odd_321x181.mp4", 3.1, 3.6, 93, 107),
    ("odd_321x181_420.mkv", 3.1, 3.6, 93, 107),
    ("mpeg4.avi", 6.0, 6.6, 150, 164),
    ("raw.h264", 4.0, 4.8, 120, 143),
    ("opengop_bframes.mp4", 4.9, 5.5, 147, 164),
    ("frag.mp4", 6.5, 7.0, 195, 209),
    ("noduration.mkv", 6.5, 7.0, 195, 209),
    ("sar_4x3.mp4", 2.0, 2.4, 50, 59),
    ("fullrange.mp4", 1.5, 2.0, 45, 59),
    ("anim.gif", 1.5, 2.5, 15, 24),
    ("cover_first.mp4", 3.0, 3.5, 90, 104),
    ("hugeduration.mp4", 9.5, 10.0, 285, 299),
    ("frames1.mp4", 0.0, 0.01, 0, 0),
]


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def footage_of(corpus: Corpus, name: str, reader: VideoReader) -> Footage:
    return open_footage(corpus.path(name), reader)


def clip_of(corpus: Corpus, name: str, span: Span, final: Path, reader: VideoReader) -> Played:
    footage = footage_of(corpus, name, reader)
    written = write_clip(footage, span, final, title="a title", encoder=choose_encoder(), reader=reader)
    assert written.path == final and not written.kept and not written.warnings
    return play(final, corpus)


@pytest.mark.parametrize(("name", "start", "end", "first", "last"), SOURCES, ids=[source[0] for source in SOURCES])
def test_first_and_last_frame_are_those_asked_for(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, name: str, start: float, end: float, first: int, last: int
) -> None:
    span = Span(start, end)
    played = clip_of(corpus, name, span, tmp_path / "clip.mp4", reader)
    footage = footage_of(corpus, name, reader)
    chosen = np.flatnonzero((footage.times >= start - 0.0005) & (footage.times < end - 0.0005))
    assert played.numbers == [corpus.number(name, int(index)) for index in chosen]
    assert (played.numbers[0], played.numbers[-1]) == (first, last)
    assert played.times == pytest.approx(list(footage.times[chosen] - footage.times[chosen[0]]), abs=0.0015)
    cut = plan_cut(footage, span)
    assert played.length == pytest.approx(cut.duration, abs=0.002)
    assert cut.duration == pytest.approx(end - start, abs=1.01 * footage.step)
    assert played.title == "a title"
    if footage.info.has_audio:
        assert played.sound_length == pytest.approx(played.length, abs=0.002)
    else:
        assert played.sound_length is None


def test_the_picture_is_upright_and_of_an_even_size(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    turned = clip_of(corpus, "rot90.mov", Span(1, 1.2), tmp_path / "turned.mp4", reader)
    assert (turned.size, turned.turned) == ((360, 640), {90})
    odd = clip_of(corpus, "odd_321x181.mp4", Span(1, 1.2), tmp_path / "odd.mp4", reader)
    assert odd.size == (320, 180)


def test_rates_stay_what_they_are(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    for name, rate in (("ntsc_2997.mp4", 30000 / 1001), ("film_23976.mp4", 24000 / 1001), ("h264.mkv", 30)):
        played = clip_of(corpus, name, Span(2, 3), tmp_path / f"{name}.mp4", reader)
        assert played.rate == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("name", ["h264.mkv", "vfr_half.mp4", "h264.ts"])
def test_clips_that_follow_each_other_share_no_frame_and_miss_none(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, name: str
) -> None:
    borders = [4.7, 5.0, 5.333, 5.35, 5.6]
    numbers: list[int | None] = []
    for start, end in pairwise(borders):
        played = clip_of(corpus, name, Span(start, end), tmp_path / f"{start}.mp4", reader)
        numbers += [number for number in played.numbers if number not in numbers[-1:]]
    together = clip_of(corpus, name, Span(borders[0], borders[-1]), tmp_path / "all.mp4", reader)
    assert numbers == together.numbers


def test_a_span_between_two_frames_has_the_one_on_show(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    assert clip_of(corpus, "h264.mkv", Span(5.01, 5.02), tmp_path / "a.mp4", reader).numbers == [150]
    assert clip_of(corpus, "h264.mkv", Span(5.0, 5.0001), tmp_path / "b.mp4", reader).numbers == [150]
    assert clip_of(corpus, "h264.mkv", Span(9.99, 10.0), tmp_path / "c.mp4", reader).numbers == [299]


def test_a_picture_that_stands_still_is_shown_meanwhile(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    """Frame 59 stays for a minute: a span inside has it alone, one that reaches over its end has it first."""
    still = clip_of(corpus, "vfr_gap.mp4", Span(10, 12), tmp_path / "still.mp4", reader)
    assert still.numbers == [59]
    assert still.length == pytest.approx(2.0, abs=0.001)
    over = clip_of(corpus, "vfr_gap.mp4", Span(60, 62.1), tmp_path / "over.mp4", reader)
    assert over.numbers == [59, 60, 61, 62]
    assert over.times == pytest.approx([0, 2, 2 + 1 / 30, 2 + 2 / 30], abs=0.001)


@pytest.fixture(scope="module")
def flashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds at 30 frames a second; at every full second the picture flashes and it beeps."""
    path = tmp_path_factory.mktemp("flashing") / "flashing.mp4"
    picture = "nullsrc=s=160x90:r=30:d=12,geq=lum='if(lt(mod(T,1),0.02),235,16)':cb=128:cr=128"
    sound = "aevalsrc='if(lt(mod(t,1),0.03),0.9*sin(2*PI*1000*t),0)':s=44100:d=12"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    codecs = ("-c:v", "libx264", "-preset", "veryfast", "-g", "75", "-c:a", "aac")
    run([*inputs, *codecs, "-y", "-f", "mp4", file_url(path)])
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".cut.mp4"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 2.5), (3.4, 6.7), (4.0, 6.0)])
def test_picture_and_sound_stay_together(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, flashing: Path, suffix: str, start: float, end: float
) -> None:
    source, final = tmp_path / f"source{suffix}", tmp_path / "clip.mp4"
    hidden = ("-ss", "4") if suffix == ".cut.mp4" else ()  # a copy that starts between key frames hides some frames
    run([*hidden, "-i", file_url(flashing), "-c", "copy", "-y", file_url(source)])
    footage = open_footage(str(source), reader)
    write_clip(footage, Span(start, end), final, title="", encoder=choose_encoder(), reader=reader)
    seen = [time - start for time in flashes(source) if start - 0.01 <= time < end - 0.01]
    heard = [time - start for time in beeps(source) if start - 0.01 <= time < end - 0.01]
    assert len(seen) == len(heard) >= 2
    # The clip begins with the first whole frame.
    assert flashes(final) == pytest.approx(seen, abs=1 / 30)
    apart = np.array(beeps(final)) - np.array(flashes(final))
    assert apart == pytest.approx(np.array(heard) - np.array(seen), abs=0.005)


@pytest.mark.parametrize(("start", "end"), [(1.5, 5.0), (4.0, 5.0)])
def test_silence_stands_where_the_sound_has_ended(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, flashing: Path, start: float, end: float
) -> None:
    source, final = tmp_path / "source.mkv", tmp_path / "clip.mp4"
    both = ("-i", file_url(flashing), "-t", "1.8", "-i", file_url(flashing), "-map", "0:v", "-map", "1:a")
    run([*both, "-c", "copy", "-y", file_url(source)])
    footage = open_footage(str(source), reader)
    write_clip(footage, Span(start, end), final, title="", encoder=choose_encoder(), reader=reader)
    assert play(final, corpus).sound_length == pytest.approx(end - start, abs=0.002)
    assert flashes(final) == pytest.approx([second - start for second in range(12) if start <= second < end], abs=0.02)
    assert beeps(final) == []


COPIES = {
    # A span, the numbers of its first frame and of the key frame before, and the suffix of its copy.
    "h264_360p_60s.mp4": (25.2, 27.0, 756, 720, ".mp4"),
    "opengop_bframes.mp4": (4.2, 5.0, 126, 100, ".mp4"),
    "vp9.webm": (4.2, 5.0, 126, 120, ".webm"),
    "h264.mkv": (4.2, 5.0, 126, 120, ".mkv"),
    "h264.ts": (4.2, 5.0, 126, 120, ".ts"),
    "start5.mp4": (2.2, 3.0, 66, 60, ".mp4"),
    "rot90.mov": (4.2, 5.0, 126, 120, ".mov"),
    "allintra.mp4": (2.2, 3.0, 66, 66, ".mp4"),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_starts_at_the_key_frame_and_says_how_early(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, name: str
) -> None:
    start, end, first, key, suffix = COPIES[name]
    part = Part(corpus.path(name), Span(start, end), "t")
    folder = ClipFolder(tmp_path, [part], reader=reader, encoder=None, overwrite=False)
    written = folder.write(footage_of(corpus, name, reader), part)
    assert written.path.suffix == suffix
    numbers = [number for number in _numbers(written.path, corpus) if number is not None]
    count = round((end - start) * 30)
    assert numbers[0] == key and set(range(first, first + count)) <= set(numbers)
    early, late = (first - key) / 30, (numbers[-1] - (first + count - 1)) / 30
    text = "".join(written.warnings)
    assert (f"starts {early:.2f} s early" in text) == (early > 0)
    assert (f"ends {late:.2f} s late" in text) == (late > 0)


def test_a_copy_of_a_cut_video_starts_at_the_frames_it_hides(
    corpus: Corpus, reader: VideoReader, tmp_path: Path
) -> None:
    final = tmp_path / "copy.mp4"
    footage = footage_of(corpus, "cut_editlist.mp4", reader)
    written = copy_clip(footage, Span(0.2, 1.0), final, title="", reader=reader)
    numbers = _numbers(final, corpus)
    assert numbers[0] == 1500 and set(range(1521, 1545)) <= set(numbers)
    assert "starts" in written.warnings[0] and "early" in written.warnings[0]


def _numbers(path: Path, corpus: Corpus) -> list[int | None]:
    """What the frames show, in the file's own orientation: a copy keeps the mark that turns them."""
    import av

    with av.open(f"file:{path}") as container:
        read = [corpus.read_code(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    return [code[0] if code else None for code in read]


def test_without_libx264_another_encoder_is_taken(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ffmpeg that has no libx264 (a shell script stands before the real one and hides it) still makes clips."""
    hidden = tmp_path / "ffmpeg"
    hidden.write_text(
        f'#!/bin/sh\nif [ "$2" = -encoders ]; then \'{find_ffmpeg()}\' "$@" | grep -v -e libx264 -e libopenh264\n'
        f"else exec '{find_ffmpeg()}' \"$@\"; fi\n"
    )
    hidden.chmod(0o755)
    monkeypatch.setenv("VEX_FFMPEG", str(hidden))
    assert "libx264" not in encoders(str(hidden))
    encoder = choose_encoder()
    assert encoder.name == "mpeg4" and encoder.warning
    for name, span in (("vfr_half.mp4", Span(4.5, 6.05)), ("ntsc_2997.mp4", Span(4, 5))):
        footage, final = footage_of(corpus, name, reader), tmp_path / f"{name}.mp4"
        written = write_clip(footage, span, final, title="", encoder=encoder, reader=reader)
        cut = plan_cut(footage, span)
        assert not written.warnings
        assert play(final, corpus).numbers == [corpus.number(name, cut.first + n) for n in range(cut.count)]
