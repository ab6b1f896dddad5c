"""A model of nano's kind with other eyes: it answers, is tuned and saved like any other. Random numbers throughout."""

from pathlib import Path

import pytest
import torch
from conftest import Corpus
from tiny_image_text import random_clip, random_siglip, write_image_text
from tiny_nano import write_nano_model

from videoexpert.checkpoint import load_model, load_sentences, load_vision, read_folder, save_model
from videoexpert.config import ImageTextConfig
from videoexpert.errors import CheckpointError, OutputError
from videoexpert.models.nano.equipping import equip
from videoexpert.predictor import load_predictor

CLASSES = 1000
"""As many as nano has names for."""


@pytest.fixture(scope="module")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nano_model(tmp_path_factory.mktemp("models") / "nano", classes=CLASSES)


@pytest.fixture(params=["clip", "siglip"])
def encoder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    model = random_clip() if request.param == "clip" else random_siglip()
    return write_image_text(model, tmp_path / str(request.param))


def test_it_answers_all_four_tasks(nano: Path, encoder: Path, corpus: Corpus, tmp_path: Path) -> None:
    told: list[float] = []
    equip(nano, encoder, tmp_path / "new", on_names=told.append)
    assert told == sorted(told) and told[-1] == 1
    predictor = load_predictor(str(tmp_path / "new"), device="cpu")
    video = predictor.encode(corpus.path("frames50.mp4"))
    whole = video.source.duration
    (found,) = predictor.ground(video, ["a red ball"])
    assert found.moments and all(0 <= moment.span.start < moment.span.end <= whole for moment in found.moments)
    assert predictor.highlights(video)[0].saliency is not None
    assert predictor.caption(video).task == "caption"
    (answer,) = predictor.ask(video, ["What is it?"], choices=["a cat", "a dog"])
    assert answer.answer is not None


def test_a_query_is_a_row_of_the_classifier(nano: Path, encoder: Path, tmp_path: Path) -> None:
    """What a query is said to look like is what the class of these words is said to look like."""
    equip(nano, encoder, tmp_path / "new")
    config = read_folder(tmp_path / "new").config
    assert isinstance(config.vision, ImageTextConfig) and config.sentences is not None
    sentences = load_sentences(tmp_path / "new")
    model = load_model(tmp_path / "new")
    assert sentences is not None and model.classifier is not None
    looks = sentences.vectors(["a tench, a fish"])[0, config.sentences.hidden :]
    torch.testing.assert_close(model.classifier.weight[0], looks)
    assert not model.classifier.bias.any() and not model.projector.weight.any()


def test_what_was_trained_stays(nano: Path, encoder: Path, tmp_path: Path) -> None:
    equip(nano, encoder, tmp_path / "new")
    before, after = (dict(load_model(folder, merge=False).named_parameters()) for folder in (nano, tmp_path / "new"))
    other = {
        name for name, value in after.items() if value.shape != before[name].shape or (value != before[name]).any()
    }
    assert {name.rpartition(".")[0] for name in other} <= {"classifier", "projector.linear"}


def test_a_saved_one_can_be_whole(nano: Path, encoder: Path, tmp_path: Path) -> None:
    equip(nano, encoder, tmp_path / "new")
    model = load_model(tmp_path / "new", merge=False)
    save_model(model, tmp_path / "whole", like=tmp_path / "new", standalone=True)
    words = load_sentences(tmp_path / "new")
    encoder.rename(tmp_path / "elsewhere")
    again = load_sentences(tmp_path / "whole")
    assert words is not None and again is not None
    assert torch.equal(words.vectors(["red"]), again.vectors(["red"]))
    load_vision(tmp_path / "whole")
    with pytest.raises(CheckpointError, match="the weights that the model builds on are gone"):
        load_vision(tmp_path / "new")


def test_it_is_refused_where_it_makes_no_sense(nano: Path, encoder: Path, tmp_path: Path) -> None:
    other = write_nano_model(tmp_path / "other")
    with pytest.raises(CheckpointError, match="has no match channel with nano's classes"):
        equip(other, encoder, tmp_path / "new")
    equip(nano, encoder, tmp_path / "new")
    with pytest.raises(OutputError, match="exists already"):
        equip(nano, encoder, tmp_path / "new")
    with pytest.raises(OutputError, match="is what the new model is made of"):
        equip(tmp_path / "new", encoder, tmp_path / "new", overwrite=True)
    (encoder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        equip(nano, encoder, tmp_path / "newer")
    assert not (tmp_path / "newer").exists()
