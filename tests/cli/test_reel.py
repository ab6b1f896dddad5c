"""A reel shows the frames of its parts and nothing else, in step with its sound."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Corpus, Vex
from hypothesis import given
from hypothesis import strategies as st
from played import beeps, flashes, play

from vexcli.outputs.canvas import Canvas, choose_canvas
from vexcli.outputs.cuts import Cut, open_footage, plan_cut
from vexcli.outputs.encoding import choose_encoder
from vexcli.outputs.reel import CUTS_PER_RUN, ReelWriter
from videoexpert.ffmpeg import file_url, run
from videoexpert.results import dumps_document
from videoexpert.timeline import Moment, Source, Span, Timeline
from videoexpert.video import VideoReader

# Sizes, rates, shapes, codecs, depths and containers as they come, with sound and without.
MIXED = [
    ("h264_360p_60s.mp4", 25.2, 26.2),
    ("vp9.webm", 3.1, 4.1),
    ("rot90.mov", 2.3, 3.0),
    ("sar_4x3.mp4", 1.0, 2.0),
    ("hevc_tenbit.mp4", 1.0, 2.0),
    ("vfr_half.mp4", 4.5, 5.5),
    ("odd_321x181.mp4", 1.1, 2.1),
    ("ntsc_2997.mp4", 4.0, 5.0),
    ("h264.ts", 4.2, 5.2),
    ("mpeg4.avi", 3.0, 4.0),
]


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def cuts_of(corpus: Corpus, reader: VideoReader, parts: Sequence[tuple[str, float, float]]) -> list[Cut]:
    return [plan_cut(open_footage(corpus.path(name), reader), Span(start, end)) for name, start, end in parts]


def reel_of(cuts: Sequence[Cut], final: Path, reader: VideoReader, canvas: Canvas | None = None) -> Canvas:
    canvas = canvas or choose_canvas(cuts)
    written = ReelWriter(canvas, choose_encoder(), reader).write(cuts, final, title="a reel")
    assert written.path == final and not written.kept and not written.warnings
    assert os.listdir(final.parent) == [final.name]
    return canvas


def changes(numbers: Sequence[int | None]) -> list[int | None]:
    """The numbers without repetitions: a frame is shown several times where the reel's rate is higher."""
    return [number for index, number in enumerate(numbers) if index == 0 or numbers[index - 1] != number]


def test_ten_mixed_videos(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    cuts, final = cuts_of(corpus, reader, MIXED), tmp_path / "reel.mp4"
    canvas = reel_of(cuts, final, reader)
    assert canvas == Canvas(640, 360, Fraction(30))
    whole = play(final, corpus)
    begin = 0
    for (name, _, _), cut in zip(MIXED, cuts, strict=True):
        shape = canvas.fit(cut.footage.info.width, cut.footage.info.height)
        part = play(final, corpus, shape=shape).numbers if shape != (640, 360) else whole.numbers
        shown = part[begin : begin + canvas.frames(cut)]
        wanted = [corpus.number(name, cut.first + index) for index in range(cut.count)]
        assert changes(shown) == wanted, name
        begin += canvas.frames(cut)
    assert len(whole.numbers) == begin == sum(round((end - start) * 30) for _, start, end in MIXED)
    assert whole.times == pytest.approx([index / 30 for index in range(begin)], abs=1e-4)
    assert whole.length == pytest.approx(begin / 30, abs=1e-3)
    assert whole.sound_length == pytest.approx(begin / 30, abs=1e-3)
    assert whole.title == "a reel"


def test_without_sound_anywhere_there_is_none(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    cuts = cuts_of(corpus, reader, [("frames50.mp4", 0.2, 0.5), ("fps60.mp4", 2, 2.5)])
    canvas = reel_of(cuts, tmp_path / "reel.mp4", reader)
    assert canvas.rate == 60
    played = play(tmp_path / "reel.mp4", corpus)
    assert played.sound_length is None
    assert changes(played.numbers) == [*range(5, 13), *range(120, 150)]


@pytest.mark.parametrize("name", ["frames50.mp4", "cut_editlist.mp4"])
def test_parts_of_one_frame(corpus: Corpus, reader: VideoReader, tmp_path: Path, name: str) -> None:
    spans = [(name, start, start + 0.01) for start in (1.0, 0.2, 1.6, 0.4)]
    cuts = cuts_of(corpus, reader, spans)
    reel_of(cuts, tmp_path / "reel.mp4", reader)
    played = play(tmp_path / "reel.mp4", corpus)
    assert played.numbers == [corpus.number(name, cut.first) for cut in cuts]
    assert played.times == pytest.approx([index * cuts[0].duration for index in range(4)], abs=1e-4)


def test_a_picture_that_stands_still_stays(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    cuts = cuts_of(corpus, reader, [("vfr_gap.mp4", 1.9, 4), ("vfr_gap.mp4", 10, 11), ("vfr_half.mp4", 9.5, 10)])
    canvas = reel_of(cuts, tmp_path / "reel.mp4", reader)
    numbers = play(tmp_path / "reel.mp4", corpus).numbers
    still = [57, 58, *[59] * 61, *[59] * 30]
    assert canvas.rate == 30 and numbers[: len(still)] == still
    assert changes(numbers[len(still) :]) == [285, 288, 291, 294, 297]
    assert len(numbers) == len(still) + canvas.frames(cuts[2])


def test_damage_is_told(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    cuts = cuts_of(corpus, reader, [("corrupt_mid.mp4", 29, 31), ("corrupt_mid.mp4", 1, 2)])
    writer = ReelWriter(choose_canvas(cuts), choose_encoder(), reader)
    written = writer.write(cuts, tmp_path / "reel.mp4", title="")
    assert written.warnings == ("42 of 90 frames could be made",)
    played = play(tmp_path / "reel.mp4", corpus)
    assert played.numbers == [*range(870, 882), *range(30, 60)]
    assert played.times[12] == pytest.approx(2, abs=0.05), "the sound goes on meanwhile"


def test_the_size_and_rate_asked_for(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    cuts = cuts_of(corpus, reader, [("ntsc_2997.mp4", 1, 2), ("portrait.mp4", 1, 2)])
    reel_of(cuts, tmp_path / "reel.mp4", reader, choose_canvas(cuts, size=(320, 320), rate=Fraction(25)))
    wide, tall = (play(tmp_path / "reel.mp4", corpus, shape=shape) for shape in ((320, 180), (180, 320)))
    assert (wide.size, wide.rate, len(wide.numbers)) == ((320, 320), 25, 50)
    assert (wide.numbers[0], tall.numbers[25]) == (30, 30)
    assert set(wide.numbers[:25]) <= set(range(30, 60)) and set(tall.numbers[25:]) <= set(range(30, 60))


def test_parts_of_a_file_that_must_be_read_from_its_start(corpus: Corpus, reader: VideoReader, tmp_path: Path) -> None:
    cuts = cuts_of(corpus, reader, [("mpeg4.avi", 5, 5.4), ("mpeg4.avi", 2, 2.4), ("mpeg4.avi", 6, 6.4)])
    reel_of(cuts, tmp_path / "reel.mp4", reader)
    assert play(tmp_path / "reel.mp4", corpus).numbers == [*range(125, 135), *range(50, 60), *range(150, 160)]


@pytest.fixture(scope="module")
def flashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty seconds at 30000/1001 frames a second; the picture flashes and it beeps at every full second."""
    path = tmp_path_factory.mktemp("flashing") / "flashing.mp4"
    picture = "nullsrc=s=160x90:r=30000/1001:d=40,geq=lum='if(lt(mod(T+0.001,1),0.0335),235,16)':cb=128:cr=128"
    sound = "aevalsrc='if(lt(mod(t,1),0.03),0.9*sin(2*PI*1000*t),0)':s=44100:d=40"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    run([*inputs, "-c:v", "libx264", "-preset", "veryfast", "-g", "75", "-c:a", "aac", "-y", file_url(path)])
    return path


@pytest.mark.parametrize(("count", "suffix"), [(3, ".mp4"), (CUTS_PER_RUN + 10, ".mp4"), (12, ".avi")])
def test_picture_and_sound_stay_together_to_the_end(
    corpus: Corpus, reader: VideoReader, tmp_path: Path, flashing: Path, count: int, suffix: str
) -> None:
    """Also where the reel is made in several runs: nothing adds up from part to part.

    Many cuts take two runs; cuts of an AVI that go backwards take one each.
    """
    source, folder = tmp_path / f"source{suffix}", tmp_path / "out"
    folder.mkdir()
    codecs = ("-c", "copy") if suffix == ".mp4" else ("-c:v", "mpeg4", "-q:v", "3", "-c:a", "pcm_s16le")
    run(["-i", file_url(flashing), *codecs, "-y", file_url(source)])
    footage = open_footage(str(source), reader)
    cuts = [plan_cut(footage, Span(0.7 + index * 0.6, 1.2 + index * 0.6)) for index in range(count)]
    if suffix == ".avi":
        cuts.reverse()
    canvas = reel_of(cuts, folder / "reel.mp4", reader)
    played = play(folder / "reel.mp4", corpus)
    frames = sum(canvas.frames(cut) for cut in cuts)
    assert canvas.rate == Fraction(30000, 1001) and len(played.numbers) == frames
    assert played.length == pytest.approx(frames * 1001 / 30000, abs=1e-3)
    assert played.sound_length == pytest.approx(played.length, abs=1e-3)
    seen, heard = np.array(flashes(folder / "reel.mp4")), np.array(beeps(folder / "reel.mp4"))
    pairs = [(flash, heard[np.abs(heard - flash).argmin()]) for flash in seen]
    assert len(pairs) > count / 3
    assert max(abs(flash - beep) for flash, beep in pairs) < 1001 / 30000


@given(st.integers(2, 4000), st.integers(2, 4000), st.integers(1, 2000), st.integers(1, 2000))
def test_a_picture_fits_into_the_canvas_and_keeps_its_shape(width: int, height: int, half: int, other: int) -> None:
    canvas = Canvas(2 * half, 2 * other, Fraction(25))
    wide, tall = canvas.fit(width, height)
    assert wide % 2 == tall % 2 == 0 and 2 <= wide <= canvas.width and 2 <= tall <= canvas.height
    exact = min(canvas.width / width, canvas.height / height)
    assert abs(wide - width * exact) <= 2 and abs(tall - height * exact) <= 2


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50), st.sampled_from([Fraction(30000, 1001), Fraction(25)]))
def test_sound_never_drifts_from_the_picture(counts: list[int], rate: Fraction) -> None:
    canvas, frames, samples = Canvas(2, 2, rate), 0, 0
    for count in counts:
        samples += canvas.samples(frames + count) - canvas.samples(frames)
        frames += count
        assert abs(Fraction(samples, 48000) - frames / rate) <= Fraction(1, 96000)


# -- the command -----------------------------------------------------------------------------------------------------


def results(folder: Path, *timelines: Timeline) -> str:
    (folder / "talk.json").write_text(dumps_document(timelines), encoding="utf-8")
    return str(folder / "talk.json")


def moments(video: str, *spans: tuple[float, float, float]) -> Timeline:
    found = tuple(Moment(Span(start, end), score=score) for start, end, score in spans)
    return Timeline(Source(video, 2.0), "ground", query="a question", moments=found)


def test_a_reel_is_named_after_its_video_and_shows_overlaps_once(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    file = results(tmp_path, moments(corpus.path("frames50.mp4"), (1, 1.4, 0.5), (0.2, 0.4, 0.9), (1.2, 1.6, 0.7)))
    ran = vex("reel", file)
    assert (ran.code, ran.out, ran.err) == (0, "frames50-reel.mp4\n", "")
    assert play(tmp_path / "frames50-reel.mp4", corpus).numbers == [*range(5, 10), *range(25, 40)]
    best = vex("reel", file, "--order", "score", "--top", "2", "-o", "best.mp4", "--json")
    assert play(tmp_path / "best.mp4", corpus).numbers == [*range(5, 10), *range(30, 40)]
    told = json.loads(best.out)
    assert (told["schema"], told["width"], told["height"], told["fps"]) == ("vex.reel/1", 640, 360, "25")
    assert [(part["start"], part["end"], part["at"]) for part in told["parts"]] == [(0.2, 0.4, 0.0), (1.2, 1.6, 0.2)]


def test_an_existing_reel_is_kept(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "reel.mp4").write_text("mine")
    arguments = ("reel", corpus.path("frames50.mp4"), "--span", "0-1", "-o", "reel.mp4")
    ran = vex(*arguments)
    assert (ran.code, ran.out) == (0, "reel.mp4\n") and "kept" in ran.err
    assert (tmp_path / "reel.mp4").read_text() == "mine"
    assert vex(*arguments, "--overwrite").code == 0
    assert play(tmp_path / "reel.mp4", corpus).numbers == list(range(25))


def test_a_video_that_is_missing_is_left_out_and_told(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    file = results(tmp_path, moments("gone.mp4", (0, 1, 1)), moments(corpus.path("frames50.mp4"), (1, 1.4, 1)))
    ran = vex("reel", file, "-o", "reel.mp4")
    assert (ran.code, ran.out) == (1, "reel.mp4\n")
    assert ran.err.startswith("error: gone.mp4: no such file")
    assert play(tmp_path / "reel.mp4", corpus).numbers == list(range(25, 35))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["talk.mp4", "--span", "0-1", "-o", "reel.mkv"], 2, "reel.mkv: a reel is an MP4 file"),
        (["talk.mp4", "--span", "0-1", "-o", "talk.mp4", "--overwrite"], 2, "talk.mp4: is one of the videos to join"),
        (["talk.mp4", "--span", "0-1", "--size", "big"], 2, "--size big: must be two even numbers"),
        (["talk.mp4", "--span", "0-1", "--size", "321x180"], 2, "must be two even numbers"),
        (["talk.mp4", "--span", "0-1", "--fps", "0"], 2, "--fps 0: must be a rate"),
        (["talk.mp4", "--span", "0-1", "-o", "talk.mp4/reel.mp4"], 1, "talk.mp4: is not a folder"),
        (["talk.mp4"], 2, "is a video: say what to cut out"),
    ],
)
def test_mistakes_are_told_in_one_line(
    vex: Vex, corpus: Corpus, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    shutil.copy(corpus.path("frames50.mp4"), tmp_path / "talk.mp4")
    ran = vex("reel", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err and ran.err.count("\n") == 1
    assert os.listdir(tmp_path) == ["talk.mp4"]
    assert play(tmp_path / "talk.mp4", corpus).numbers == list(range(50))


def test_odd_names_work_in_a_reel_of_several_runs(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    """ffmpeg is given a list of files then, in a folder whose name means something to it."""
    folder = tmp_path / os.fsdecode(b"odd?#'\n\xff%d")
    folder.mkdir()
    video = os.fsdecode(b"-concat:\xff.mp4")
    shutil.copy(corpus.path("mpeg4.avi"), folder / video)
    backwards = (1.0, 0.6, 0.2)
    spans = [(start, start + 0.2, score) for score, start in enumerate(reversed(backwards))]
    file = results(folder, moments(video, *spans))
    ran = vex("reel", file, "--order", "score", "-o", os.fsdecode(b"reel \xfe.mp4"), cwd=folder)
    assert ran.code == 0, ran.err
    reel = next(name for name in os.listdir(folder) if name.startswith("reel"))
    wanted = [number for start in backwards for number in range(round(start * 25), round(start * 25) + 5)]
    assert play(folder / reel, corpus).numbers == wanted
