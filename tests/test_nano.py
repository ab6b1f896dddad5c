"""The default model, as a newcomer meets it: pulled, then asked about the video of `vex demo`. Real weights.

Its parts are looked for in VEX_HOME, or where they usually lie, and fetched where they are missing.
"""

import json
import shutil
from hashlib import sha256
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Ran, Vex
from tiny_image_text import colour_clip, write_colours, write_image_text

from vexcli.demonstration import make_video
from videoexpert.errors import DownloadError, OutputError
from videoexpert.hub import Origin, fetch, home_folder, known_model, part_store, pull
from videoexpert.hub.photos import PHOTOS
from videoexpert.models.nano.recipe import Step, run_recipe
from videoexpert.timeline import Span

TRUTH = {"a cat": Span(6, 13), "a rocket": Span(13, 20), "a cup of coffee": Span(20, 26)}
"""Seconds of the demo's video in which these are shown; half a second of cross-fade may belong to either side."""


@pytest.fixture(scope="module")
def home() -> dict[str, str]:
    """The environment in which nano is at hand, without any connection."""
    nano = known_model("nano")
    assert nano is not None
    try:
        pull(nano, Origin(), on_progress=lambda progress: None)
    except DownloadError as error:
        pytest.skip(f"NOT TESTED: nano cannot be fetched: {error.message}")
    return {"VEX_HOME": str(home_folder()), "VEX_OFFLINE": "1"}


@pytest.fixture(scope="module")
def video(home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half a minute of photographs."""
    try:
        photos = fetch(PHOTOS, part_store(), Origin(), on_progress=lambda progress: None)
    except DownloadError as error:
        pytest.skip(f"NOT TESTED: nano has no photographs to look at: {error.message}")
    file = tmp_path_factory.mktemp("demo") / "demo.mp4"
    make_video([photos[part.name] for part in PHOTOS], file)
    return str(file)


def ask(vex: Vex, home: dict[str, str], *arguments: str) -> Ran:
    ran = vex(*arguments, environment=home)
    assert ran.code == 0, ran.err
    return ran


def test_what_is_shown_is_found_and_what_is_not_is_not(vex: Vex, home: dict[str, str], video: str) -> None:
    queries = [*TRUTH, "a bicycle"]
    words = [word for query in queries for word in ("-q", query)]
    ran = ask(vex, home, "ground", video, *words, "--jsonl")
    found = {line["query"]: line["moments"] for line in map(json.loads, ran.out.splitlines())}
    for query, truth in TRUTH.items():
        best = found[query][0]
        assert truth.iou(Span(best["start"], best["end"])) >= 0.7, (query, best)
    assert found["a bicycle"] == []


def test_the_other_tasks_answer(vex: Vex, home: dict[str, str], video: str, tmp_path: Path) -> None:
    ask(vex, home, "caption", video, "-f", "srt", "-o", str(tmp_path))
    assert "cat" in (tmp_path / "demo.srt").read_text()
    question = ("What is shown?", "--option", "a bicycle", "--option", "a cat", "--option", "a piano")
    (answer,) = json.loads(ask(vex, home, "ask", video, *question, "--json").out)["results"]
    assert answer["answer"]["text"] == "a cat"
    (curve,) = json.loads(ask(vex, home, "highlights", video, "a cat", "--json").out)["results"]
    best = max(zip(curve["saliency"]["scores"], curve["saliency"]["times"], strict=True))[1]
    assert TRUTH["a cat"].start <= best < TRUTH["a cat"].end


COLOURFUL = (("", 5.0), ("red", 8.0), ("", 4.0), ("green", 6.0), ("", 4.0), ("blue", 6.0))
"""What is shown for how many seconds; "" is grey noise."""


def test_other_eyes_see_what_they_know(vex: Vex, home: dict[str, str], tmp_path: Path) -> None:
    """A small CLIP that knows a few colours, none of which nano knows."""
    film, eyes, model = tmp_path / "colours.mp4", tmp_path / "eyes", tmp_path / "colourful"
    write_colours(film, COLOURFUL)
    write_image_text(colour_clip(), eyes)
    made = ask(vex, home, "models", "equip", "nano", "--with", str(eyes), "--out", str(model))
    assert made.out == f"{model}\n"
    ends = list(accumulate((seconds for _, seconds in COLOURFUL), initial=0.0))
    truth = {name: Span(*ends[index : index + 2]) for index, (name, _) in enumerate(COLOURFUL) if name}
    words = [word for name in truth for word in ("-q", f"a video of {name}")]
    for eyed, right in (("nano", [False] * 3), (str(model), [True] * 3)):
        asked = ask(vex, home, "ground", str(film), *words, "--jsonl", "-m", eyed)
        best = [line["moments"][:1] for line in map(json.loads, asked.out.splitlines())]
        met = [
            [span.iou(Span(m["start"], m["end"])) for m in few] for few, span in zip(best, truth.values(), strict=True)
        ]
        assert [max(ious, default=0) >= 0.7 for ious in met] == right, (eyed, met)
    again = vex("models", "equip", "nano", "--with", str(eyes), "--out", str(model), environment=home)
    assert (again.code, again.err) == (1, f"error: {model}: exists already; add --overwrite to replace it\n")
    shutil.rmtree(eyes)
    gone = vex("ground", str(film), "red", "-m", str(model), environment=home)
    assert gone.code == 3 and "the weights that the model builds on are gone; put them back" in gone.err


RECIPE = """\
seed: 3
threads: 1
match: {steps: 2, timelines: 2, queries: 3, absent: 1}
language: {steps: 1, batch: 2}
"""
"""Far too short to learn anything."""


def test_a_recipe_gives_a_model_and_the_same_weights_each_time(
    vex: Vex, home: dict[str, str], video: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "short.yaml"
    recipe.write_text(RECIPE)
    made = [tmp_path / name for name in ("first", "second")]
    for out in made:
        assert ask(vex, home, "finetune", str(recipe), "--out", str(out)).out == f"{out}\n"
    first, second = ((out / "run" / "weights.safetensors").read_bytes() for out in made)
    assert first == second
    log = [json.loads(line) for line in (made[0] / "run" / "training.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"]) for line in log] == [("match", 2), ("language", 1)]
    asked = ask(vex, home, "ground", video, "a cat", "-m", str(made[0]), "--min-score", "0", "--json")
    (found,) = json.loads(asked.out)["results"]
    assert found["moments"]
    again = vex("finetune", str(recipe), "--out", str(made[0]), environment=home)
    assert (again.code, again.err) == (1, f"error: {made[0]}: exists already; choose another one with --out\n")


def test_a_larger_setting_is_a_model_too(vex: Vex, home: dict[str, str], video: str, tmp_path: Path) -> None:
    recipe = tmp_path / "large.yaml"
    recipe.write_text(f"{RECIPE}device: auto\nrank: 16\nwidth: 128\n")
    out = tmp_path / "large"
    ask(vex, home, "finetune", str(recipe), "--out", str(out))
    config = json.loads((out / "config.json").read_bytes())["model"]
    assert (config["experts"]["rank"], config["experts"]["alpha"], config["match"]["width"]) == (16, 32.0, 128)
    ask(vex, home, "ground", video, "a cat", "-m", str(out))
    ask(vex, home, "caption", video, "-m", str(out), "--max-tokens", "4")


def test_a_full_disk_is_told_before_anything_is_trained(
    home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, nano, steps = tmp_path / "short.yaml", known_model("nano"), list[Step]()
    recipe.write_text(RECIPE)
    assert nano is not None
    parts = fetch(nano.parts, part_store(), Origin(offline=True), on_progress=lambda progress: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=300e6))
    with pytest.raises(OutputError, match=r"4\d\d MB are needed for the model, 300 MB are free"):
        run_recipe(recipe, parts, tmp_path / "out", on_step=steps.append)
    assert not steps and not (tmp_path / "out").exists()


def test_a_recipe_says_what_it_would_take_and_which_option_is_not_for_it(
    vex: Vex, home: dict[str, str], tmp_path: Path
) -> None:
    recipe = tmp_path / "short.yaml"
    recipe.write_text(RECIPE)
    out = str(tmp_path / "out")
    said = json.loads(ask(vex, home, "finetune", str(recipe), "--out", out, "--dry-run", "--json").out)
    assert (said["to download"], said["steps of match"]) == ("nothing", "2")
    refused = vex("finetune", str(recipe), "--out", out, "--epochs", "2", environment=home)
    assert refused.code == 2 and refused.err.startswith("error: --epochs does not go with a recipe of nano")
    recipe.write_text("epochs: 2\n")
    unknown = vex("finetune", str(recipe), "--out", out, environment=home)
    assert unknown.code == 1 and unknown.err == f"error: {recipe}: is no recipe of nano: epochs is not known\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["short.yaml"]


def test_new_weights_are_a_new_revision() -> None:
    """Who pulled the model before gets it made anew."""
    nano = known_model("nano")
    weights = (files("videoexpert.models.nano") / "weights.safetensors").read_bytes()
    assert nano is not None
    assert nano.revision.partition("-")[0] == sha256(weights).hexdigest()[:12]
    assert len(weights) <= 25e6


def test_what_is_pulled_is_as_large_as_said() -> None:
    nano = known_model("nano")
    assert nano is not None and 0 < nano.size <= 200e6
