"""What the predictor cannot do, it says in one clear line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Corpus
from tiny_model import NAME, Parts, tiny_parts, write_tiny_model

from videoexpert.config import LOC
from videoexpert.errors import CheckpointError, DeviceError, RequestError, VideoError
from videoexpert.features import EncodedVideo
from videoexpert.options import WindowOptions
from videoexpert.predictor import load_predictor
from videoexpert.video import VideoReader


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
        parts.model.get_parameter("locator.class_head.layers.0.weight").fill_(float("nan"))
    predictor = parts.predictor()
    with pytest.raises(DeviceError, match="scores are not numbers"):
        predictor.ground(predictor.encode(corpus.path("h264.mkv")), ["a dog"])
