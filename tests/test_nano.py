"""The default model, as a newcomer meets it: pulled, then asked about the video of `vex demo`. Real weights.

Its parts are looked for in VEX_HOME, or where they usually lie, and fetched where they are missing.
"""

import json
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest
from conftest import Ran, Vex

from vexcli.demonstration import make_video
from videoexpert.errors import DownloadError
from videoexpert.hub import Origin, fetch, home_folder, known_model, part_store, pull
from videoexpert.hub.photos import PHOTOS
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
