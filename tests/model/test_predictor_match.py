"""Asking a model with a match channel: from its folder to moments, what is not there, and words that it writes."""

import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Corpus
from safetensors.torch import load_file, save_file
from tiny_model import SHORT, tiny_tokenizer
from tiny_nano import VISION, nano_model, tiny_sentences, write_nano_model

from videoexpert.checkpoint import load_model, load_sentences, load_tokenizer, load_vision, read_folder, save_model
from videoexpert.config import VideoExpertConfig
from videoexpert.errors import CheckpointError, RequestError
from videoexpert.features import EncodedVideo, FrameFeatures
from videoexpert.nn.model import VideoExpert
from videoexpert.nn.vision import build_tower
from videoexpert.options import GroundingOptions, HighlightOptions
from videoexpert.predictor import Predictor, load_predictor
from videoexpert.timeline import Source, Span
from videoexpert.windows import WindowPlan
from videoexpert.wording import MARK, spoken_of

EVERYTHING = GroundingOptions(top_k=None, min_score=0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nano_model(tmp_path_factory.mktemp("models") / "tiny-nano")


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return load_predictor(str(folder), device="cpu")


def shown(model: VideoExpert, classes: list[int]) -> torch.Tensor:
    """Features of frames of which the classifier is sure: [T, D]."""
    assert model.classifier is not None
    logits = torch.full((len(classes), VISION.classes), -6.0)
    logits[range(len(classes)), classes] = 6.0
    back: torch.Tensor = torch.linalg.pinv(model.classifier.weight)
    return ((logits - model.classifier.bias) @ back.t()).half()


def encoded(model: VideoExpert, classes: list[int], name: str) -> EncodedVideo:
    """A video of 32 s whose 16 frames show these classes."""
    whole = Span(0.0, 32.0)
    times = tuple(float(time) for time in np.linspace(0, 31.9, 16))
    features = FrameFeatures(whole, times, shown(model, classes).detach())
    source = Source("drawn.mp4", 32.0)
    return EncodedVideo(source, name, WindowPlan(32.0, (whole,)), (features,))


def telling(tmp_path: Path) -> tuple[Predictor, VideoExpert]:
    """A predictor whose head passes on the share of the classes that a query means, and whose classes 2, 5 and 7 are
    a ball, a tree and a boat."""
    model, sentences = nano_model(), tiny_sentences(tmp_path / "sentences")
    assert model.match is not None
    values = {name: torch.zeros_like(value) for name, value in model.match.state_dict().items()}
    values["names"] = model.match.names.detach().clone()
    values["names"][[2, 5, 7]] = sentences.vectors(["ball", "tree", "boat"])
    values["log_temperature"].fill_(-3.0)
    values["rise.weight"][0, 2, 2] = 1.0
    values["head.weight"][0, 0, 2] = 4.0
    values["head.bias"][0] = -8.0
    values["presence.2.bias"].fill_(4.0)
    model.match.load_state_dict(values)
    tower = build_tower(VISION)
    return Predictor(model, tower, tiny_tokenizer(), name="telling", sentences=sentences), model


def test_it_finds_what_the_classifier_sees(tmp_path: Path) -> None:
    predictor, model = telling(tmp_path)
    video = encoded(model, [5] * 4 + [2] * 6 + [7] * 6, "telling")
    (found,) = predictor.ground(video, ["ball"], options=EVERYTHING)
    assert found.moments[0].span == Span(8.0, 20.0) and (found.moments[0].score or 0.0) > 0.95
    assert all(moment.score is not None and moment.score < 0.1 for moment in found.moments[1:])


def test_below_the_models_own_threshold_nothing_is_found(tmp_path: Path) -> None:
    predictor, model = telling(tmp_path)
    assert model.config.match is not None
    model.config = replace(model.config, match=replace(model.config.match, threshold=0.5))
    there, not_there = encoded(model, [2] * 16, "telling"), encoded(model, [5] * 16, "telling")
    assert [bool(predictor.ground(video, ["ball"])[0].moments) for video in (there, not_there)] == [True, False]
    assert predictor.ground(not_there, ["ball"], options=EVERYTHING)[0].moments
    assert not predictor.highlights(not_there, ["ball"])[0].moments
    assert predictor.highlights(not_there, ["ball"], options=HighlightOptions(min_score=0.0))[0].moments


def test_the_option_that_is_seen_is_chosen(tmp_path: Path) -> None:
    predictor, model = telling(tmp_path)
    video = encoded(model, [2] * 16, "telling")
    for options in (["ball", "tree", "boat"], ["tree", "boat", "ball"]):
        (said,) = predictor.ask(video, ["what is there"], choices=options)
        assert said.answer is not None and said.answer.text == "ball"


def test_every_task_answers_about_a_real_video(predictor: Predictor, corpus: Corpus) -> None:
    video = predictor.encode(corpus.path("h264.mkv"))
    duration = video.source.duration
    grounded = predictor.ground(video, ["a red ball", "the cat"], options=EVERYTHING)
    shining = predictor.highlights(video, [None, "a cat"])
    written = predictor.caption(video, options=SHORT)
    answered = predictor.ask(video, ["what is there"], choices=["a ball", "a cat"])
    free = predictor.ask(video, ["what is there"], options=SHORT)
    for timeline in (*grounded, *shining, written, *answered, *free):
        assert all(0 <= moment.span.start < moment.span.end <= duration for moment in timeline.moments)
    assert all(timeline.moments for timeline in grounded)
    assert all(timeline.saliency is not None for timeline in shining)


def test_moments_of_one_query_do_not_overlap(predictor: Predictor, corpus: Corpus) -> None:
    video = predictor.encode(corpus.path("h264.mkv"))
    (found,) = predictor.ground(video, ["a red ball"], options=EVERYTHING)
    spans = [moment.span for moment in found.in_time_order()]
    assert all(early.end <= late.start + 1e-9 for early, late in pairwise(spans))


def test_questions_together_are_answered_as_alone(predictor: Predictor, corpus: Corpus) -> None:
    video = predictor.encode(corpus.path("h264.mkv"))
    queries = ["a red ball", "the cat", "an owl in a tree"]
    together = predictor.ground(video, queries, options=EVERYTHING)
    for query, timeline in zip(queries, together, strict=True):
        (alone,) = predictor.ground(video, [query], options=EVERYTHING)
        for one, other in zip(alone.moments, timeline.moments, strict=True):
            assert one.span == other.span and one.score == pytest.approx(other.score, abs=1e-5)


def test_its_hidden_states_are_listened_to_where_it_does_not_match_alone(tmp_path: Path, corpus: Corpus) -> None:
    predictor = load_predictor(str(write_nano_model(tmp_path / "both", alone=False)), device="cpu")
    video = predictor.encode(corpus.path("h264.mkv"))
    (found,) = predictor.ground(video, ["a red ball"], options=EVERYTHING)
    assert found.moments
    assert predictor.caption(video, options=SHORT).task == "caption"


def test_a_folder_can_be_moved_and_what_is_trained_from_it_finds_its_base(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    model = load_model(moved, merge=False)
    save_model(model, tmp_path / "new", like=moved)
    assert not (tmp_path / "new" / "base").exists()
    again = load_model(tmp_path / "new", merge=False)
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))
    assert load_predictor(str(tmp_path / "new"), device="cpu").config == read_folder(folder).config


def test_its_configuration_is_read_as_it_was_written(folder: Path) -> None:
    config = read_folder(folder).config
    assert config.vision == VISION and VideoExpertConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        (f"From {MARK}, a dog. From {MARK}, two cats.", ["a dog", "two cats"]),
        (f"From {MARK}.", ["else"]),
        (f"It rolls from {MARK}, fast.", ["It rolls fast"]),
        ("Nothing.", []),
    ],
)
def test_what_a_mark_speaks_of(text: str, spoken: list[str]) -> None:
    assert spoken_of(text, otherwise="else") == spoken


def test_where_it_matches_alone_nothing_of_the_language_model_is_loaded_to_find(folder: Path, corpus: Corpus) -> None:
    code = """
import sys
from videoexpert.predictor import load_predictor
predictor = load_predictor(sys.argv[1], device="cpu")
video = predictor.encode(sys.argv[2])
predictor.ground(video, ["a red ball"])
predictor.highlights(video)
print(*sorted({name.split(".")[0] for name in sys.modules}), *(name for name in sys.modules if "dynamo" in name))
predictor.ask(video, ["what is there"], choices=["a ball", "a cat"])
print("transformers" in sys.modules)
"""
    command = [sys.executable, "-c", code, str(folder), corpus.path("h264.mkv")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    to_find, to_read = ran.stdout.splitlines()
    assert "torch" in to_find.split() and to_read == "True"
    assert not {"transformers", "torch._dynamo", "sympy", "huggingface_hub"} & set(to_find.split())


def test_what_was_asked_of_the_match_channel_is_what_results_say(predictor: Predictor, corpus: Corpus) -> None:
    video = predictor.encode(corpus.path("h264.mkv"))
    prompts = [
        timeline.provenance and timeline.provenance.prompt
        for timeline in (*predictor.ground(video, ["A red ball."]), *predictor.highlights(video, ["a cat", None]))
    ]
    assert prompts == ["A red ball.", "a cat", None]
    for words in ("", "  ", "a [LOC]", "<video>"):
        with pytest.raises(RequestError):
            predictor.ground(video, [words])


def test_it_finds_the_same_when_all_of_it_is_loaded(folder: Path, predictor: Predictor, corpus: Corpus) -> None:
    video = predictor.encode(corpus.path("h264.mkv"))
    whole = Predictor(
        load_model(folder),
        load_vision(folder),
        load_tokenizer(folder, loc_id=predictor.config.loc_id),
        name=predictor.name,
        sentences=load_sentences(folder),
    )
    queries = ["a red ball", "the cat"]
    assert whole.ground(video, queries, options=EVERYTHING) == predictor.ground(video, queries, options=EVERYTHING)


def test_what_finds_is_read_strictly(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    tensors = load_file(folder / "model.safetensors")
    del tensors["match.rise.bias"]
    tensors["classifier.bias"] = torch.zeros(3)
    tensors["match.more"] = torch.zeros(1)
    save_file(tensors, broken / "model.safetensors")
    with pytest.raises(CheckpointError) as failed:
        load_predictor(str(broken), device="cpu")
    assert failed.value.problems == (
        "missing match.rise.bias",
        "classifier.bias in model.safetensors is 3, not 8",
        "unexpected match.more in model.safetensors",
    )


def test_a_missing_language_model_is_told_when_something_is_to_be_read(
    folder: Path, tmp_path: Path, corpus: Corpus
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "base" / "model.safetensors").unlink()
    predictor = load_predictor(str(broken), device="cpu")
    video = predictor.encode(corpus.path("h264.mkv"))
    assert predictor.ground(video, ["a red ball"], options=EVERYTHING)[0].moments
    with pytest.raises(CheckpointError, match="is gone"):
        predictor.caption(video)
