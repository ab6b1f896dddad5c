"""The predictor on real videos: a random model for the plumbing, and one that was taught a few answers."""

import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Corpus, vex_environment
from tiny_model import NAME, Lesson, Parts, teach, tiny_parts, write_tiny_model

from videoexpert.config import LOC
from videoexpert.decode import Located, rank_moments
from videoexpert.errors import CheckpointError, DeviceError, RequestError, VideoError
from videoexpert.features import EncodedVideo
from videoexpert.ffmpeg import file_url, run
from videoexpert.nn.cache import PrefixCache
from videoexpert.options import GenerationOptions, GroundingOptions, HighlightOptions, WindowOptions
from videoexpert.predictor import Predictor, load_predictor
from videoexpert.progress import Step
from videoexpert.prompts import Turn, asking, build_prompt, captioning, choosing, grounding
from videoexpert.results import dumps_document, read_results
from videoexpert.timeline import Span, Timeline
from videoexpert.video import VideoReader
from videoexpert.windows import plan_windows

SHORT = GenerationOptions(max_new_tokens=24)
EVERYTHING = GroundingOptions(top_k=None, iou=1.0)
NEAR = 0.25
"""Seconds by which what was taught may be missed: less than half of what a frame stands for."""


@pytest.fixture(scope="module")
def parts() -> Parts:
    return tiny_parts()


@pytest.fixture(scope="module")
def windowed(parts: Parts, corpus: Corpus) -> EncodedVideo:
    """A minute of video in windows of 25 s that share 5 s."""
    return parts.predictor().encode(corpus.path("h264_360p_60s.mp4"), windows=WindowOptions(25, 5))


@pytest.fixture(scope="module")
def taught(corpus: Corpus) -> tuple[Parts, EncodedVideo]:
    """A model that was taught what happens in ten seconds of video: a ball from 2.5 to 5 s, a cat from 6 to 9 s."""
    parts = tiny_parts()
    video = parts.predictor().encode(corpus.path("h264.mkv"))
    ball, cat = [Span(2.5, 5)], [Span(6, 9)]
    options = ["a ball", "a cat", "a dog"]
    lessons = [
        Lesson(grounding("A red ball.", answered=True), [ball]),
        Lesson(grounding("a cat", answered=True), [cat]),
        Lesson(captioning(["A ball rolls.", "A cat sleeps."]), [ball, cat]),
        Lesson(choosing("What sleeps?", options, correct=1, evidence=True), [cat]),
        Lesson(Turn(asking("What is red?").question, "The ball is red."), []),
        Lesson(Turn(asking("When does it roll?").question, f"It rolls from {LOC}, fast."), [ball]),
        Lesson(Turn(asking("When does it roll?").question, f"From {LOC}."), [ball]),
    ]
    teach(parts, video, lessons)
    return parts, video


def about(start: float, end: float) -> tuple[object, object]:
    return pytest.approx(start, abs=NEAR), pytest.approx(end, abs=NEAR)


def ends(span: Span) -> tuple[float, float]:
    return span.start, span.end


def all_tasks(predictor: Predictor, video: EncodedVideo) -> list[Timeline]:
    return [
        *predictor.ground(video, ["a dog runs", "The sun."]),
        *predictor.highlights(video, ["a dog runs", None]),
        predictor.caption(video, options=SHORT),
        *predictor.ask(video, ["What is it?", "why does it rain"], options=SHORT),
        *predictor.ask(video, ["What is it?"], choices=["a dog", "a cat", "rain"]),
    ]


def test_every_task_gives_timelines_inside_the_video(parts: Parts, windowed: EncodedVideo, tmp_path: Path) -> None:
    timelines = all_tasks(parts.predictor(), windowed)
    assert [timeline.task for timeline in timelines] == ["ground"] * 2 + ["highlights"] * 2 + ["caption"] + ["ask"] * 3
    for timeline in timelines:
        assert timeline.moments, timeline.task
        assert all(moment.span.end <= timeline.video.duration for moment in timeline.moments)
        assert timeline.provenance is not None
        assert timeline.provenance.model == NAME
        assert timeline.provenance.windows == (Span(0, 25), Span(20, 45), Span(35, 60))
        assert "USER: <video>\n" in (timeline.provenance.prompt or "")
    file = tmp_path / "results.json"
    file.write_text(dumps_document(timelines), encoding="utf-8")
    assert read_results(file) == timelines


def test_grounding_ranks_as_asked(parts: Parts, windowed: EncodedVideo) -> None:
    (everything,) = parts.predictor().ground(windowed, ["a dog"], options=EVERYTHING)
    scores = [moment.score or 0 for moment in everything.moments]
    assert scores == sorted(scores, reverse=True)
    least = scores[3]
    options = GroundingOptions(top_k=100, min_score=least, iou=0.3)
    (some,) = parts.predictor().ground(windowed, ["a dog"], options=options)
    assert 1 <= len(some.moments) < len(scores)
    assert all((moment.score or 0) >= least for moment in some.moments)
    for index, moment in enumerate(some.moments):
        assert all(moment.span.iou(other.span) < 0.3 for other in some.moments[:index])
    (first,) = parts.predictor().ground(windowed, ["a dog"], options=GroundingOptions(top_k=1))
    assert len(first.moments) == 1


def test_what_was_taught_is_found_at_its_time(taught: tuple[Parts, EncodedVideo]) -> None:
    parts, video = taught
    ball, cat = parts.predictor().ground(video, ["a red ball", "A cat."])
    assert ends(ball.moments[0].span) == about(2.5, 5) and (ball.moments[0].score or 0) > 0.9
    assert ends(cat.moments[0].span) == about(6, 9) and (cat.moments[0].score or 0) > 0.9
    assert (ball.query, cat.query) == ("a red ball", "A cat.")


def test_saliency_stands_where_it_happens(taught: tuple[Parts, EncodedVideo]) -> None:
    parts, video = taught
    (timeline,) = parts.predictor().highlights(video, ["a cat"])
    assert timeline.saliency is not None
    assert timeline.saliency.times == (0, 2, 4, 6, 8)
    early, high = timeline.saliency.scores[:2], timeline.saliency.scores[3]
    assert max(early) < 0.1 and high > 0.8
    assert timeline.moments[0].span.start == 6
    (steep,) = parts.predictor().highlights(video, ["a cat"], options=HighlightOptions(ratio=1.0))
    assert [ends(moment.span) for moment in steep.moments] == [(6, 8)]


def test_captions_are_sentences_with_their_times(taught: tuple[Parts, EncodedVideo]) -> None:
    parts, video = taught
    timeline = parts.predictor().caption(video)
    assert [moment.text for moment in timeline.moments] == ["A ball rolls.", "A cat sleeps."]
    assert [ends(moment.span) for moment in timeline.moments] == [about(2.5, 5), about(6, 9)]
    assert timeline.warnings == ()


def test_options_are_chosen_whether_or_not_the_model_would_write_one(taught: tuple[Parts, EncodedVideo]) -> None:
    parts, video = taught
    (timeline,) = parts.predictor().ask(video, ["What sleeps"], choices=["a ball", "a cat", "a dog"])
    assert timeline.answer is not None
    assert (timeline.answer.option, timeline.answer.text) == ("B", "a cat")
    assert ends(timeline.moments[0].span) == about(6, 9)
    (untaught,) = parts.predictor().ask(video, ["Where is the sky"], choices=["up", "down"])
    assert untaught.answer is not None
    assert (untaught.answer.option, untaught.answer.text) in {("A", "up"), ("B", "down")}


def test_free_answers_are_the_models_words_and_times_are_put_into_them(taught: tuple[Parts, EncodedVideo]) -> None:
    parts, video = taught
    red, rolls = parts.predictor().ask(video, ["What is red?", "When does it roll"])
    assert red.answer is not None and red.answer.text == "The ball is red." and red.answer.option is None
    assert rolls.answer is not None
    start, end = (float(word) for word in rolls.answer.text.split() if word[0].isdigit())
    assert rolls.answer.text in {f"It rolls from {start} to {end} s, fast.", f"From {start} to {end} s."}
    assert (start, end) == about(2.5, 5)
    assert ends(rolls.moments[0].span) == about(2.5, 5)


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


def test_prefix_reuse_gives_what_one_plain_pass_over_the_training_prompt_gives(
    parts: Parts, windowed: EncodedVideo
) -> None:
    prompt = build_prompt([grounding("a dog", answered=True)], parts.tokenizer)
    (timeline,) = parts.predictor().ground(
        replace(windowed, plan=plan_windows(25, length=None), features=windowed.features[:1]),
        ["a dog"],
        options=EVERYTHING,
    )
    visual = windowed.features[0].tokens.float()
    with torch.inference_mode():
        said = parts.model(torch.tensor([prompt.ids]), visual[None]).located
    plain = rank_moments(Located(Span(0, 25), said.scores[0].double().numpy(), said.windows[0].double().numpy()))
    assert len(timeline.moments) == len(plain)
    for mine, theirs in zip(timeline.moments, plain, strict=True):
        assert mine.score == pytest.approx(theirs.score, abs=1e-5)
        assert ends(mine.span) == pytest.approx(ends(theirs.span), abs=1e-3)


QUERIES = [
    "a cat",
    "A red ball.",
    "someone who walks a very big dog along the river",
    "x",
    "rain",
    "two",
    "the red sky",
]


def test_a_batch_of_queries_gives_what_each_gives_alone(taught: tuple[Parts, EncodedVideo]) -> None:
    parts, video = taught
    together = parts.predictor(batch=3).highlights(video, QUERIES)
    for query, timeline in zip(QUERIES, together, strict=True):
        (alone,) = parts.predictor().highlights(video, [query])
        assert timeline.saliency is not None and alone.saliency is not None
        assert timeline.saliency.scores == pytest.approx(alone.saliency.scores, abs=1e-4)
    answers = parts.predictor(batch=2).ask(video, ["What is red?", "When does it roll?", "What is red"], options=SHORT)
    for question, timeline in zip(["What is red?", "When does it roll?", "What is red"], answers, strict=True):
        (single,) = parts.predictor().ask(video, [question], options=SHORT)
        assert timeline.answer == single.answer


def test_no_queries_give_no_timelines(parts: Parts, windowed: EncodedVideo) -> None:
    predictor = parts.predictor()
    assert predictor.ground(windowed, []) == []
    assert predictor.highlights(windowed, []) == []
    assert predictor.ask(windowed, []) == []
    assert predictor.ask(windowed, [], choices=["a", "b"]) == []


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


@pytest.mark.parametrize("name", ["frames1.mp4", "vfr_gap.mp4", "start5.mp4", "extreme_wide.mp4", "portrait.mp4"])
def test_odd_videos_go_all_the_way(parts: Parts, corpus: Corpus, name: str) -> None:
    predictor = parts.predictor()
    video = predictor.encode(corpus.path(name), windows=WindowOptions(5, 1))
    (timeline,) = predictor.ground(video, ["a dog"])
    (curve,) = predictor.highlights(video)
    assert timeline.moments and curve.saliency is not None
    assert curve.saliency.times[-1] < video.source.duration


def test_damage_is_told_in_every_result(parts: Parts, corpus: Corpus) -> None:
    predictor = parts.predictor()
    video = predictor.encode(corpus.path("corrupt_mid.mp4"), windows=WindowOptions(25, 5))
    assert video.warnings
    assert predictor.ground(video, ["a dog"])[0].warnings == video.warnings


def test_text_without_a_time_is_kept_and_marked(parts: Parts, windowed: EncodedVideo) -> None:
    """The random model writes no [LOC]."""
    timeline = parts.predictor().caption(windowed, options=SHORT)
    assert [moment.span for moment in timeline.moments] == list(windowed.plan.windows)
    assert all(moment.text and moment.score is None for moment in timeline.moments)
    for window in windowed.plan.windows:
        where = f"{window.start:.1f} to {window.end:.1f} s: "
        told = [warning.removeprefix(where) for warning in timeline.warnings if warning.startswith(where)]
        assert told == [
            "the text was cut off after 24 tokens",
            "the model gave no time for some words; they stand over the whole stretch",
        ]


def test_greedy_is_the_default_and_a_seed_makes_drawing_repeatable(parts: Parts, windowed: EncodedVideo) -> None:
    def text(options: GenerationOptions) -> str:
        (timeline,) = parts.predictor().ask(windowed, ["What is it?"], options=options)
        assert timeline.answer is not None and timeline.provenance is not None
        assert timeline.provenance.seed == (options.seed if options.temperature else None)
        return timeline.answer.text

    assert text(SHORT) == text(replace(SHORT, seed=7))
    drawn = replace(SHORT, temperature=1.0, seed=7)
    assert text(drawn) == text(drawn)
    assert text(drawn) != text(replace(drawn, seed=8))
    assert text(replace(drawn, top_p=1e-6)) == text(SHORT)


def test_progress_goes_through_every_stage_of_every_window(parts: Parts, corpus: Corpus) -> None:
    steps: list[Step] = []
    predictor = parts.predictor()
    video = predictor.encode(corpus.path("h264.mkv"), windows=WindowOptions(6, 1), on_step=steps.append)
    assert [(step.stage, step.window, step.done) for step in steps] == [
        (stage, window, done) for window in (1, 2) for stage in ("decode", "encode") for done in (0, 16)
    ]
    steps.clear()
    predictor.caption(video, options=SHORT, on_step=steps.append)
    assert all(step.windows == 2 and 0 <= step.done <= step.total for step in steps)
    assert [(step.stage, step.window) for step in steps if step.done == 0] == [
        (stage, window) for window in (1, 2) for stage in ("prefill", "generate")
    ]
    assert max(step.done for step in steps if step.stage == "generate") == 24
    steps.clear()
    parts.predictor(batch=2).ground(video, ["a", "b", "c"], on_step=steps.append)
    assert [(step.stage, step.window, step.done, step.total) for step in steps] == [
        ("prefill", window, done, 3) for window in (1, 2) for done in (0, 2, 3)
    ]


def test_one_windows_keys_and_values_are_held_at_a_time(parts: Parts, windowed: EncodedVideo) -> None:
    def caches() -> int:
        gc.collect()
        return sum(type(thing) is PrefixCache for thing in gc.get_objects())

    held: list[int] = []

    def look(step: Step) -> None:
        if step.stage == "prefill":
            held.append(caches())

    before = caches()
    parts.predictor().ask(windowed, ["What is it?", "Why?"], options=SHORT, on_step=look)
    assert max(held) <= before + 1
    assert caches() == before


@pytest.mark.parametrize(
    "query, said",
    [("", "must not be empty"), ("  ", "must not be empty"), (f"a {LOC}", r"\[LOC\]"), ("<video>", "<video>")],
)
def test_questions_that_cannot_be_asked_are_refused(
    parts: Parts, windowed: EncodedVideo, query: str, said: str
) -> None:
    predictor = parts.predictor()
    with pytest.raises(RequestError, match=said):
        predictor.ground(windowed, ["a dog", query])
    with pytest.raises(RequestError, match=said):
        predictor.ask(windowed, [query])
    with pytest.raises(RequestError, match=said):
        predictor.ask(windowed, ["why"], choices=["a", query])


def test_a_question_longer_than_the_model_can_read_is_refused(parts: Parts, windowed: EncodedVideo) -> None:
    with pytest.raises(RequestError, match=r"tokens long, but tiny takes \d+") as caught:
        parts.predictor().ground(windowed, ["dog " * 1000])
    assert caught.value.hint == "shorten it"


@pytest.mark.parametrize("choices", [["one"], list("abcdefghijklmnopqrstuvwxyz!")])
def test_options_are_two_to_twenty_six(parts: Parts, windowed: EncodedVideo, choices: list[str]) -> None:
    with pytest.raises(RequestError, match="from 2 to 26 options"):
        parts.predictor().ask(windowed, ["why"], choices=choices)


def test_an_overlap_as_long_as_the_window_is_refused(parts: Parts, corpus: Corpus) -> None:
    with pytest.raises(RequestError, match="overlap of 9 s is not less than the window, 4 s"):
        parts.predictor().encode(corpus.path("h264.mkv"), windows=WindowOptions(4, 9))


def test_a_video_that_cannot_be_read_says_so(parts: Parts, corpus: Corpus) -> None:
    with VideoReader() as reader:
        with pytest.raises(VideoError, match="audio_only"):
            parts.predictor().encode(corpus.path("audio_only.mp4"), reader=reader)
        assert parts.predictor().encode(corpus.path("h264.mkv"), reader=reader).features


def test_features_of_another_model_are_no_input(parts: Parts, windowed: EncodedVideo) -> None:
    with pytest.raises(ValueError, match="encoded by other"):
        parts.predictor().ground(replace(windowed, encoder="other"), ["a dog"])


def test_a_model_folder_loads_and_answers_as_its_parts_do(tmp_path: Path, corpus: Corpus) -> None:
    folder = write_tiny_model(tmp_path / NAME)
    loaded, parts = load_predictor(str(folder), device="cpu"), tiny_parts().predictor()
    assert loaded.name == NAME
    path = corpus.path("h264.mkv")
    (mine,), (theirs,) = (p.highlights(p.encode(path), ["a dog"]) for p in (loaded, parts))
    assert mine.saliency is not None and theirs.saliency is not None
    assert mine.saliency.scores == pytest.approx(theirs.saliency.scores, abs=1e-4)
    eager = load_predictor(str(folder), device="cpu", attn="eager")
    (other,) = eager.highlights(eager.encode(path), ["a dog"])
    assert other.saliency is not None
    assert other.saliency.scores == pytest.approx(theirs.saliency.scores, abs=1e-4)


def test_sixteen_bit_numbers_run(tmp_path: Path, corpus: Corpus) -> None:
    predictor = load_predictor(str(write_tiny_model(tmp_path / NAME)), device="cpu", dtype="bfloat16")
    timelines = all_tasks(predictor, predictor.encode(corpus.path("h264.mkv")))
    assert all(timeline.moments for timeline in timelines)


def test_what_cannot_be_loaded_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load_predictor(str(tmp_path / "nowhere"))
    folder = str(write_tiny_model(tmp_path / NAME))
    with pytest.raises(DeviceError, match="flash attention does not run on cpu in float32"):
        load_predictor(folder, device="cpu", attn="flash")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="device cuda is not available"):
            load_predictor(folder, device="cuda")


def test_scores_that_are_no_numbers_are_an_error(corpus: Corpus) -> None:
    parts = tiny_parts(frames=4)
    with torch.no_grad():
        parts.model.locator.class_head.layers[0].weight.fill_(float("nan"))
    predictor = parts.predictor()
    with pytest.raises(DeviceError, match="scores are not numbers"):
        predictor.ground(predictor.encode(corpus.path("h264.mkv")), ["a dog"])


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
