"""Recipes: what a YAML file may say, and what is said of mistakes in it."""

from dataclasses import fields
from pathlib import Path

import pytest
from conftest import ROOT

from videoexpert.errors import RequestError
from videoexpert.train.options import TrainOptions, make_options

FULL = """# a recipe
stage: experts
lr: 1e-4
epochs: 2
projector: yes
weights: [4, 1]
dropout: 0.1
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_recipe_is_read_and_options_stand_above_it(tmp_path: Path) -> None:
    options = make_options({"epochs": 5.0}, recipe=write(tmp_path, FULL))
    assert options == TrainOptions(
        stage="experts", lr=1e-4, epochs=5.0, projector=True, weights=(4.0, 1.0), dropout=0.1
    )
    assert make_options({}, recipe=write(tmp_path, options.dump())) == options
    assert make_options({}, recipe=write(tmp_path, "")) == TrainOptions()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("lr: 1\nepoch: 3\n", ":2: unknown option 'epoch'", "did you mean 'epochs'?"),
        ("lr: fast\n", ":1: lr must be a number", None),
        ("batch: 2.5\n", ":1: batch must be a whole number", None),
        ("projector: maybe\n", ":1: projector must be true or false", None),
        ("seed: 1\nlr: [1, 2]\n", ":2: lr must be a number", None),
        ("seed: 1\nweights: {a: 1}\n", ":2: weights must be a list of numbers", None),
        ("\nwarmup: 3\n", ":2: warmup must be from 0 to 1, got 3.0", None),
        ("stage: all\n", ":1: stage must be one of projector, experts, continue, got all", None),
        ("lr: 1\nlr: 2\n", ":2: lr is given twice", "keep one of the two"),
        ("- lr\n", ":1: must hold `name: value` lines", None),
        ("lr: [1\n", ":2: is not YAML", None),
        ("lr: .nan\n", ":1: lr must be a number", None),
    ],
)
def test_mistakes_say_file_and_line(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    file = write(tmp_path, text)
    with pytest.raises(RequestError) as caught:
        make_options({}, recipe=file)
    assert caught.value.message.startswith(f"{file}{message}") and caught.value.hint == hint


def test_what_is_given_beside_the_file_is_not_blamed_on_it(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        make_options({"lr": -1.0}, recipe=write(tmp_path, FULL))
    assert caught.value.message == "lr must be above 0, got -1.0"
    with pytest.raises(RequestError, match="No such file"):
        make_options({}, recipe=tmp_path / "gone.yaml")


def test_every_option_is_read_somewhere() -> None:
    text = "".join(file.read_text() for file in (ROOT / "model" / "videoexpert" / "train").glob("*.py"))
    for entry in fields(TrainOptions):
        assert f"options.{entry.name}" in text or f"self.{entry.name}" in text, f"nobody reads {entry.name}"


def test_steps_come_from_epochs_or_stand_for_themselves() -> None:
    options = TrainOptions(epochs=2.5, batch=4, accumulate=2)
    assert options.total_steps(100, 1) == 32 and options.total_steps(100, 2) == 16
    assert options.steps_per_epoch(100, 1) == 13
    assert TrainOptions(steps=7).total_steps(100, 1) == 7
