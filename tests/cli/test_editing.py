"""EDL and OpenTimelineIO as OpenTimelineIO reads them; chapters as they come back from a video that ffmpeg wrote."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import av
import opentimelineio as otio
import pytest
from conftest import Corpus
from hypothesis import given
from hypothesis import strategies as st
from opentimelineio.opentime import RationalTime, TimeRange, to_timecode
from sample_timelines import spans, timeline, timelines

from vexcli.outputs import WRITERS
from vexcli.outputs.times import FrameRate, milliseconds
from videoexpert.errors import ExtraMissingError, OutputError
from videoexpert.ffmpeg import INPUT_OPTIONS, file_url, run
from videoexpert.timeline import Span, Timeline

FILM, NTSC, NTSC_60 = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
RATES = [FILM, Fraction(24), Fraction(25), NTSC, Fraction(30), Fraction(48), Fraction(50), NTSC_60, Fraction(60)]
DAY = 24 * 3600.0

each_rate = pytest.mark.parametrize("fps", RATES, ids=str)


def write_edl(result: Timeline) -> str:
    return WRITERS["edl"].write([result])


# Timecode


@each_rate
def test_timecode_is_what_opentimelineio_counts(fps: Fraction) -> None:
    """Around every minute of a day, where drop-frame skips numbers, and at the day's last frame."""
    rate = FrameRate.of(fps)
    minutes = [math.floor(minute * 60 * rate.fps) for minute in range(24 * 60)]
    frames = {frame + step for frame in minutes for step in range(-3, 6) if 0 <= frame + step < rate.frames_per_day}
    for frame in sorted(frames | {rate.frames_per_day - 1}):
        assert rate.timecode(frame) == to_timecode(RationalTime(frame, float(fps)), float(fps))


@pytest.mark.parametrize(
    ("fps", "frame", "timecode"),
    [
        (NTSC, 0, "00:00:00;00"),
        (NTSC, 1799, "00:00:59;29"),
        (NTSC, 1800, "00:01:00;02"),
        (NTSC, 17981, "00:09:59;29"),
        (NTSC, 17982, "00:10:00;00"),
        (NTSC, 107892, "01:00:00;00"),
        (NTSC, 2589407, "23:59:59;29"),
        (NTSC_60, 3599, "00:00:59;59"),
        (NTSC_60, 3600, "00:01:00;04"),
        (NTSC_60, 35964, "00:10:00;00"),
        (FILM, 86400, "01:00:00:00"),
        (Fraction(25), 1500, "00:01:00:00"),
        (Fraction(10), 9, "00:00:00:09"),
    ],
)
def test_timecode_of_known_frames(fps: Fraction, frame: int, timecode: str) -> None:
    assert FrameRate.of(fps).timecode(frame) == timecode


def test_every_frame_of_ten_minutes_has_its_own_number() -> None:
    for fps in (NTSC, NTSC_60):
        codes = [FrameRate.of(fps).timecode(frame) for frame in range(round(1200 * fps))]
        assert codes == sorted(set(codes))
        assert not [code for code in codes if code[3:5] not in ("00", "10") and code[6:] in ("00;00", "00;01")]


@given(seconds=st.floats(0, DAY - 1))
@each_rate
def test_timecode_keeps_up_with_the_clock(fps: Fraction, seconds: float) -> None:
    rate = FrameRate.of(fps)
    hours, minutes, rest, number = map(int, rate.timecode(rate.nearest(seconds)).replace(";", ":").split(":"))
    shown = hours * 3600 + minutes * 60 + rest + Fraction(number, rate.base)
    if rate.fps == rate.base:
        assert abs(shown - Fraction(seconds)) <= Fraction(1, 2) / rate.fps
    elif rate.drop:
        assert abs(float(shown) - seconds) < 0.15  # four frames of 29.97, and what a day gathers
    else:
        assert float(shown) == pytest.approx(seconds * 1000 / 1001, abs=0.05)


@pytest.mark.parametrize("frame", [-1, 24 * 3600 * 25])
def test_there_is_no_timecode_outside_a_day(frame: int) -> None:
    with pytest.raises(ValueError, match="has no timecode"):
        FrameRate.of(Fraction(25)).timecode(frame)


@pytest.mark.parametrize(
    ("fps", "counted", "base", "drop"),
    [
        (NTSC, NTSC, 30, True),
        (Fraction(2997, 100), NTSC, 30, True),
        (Fraction(23976, 1000), FILM, 24, False),
        (Fraction(24), Fraction(24), 24, False),
        (Fraction(19001, 317), NTSC_60, 60, True),
        (Fraction(27431, 1000), Fraction(27), 27, False),
        (Fraction(1, 10), Fraction(1), 1, False),
        (Fraction(120000, 1001), Fraction(120000, 1001), 120, False),
    ],
)
def test_the_rate_to_count_by(fps: Fraction, counted: Fraction, base: int, drop: bool) -> None:
    assert FrameRate.of(fps) == FrameRate(counted, base, drop)


@given(span=spans(1000.0), fps=st.sampled_from(RATES))
def test_frames_are_the_nearest_and_at_least_one(span: Span, fps: Fraction) -> None:
    rate = FrameRate.of(fps)
    first, end = rate.frames(span, duration=1000.0)
    assert 0 <= first < end <= max(1, rate.nearest(1000.0))
    if end - first > 1:
        assert abs(first - span.start * fps) <= 0.5001
        assert abs(end - span.end * fps) <= 0.5001


# EDL


@each_rate
@given(chosen=st.lists(spans(3600.0), min_size=1, max_size=5))
def test_an_edl_has_the_ranges(fps: Fraction, chosen: list[Span]) -> None:
    result = timeline(*((span.start, span.end) for span in chosen), fps=fps, duration=3600.0)
    rate = float(fps)
    (track,) = otio.adapters.read_from_string(write_edl(result), "cmx_3600", rate=rate).tracks
    recorded = 0
    assert len(track) == len(chosen)
    for clip, span in zip(track, sorted(chosen), strict=True):
        first, end = FrameRate.of(fps).frames(span, duration=3600.0)
        assert clip.source_range == TimeRange(RationalTime(first, rate), RationalTime(end - first, rate))
        assert clip.range_in_parent().start_time == RationalTime(recorded, rate)
        assert clip.name == "talk.mp4"
        recorded += end - first


@pytest.mark.parametrize(
    ("fps", "times"),
    [
        (Fraction(24), "00:01:00:00 00:01:01:12 00:00:00:00 00:00:01:12"),
        (Fraction(25), "00:01:00:00 00:01:01:13 00:00:00:00 00:00:01:13"),
        (FILM, "00:00:59:23 00:01:01:11 00:00:00:00 00:00:01:12"),
        (NTSC, "00:00:59;28 00:01:01;16 00:00:00;00 00:00:01;16"),
    ],
    ids=str,
)
def test_an_edl_by_hand(fps: Fraction, times: str) -> None:
    lines = write_edl(timeline((60.0, 61.52), fps=fps, text="a\ndog")).splitlines()
    assert lines == [
        "TITLE: talk.mp4",
        "FCM: DROP FRAME" if fps == NTSC else "FCM: NON-DROP FRAME",
        "",
        f"001  AX       V     C        {times}",
        "* FROM CLIP NAME: talk.mp4",
        "* COMMENT: a dog",
    ]


@pytest.mark.parametrize(
    ("result", "says", "hint"),
    [
        (
            timeline((1, 2), fps=None),
            "talk.mp4: an EDL needs the frame rate",
            'add "fps" to its "video", or write otio',
        ),
        (timeline((1, 2), fps=Fraction(120)), "talk.mp4: an EDL cannot count 120 frames a second", "write otio"),
        (timeline((1, DAY)), "talk.mp4: an EDL ends at 24 hours", "write otio"),
        (timeline((1, DAY - 1), (1, DAY - 1)), "talk.mp4: an EDL ends at 24 hours", "write otio"),
    ],
)
def test_what_an_edl_cannot_say(result: Timeline, says: str, hint: str) -> None:
    with pytest.raises(OutputError, match=says) as caught:
        write_edl(result)
    assert caught.value.hint == hint


# OpenTimelineIO


@given(result=timelines())
def test_otio_has_the_ranges_and_what_was_said(result: Timeline) -> None:
    read = otio.adapters.read_from_string(WRITERS["otio"].write([result]), "otio_json")
    (track,) = read.tracks
    rate = FrameRate.of(result.video.fps or Fraction(1000))
    frame = Fraction(1) / rate.fps
    assert len(track) == len(result.moments)
    for clip, moment in zip(track, result.in_time_order(), strict=True):
        start, end = clip.source_range.start_time, clip.source_range.end_time_exclusive()
        assert start.rate == float(rate.fps)
        assert abs(start.to_seconds() - moment.span.start) <= frame
        assert abs(end.to_seconds() - moment.span.end) <= frame or end.value == start.value + 1
        assert RationalTime(0, start.rate) <= start < end <= clip.available_range().end_time_exclusive()
        assert clip.metadata["vex"].get("score") == (None if moment.score is None else pytest.approx(moment.score))
        assert clip.metadata["vex"]["task"] == result.task
        assert clip.metadata["vex"].get("text", "") == (moment.text or "").replace("\0", "\\x00")
        url = urlsplit(clip.media_reference.target_url)
        assert url.scheme == "file"
        assert unquote_to_bytes(url.path) == os.path.abspath(os.fsencode(result.video.path))


def test_otio_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    with pytest.raises(ExtraMissingError) as caught:
        WRITERS["otio"].write([timeline((1, 2))])
    assert caught.value.hint == "pip install 'vex-video[otio]'"


def test_loading_the_writers_loads_neither_srt_nor_opentimelineio() -> None:
    code = "import sys, vexcli.outputs; assert not {'srt', 'opentimelineio', 'videoexpert.results'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# Chapters

Chapters = list[tuple[int, int, str]]


def chapters(*results: Timeline) -> Chapters:
    """What the file says, in milliseconds; a reader of its own, for values without escapes."""
    header, *blocks = WRITERS["chapters"].write(results).split("[CHAPTER]\n")
    assert header == ";FFMETADATA1\n"
    found = []
    for block in blocks:
        values = dict(line.split("=", 1) for line in block.splitlines())
        assert values["TIMEBASE"] == "1/1000"
        found.append((int(values["START"]), int(values["END"]), values["title"]))
    return found


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 10), (10, 20), [(0, 10, "a"), (10, 20, "b")]),
        ((0, 10), (5, 20), [(0, 5, "a"), (5, 20, "b")]),
        ((0, 10), (4, 6), [(0, 4, "a"), (4, 6, "b"), (6, 10, "a")]),
        ((0, 10), (0, 10), [(0, 10, "a / b")]),
        ((0, 10), (0, 4), [(0, 4, "b / a"), (4, 10, "a")]),
        ((5, 10), (20, 30), [(0, 5, "…"), (5, 10, "a"), (10, 20, "…"), (20, 30, "b")]),
        ((0, 10), (10.9, 20), [(0, 10.9, "a"), (10.9, 20, "b")]),
        ((0, 10), (5, 9.5), [(0, 5, "a"), (5, 10, "b")]),
        ((0.2, 10), (10, 20), [(0, 0.2, "…"), (0.2, 10, "a"), (10, 20, "b")]),
    ],
)
def test_chapters_cover_the_time_without_overlap(
    a: tuple[float, float], b: tuple[float, float], expected: list[tuple[float, float, str]]
) -> None:
    found = chapters(timeline(a, query="a"), timeline(b, query="b"))
    assert found == [(round(start * 1000), round(end * 1000), title) for start, end, title in expected]


@given(chosen=st.lists(spans(100.0), min_size=1, max_size=8))
def test_chapters_tile_and_every_moment_starts_one(chosen: list[Span]) -> None:
    found = chapters(*(timeline((span.start, span.end), query=f"q{i}") for i, span in enumerate(chosen)))
    rounded = [milliseconds(span) for span in chosen]
    assert found[0][0] == 0
    assert [end for _, end, _ in found[:-1]] == [start for start, _, _ in found[1:]]
    assert found[-1][1] == max(end for _, end in rounded)
    for index, (start, _) in enumerate(rounded):
        (title,) = [title for chapter_start, _, title in found if chapter_start == start]
        assert f"q{index}" in title.split(" / ")


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov", "webm"])
def test_chapters_come_back_from_a_video(container: str, corpus: Corpus, tmp_path: Path) -> None:
    titles = ["=SUM(a;b) #1 \\n \\", "שלום 🎬", "two\nlines"]
    results = [
        timeline(span, query=title) for span, title in zip([(5, 12.345), (12.345, 20), (31, 42.5)], titles, strict=True)
    ]
    file = tmp_path / "talk.ffmetadata"
    file.write_text(WRITERS["chapters"].write(results), encoding="utf-8")
    source = corpus.path("vp9.webm" if container == "webm" else "h264_360p_60s.mp4")
    options = [word for name, value in INPUT_OPTIONS.items() for word in (f"-{name}", value)]
    video = [*options, "-i", file_url(source), "-f", "ffmetadata", "-i", file_url(file)]
    target = tmp_path / f"out.{container}"
    run([*video, "-map", "0:v", "-map_chapters", "1", "-c", "copy", file_url(target)])
    with av.open(str(target)) as opened:
        read = [
            (
                round(chapter["start"] * base * 1000),
                round(chapter["end"] * base * 1000),
                chapter["metadata"]["title"].rstrip(),
            )
            for chapter in opened.chapters()
            if (base := chapter["time_base"])
        ]
    assert read == [
        (0, 5000, "…"),
        (5000, 12345, titles[0]),
        (12345, 20000, titles[1]),
        (20000, 31000, "…"),
        (31000, 42500, "two lines"),
    ]


@pytest.mark.parametrize("write", [write_edl, WRITERS["chapters"].render], ids=["edl", "chapters"])
def test_a_name_or_text_stays_on_its_line(write: Callable[..., str]) -> None:
    nasty = timeline((1, 2), path=os.fsdecode(b"/a/new\nline\xff.mp4"), text="x\n002  AX\r[CHAPTER]\u2028y")
    text = write(nasty) if write is write_edl else write([nasty])
    assert not [line for line in text.splitlines() if line.startswith(("002", "line", "y"))]
    assert text.splitlines().count("[CHAPTER]") == (0 if write is write_edl else 2)
