"""nano's words, drawn timelines, recipe and training, with a classifier of a few classes."""

import dataclasses
import json
import random
import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from videoexpert.checkpoint.names import base_name, expected_tensors
from videoexpert.checkpoint.tensors import check_tensors, open_tensors
from videoexpert.config import MatchConfig
from videoexpert.errors import TrainingError
from videoexpert.models.nano.language import LanguageTraining, answer
from videoexpert.models.nano.making import TRAINED, nano_config
from videoexpert.models.nano.matching import MatchTraining, train_match
from videoexpert.models.nano.recipe import Recipe, read_recipe
from videoexpert.models.nano.timelines import TimelineMaker
from videoexpert.models.nano.words import Vocabulary, read_vocabulary
from videoexpert.nn.match import Matcher
from videoexpert.nn.projector import Reading
from videoexpert.prompts import Turn

SMOLLM2 = {
    "model_type": "llama",
    "vocab_size": 49153,
    "tie_word_embeddings": True,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}
CLASSES, WIDTH, FRAMES = 40, 64, 50
FEW = Vocabulary(
    tuple((f"thing {index:02}", f"{index:02}th thing") for index in range(CLASSES)),
    {"low thing": frozenset(range(10)), "mid thing": frozenset(range(20, 25)), "high thing": frozenset(range(30, 40))},
)


def maker(seed: int = 0, *, doubtful: float = 0.0) -> TimelineMaker:
    generator = torch.Generator().manual_seed(5)
    weight = 0.1 * torch.randn(CLASSES, WIDTH, generator=generator)
    return TimelineMaker(weight, torch.zeros(CLASSES), frames=FRAMES, seed=seed, doubtful=doubtful)


def vectors(queries: Sequence[str]) -> torch.Tensor:
    """A direction of its own for each thing, whatever stands around its number; of kinds the mean of theirs."""
    table = torch.eye(CLASSES)
    rows = []
    for query in queries:
        digits = "".join(letter for letter in query if letter.isdigit())
        members = [int(digits)] if digits else [i for kind, m in FEW.kinds.items() if kind in query for i in m]
        rows.append(F.normalize(table[members].sum(dim=0), dim=-1))
    return torch.stack(rows)


def test_the_vocabulary_is_whole() -> None:
    words = read_vocabulary()
    assert len(words.names) == 1000 and all(all(names) for names in words.names)
    assert words.names[207][0] == "golden retriever" and words.kinds_of(207) == ["dog", "animal"]
    assert words.labels[281] == "tabby, tabby cat, cat, animal"
    assert words.names[134][0] == "crane" and 134 in words.kinds["bird"]
    assert len(words.kinds) > 100
    assert all(members and all(0 <= index < 1000 for index in members) for members in words.kinds.values())


def test_what_is_shipped_fits_the_model_and_is_small() -> None:
    """Everything that the parts do not bring, in float16, with nothing left over."""
    config = nano_config(SMOLLM2)
    expected = expected_tensors(config, source=Path("config.json"))
    served = {name for name in expected if base_name(name) or name.startswith("classifier.")}
    served |= {"projector.words", "projector.marks"}
    shapes = {name: shape for name, shape in expected.items() if name not in served}
    shapes["llm.model.embed_tokens.weight:new_rows"] = (1, 576)
    file = Path(str(files("videoexpert.models.nano") / TRAINED))
    stored = open_tensors(file)
    check_tensors(TRAINED, shapes, stored)
    assert {tensor.read().dtype for tensor in stored.values()} == {torch.float16}
    assert all(tensor.read().isfinite().all() for tensor in stored.values())
    assert file.stat().st_size <= 25e6


def test_the_log_of_the_training_is_of_the_recipe_that_is_shipped() -> None:
    folder = files("videoexpert.models.nano")
    recipe = read_recipe(Path(str(folder / "recipe.yaml")))
    log = [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]
    for stage, steps in (("match", recipe.match.steps), ("language", recipe.language.steps)):
        losses = [entry["loss"] for entry in log if entry["stage"] == stage]
        assert [entry["step"] for entry in log if entry["stage"] == stage] == list(range(10, steps + 1, 10))
        assert losses[-1] < 0.5 * losses[0]


def test_the_same_seed_draws_the_same() -> None:
    one, other = maker().draw(), maker().draw()
    assert torch.equal(one.directions, other.directions) and one.events == other.events
    assert not torch.equal(maker(1).draw().directions, maker(2).draw().directions)


def test_what_a_timeline_shows_is_what_the_classifier_says() -> None:
    """In most frames of a shot, for a shot may hold other things, flicker and fade."""
    drawing, right, frames = maker(), 0, 0
    for _ in range(40):
        timeline = drawing.draw()
        said = drawing.logits(timeline).argmax(dim=-1)
        for event in timeline.events:
            shot = said[round(event.start * FRAMES) : round(event.end * FRAMES)]
            right += int((shot == event.index).sum())
            frames += len(shot)
    assert right / frames > 0.75


def test_features_bring_the_classifier_to_say_it() -> None:
    generator = torch.Generator().manual_seed(5)
    weight = 0.1 * torch.randn(CLASSES, WIDTH, generator=generator)
    drawing = maker()
    logits = drawing.logits(drawing.draw())
    torch.testing.assert_close(drawing.features(logits) @ weight.t(), logits, atol=1e-3, rtol=1e-3)


def test_events_follow_each_other_and_no_thing_comes_twice() -> None:
    drawing = maker()
    for _ in range(50):
        events = drawing.draw().events
        assert len({event.index for event in events}) == len(events)
        assert all(early.end <= late.start for early, late in pairwise(events))


def test_doubtful_things_look_like_others_too() -> None:
    """The classifier's first guess is less often right, and less sure."""
    right = {}
    for doubtful in (0.0, 1.0):
        drawing, told = maker(doubtful=doubtful), list[bool]()
        for _ in range(40):
            timeline = drawing.draw()
            said = drawing.logits(timeline).argmax(dim=-1)
            told += [bool(said[int((e.start + e.end) / 2 * FRAMES)] == e.index) for e in timeline.events]
        right[doubtful] = sum(told) / len(told)
    assert right[1.0] < right[0.0] - 0.1


def test_training_finds_what_is_there_and_misses_what_is_not() -> None:
    torch.manual_seed(0)
    matcher = Matcher(MatchConfig(width=16, likeliest=8), classes=CLASSES, width=CLASSES)
    with torch.no_grad():
        matcher.names.copy_(torch.eye(CLASSES))
    losses: list[float] = []
    train_match(
        matcher,
        maker(),
        FEW,
        vectors,
        MatchTraining(steps=60, timelines=6, learning_rate=1e-2, hidden=0.0),
        on_step=lambda step, loss: losses.append(loss),
    )
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])
    drawing, inside, present, absent = maker(9), [], [], []
    for _ in range(20):
        timeline = drawing.draw()
        shown = {event.index for event in timeline.events}
        for event in timeline.events[:1]:
            other = next(index for index in range(CLASSES) if index not in shown)
            queries = torch.eye(CLASSES)[[event.index, other]]
            with torch.no_grad():
                found = matcher(drawing.logits(timeline)[None], queries, torch.zeros(2, dtype=torch.long))
            assert found.presence_logits is not None
            best = (float(found.class_logits[0].argmax()) + 0.5) / FRAMES
            inside.append(event.start <= best <= event.end)
            present.append(float(found.presence_logits[0]))
            absent.append(float(found.presence_logits[1]))
    assert sum(inside) >= 0.9 * len(inside)
    assert sum(map(float.__gt__, present, absent)) >= 0.9 * len(present)


SHOWN = tuple(
    Reading(range(start, start + 9), classes, 1.0) for start, classes in ((0, (3, 17)), (9, (35,)), (30, (3, 17)))
)


def taught(*, choices: float, open: float) -> list[Turn]:
    choice, options = random.Random(0), LanguageTraining(choices=choices, open=open)
    return [answer(SHOWN, choice, FEW, options) for _ in range(60)]


def test_captions_repeat_what_the_frames_spell() -> None:
    first, second = "From [LOC], a thing 03 or a thing 17.", "From [LOC], a thing 35."
    assert {turn.answer for turn in taught(choices=0, open=0)} == {f"{first} {second} {first}"}


def test_open_answers_say_each_thing_once() -> None:
    assert {turn.answer for turn in taught(choices=0, open=1)} == {"A thing 03 or a thing 17 and a thing 35."}


def test_the_right_option_is_shown_and_no_other_is() -> None:
    there = {3, 17, 35}
    letters, kinds = set(), 0
    for turn in taught(choices=1, open=0):
        assert turn.answer is not None
        letter = turn.answer.removeprefix("From [LOC]. Option ")[0]
        letters.add(letter)
        options = dict(re.findall(r"Option (\w): an? (.+?)(?= Option| [A-Z])", turn.question))
        assert len(options) == 4
        for which, text in options.items():
            meant = FEW.kinds.get(text, frozenset({int(text[-2:])} if text[-2:].isdigit() else ()))
            assert bool(meant & there) == (which == letter), turn
        kinds += options[letter] in FEW.kinds
    assert letters == set("ABCD") and 0 < kinds < 60


def test_the_recipe_beside_the_program_can_be_read() -> None:
    recipe = read_recipe(Path(str(files("videoexpert.models.nano") / "recipe.yaml")))
    assert recipe.match.steps > 0 and recipe.language.steps > 0


NO_RECIPES = (
    "seeds: 1",
    "match: {step: 1}",
    "dtype: int8",
    "device: abacus",
    "rank: 0",
    "width: wide",
    "threads: true",
    "[1, 2]",
    "match: 3",
    "a: [",
    "",
)


@pytest.mark.parametrize("words", NO_RECIPES)
def test_what_is_no_recipe_is_refused(tmp_path: Path, words: str) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(words)
    with pytest.raises(TrainingError, match="is no recipe of nano"):
        read_recipe(file)


def test_a_recipe_has_defaults(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("seed: 3\nmatch: {steps: 7}")
    assert read_recipe(file) == dataclasses.replace(Recipe(), seed=3, match=MatchTraining(steps=7))
