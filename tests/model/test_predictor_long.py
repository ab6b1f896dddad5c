"""The predictor on long videos: windows, progress, and memory that does not grow."""

import gc
import os
import subprocess
import sys
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
import torch
from conftest import Corpus, vex_environment
from tiny_model import NAME, SHORT, Parts, about, ends, tiny_parts

from videoexpert.features import EncodedVideo
from videoexpert.ffmpeg import file_url, run
from videoexpert.nn.cache import PrefixCache
from videoexpert.options import GroundingOptions, WindowOptions
from videoexpert.progress import Step
from videoexpert.timeline import Span
from videoexpert.windows import plan_windows


def test_times_of_a_window_are_those_of_the_video(taught: tuple[Parts, EncodedVideo]) -> None:
    """The same ten seconds three times over: everything is found in each, ten seconds later every time."""
    parts, video = taught
    plan = plan_windows(30, length=10)
    features = tuple(replace(video.features[0], looked_at=window) for window in plan.windows)
    thrice = EncodedVideo(replace(video.source, duration=30.0), NAME, plan, features)
    (cat,) = parts.predictor().ground(thrice, ["a cat"], options=GroundingOptions(top_k=3))
    assert sorted(ends(moment.span) for moment in cat.moments) == [about(6, 9), about(16, 19), about(26, 29)]
    captions = parts.predictor().caption(thrice)
    assert [moment.text for moment in captions.moments] == ["A ball rolls.", "A cat sleeps."] * 3
    assert ends(captions.moments[4].span) == about(22.5, 25)


def test_a_video_within_one_window_is_looked_at_as_a_whole(parts: Parts, corpus: Corpus) -> None:
    path = corpus.path("vfr_gap.mp4")
    whole = parts.predictor().encode(path, windows=WindowOptions(whole=True))
    default = parts.predictor().encode(path)
    longer = parts.predictor().encode(path, windows=WindowOptions(whole.source.duration + 1))
    for video in (default, longer):
        assert video.plan == whole.plan
        assert torch.equal(video.features[0].tokens, whole.features[0].tokens)
        assert video.features[0].times == whole.features[0].times


def test_windows_are_on_by_default_beyond_what_the_model_was_trained_for(corpus: Corpus) -> None:
    predictor = tiny_parts(frames=4, seconds=20.0).predictor()
    video = predictor.encode(corpus.path("h264_360p_60s.mp4"))
    assert video.plan.windows == (Span(0, 20), Span(15, 35), Span(30, 50), Span(40, 60))
    assert len(predictor.encode(corpus.path("h264.mkv")).plan.windows) == 1


def test_each_window_is_read_where_it_lies(parts: Parts, windowed: EncodedVideo) -> None:
    for features, window in zip(windowed.features, windowed.plan.windows, strict=True):
        assert len(features.times) == parts.model.config.frames
        assert features.times[0] == pytest.approx(window.start, abs=0.04)
        assert features.times[-1] == pytest.approx(window.end, abs=0.04)


def test_progress_goes_through_every_stage_of_every_window(corpus: Corpus) -> None:
    steps: list[Step] = []
    predictor = tiny_parts(frames=40).predictor()
    video = predictor.encode(corpus.path("h264.mkv"), windows=WindowOptions(6, 1), on_step=steps.append)
    reports = [(key, [step.done for step in group]) for key, group in groupby(steps, lambda s: (s.window, s.stage))]
    assert [key for key, _ in reports] == [(window, stage) for window in (1, 2) for stage in ("decode", "encode")]
    for _, done in reports:
        assert done == sorted(done) and (done[0], done[-1]) == (0, 40)
        assert set(done) == set(range(41))
    steps.clear()
    predictor.caption(video, options=SHORT, on_step=steps.append)
    assert all(step.windows == 2 and 0 <= step.done <= step.total for step in steps)
    assert [(step.stage, step.window) for step in steps if step.done == 0] == [
        (stage, window) for window in (1, 2) for stage in ("prefill", "generate")
    ]
    assert max(step.done for step in steps if step.stage == "generate") == 24
    steps.clear()
    tiny_parts(frames=40).predictor(batch=2).ground(video, ["a", "b", "c"], on_step=steps.append)
    assert [(step.stage, step.window, step.done, step.total) for step in steps] == [
        ("prefill", window, done, 3) for window in (1, 2) for done in (0, 2, 3)
    ]


def test_one_windows_keys_and_values_are_held_at_a_time(parts: Parts, windowed: EncodedVideo) -> None:
    def caches() -> int:
        gc.collect()
        return sum(type(thing) is PrefixCache for thing in gc.get_objects())

    held: list[int] = []

    def look(step: Step) -> None:
        if step.stage == "prefill" and step.done == 0:  # a window is about to be read
            held.append(caches())

    before = caches()
    parts.predictor().ask(windowed, ["What is it?", "Why?"], options=SHORT, on_step=look)
    assert set(held) == {before} and len(held) >= len(windowed.plan.windows)
    assert caches() == before


PEAK = """
import sys
from tiny_model import tiny_parts
from videoexpert.options import GenerationOptions, WindowOptions
predictor = tiny_parts(frames=100).predictor()
video = predictor.encode(sys.argv[1], windows=WindowOptions(30, 5))
predictor.ground(video, ["a dog", "a cat"])
predictor.highlights(video)
predictor.caption(video, options=GenerationOptions(max_new_tokens=8))
print(len(video.plan.windows))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT TESTED: peak memory is read from /proc")
def test_memory_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    environment = vex_environment(tmp_path)
    environment["PYTHONPATH"] += os.pathsep + str(Path(__file__).parents[1])
    peaks = []
    for minutes, windows in ((1, 3), (20, 48)):
        path = tmp_path / f"{minutes}.mp4"
        picture = ("-f", "lavfi", "-i", f"testsrc=size=160x90:rate=5:duration={60 * minutes}")
        run([*picture, "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-y", file_url(path)])
        ended = subprocess.run(
            [sys.executable, "-c", PEAK, str(path)], env=environment, capture_output=True, text=True, check=True
        )
        count, peak = map(int, ended.stdout.split())
        assert count == windows
        peaks.append(peak)
    assert peaks[1] <= 1.2 * peaks[0]
    assert peaks[1] - peaks[0] <= 64 * 1024
