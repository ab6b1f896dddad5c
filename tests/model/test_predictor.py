"""The predictor on real videos: a random model for the plumbing, and one that was taught a few answers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Corpus
from tiny_model import NAME, SHORT, Parts, about, ends, tiny_parts, write_tiny_model

from videoexpert.decode import Located, rank_moments
from videoexpert.features import EncodedVideo
from videoexpert.options import GenerationOptions, GroundingOptions, HighlightOptions, WindowOptions
from videoexpert.predictor import Predictor, load_predictor
from videoexpert.prompts import build_prompt, grounding
from videoexpert.results import dumps_document, read_results
from videoexpert.timeline import Span, Timeline
from videoexpert.windows import plan_windows

EVERYTHING = GroundingOptions(top_k=None, iou=1.0)


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
