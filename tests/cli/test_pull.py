"""Models that are pulled: by the command, or at first use."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Corpus
from served import Shelf, serving_parts

from vexcli.app import run
from videoexpert.hub import KnownModel, known

VIDEO = "frames50.mp4"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """A known model `small` that can be pulled: a tiny one, made when its parts are there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with serving_parts(tmp_path / "home", monkeypatch) as shelf:
        small = KnownModel(
            "small", "random numbers", "none", "vex models pull small", shelf.parts, "hub_builds:tiny", "1"
        )
        monkeypatch.setattr(known, "KNOWN", (*known.KNOWN, small))
        yield shelf


def test_the_first_question_pulls_the_model_and_says_so(
    shelf: Shelf, tmp_path: Path, corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["ground", corpus.path(VIDEO), "a dog", "-m", "small", "--json"]
    assert run(ask) == 0
    first = capsys.readouterr()
    assert first.err == f"small: downloading 1 MB once, to {tmp_path / 'home'}\n"
    shelf.served.server.shutdown()
    assert run([*ask, "--offline"]) == 0
    again = capsys.readouterr()
    assert again.err == "" and again.out == first.out


def test_a_folder_of_that_name_which_is_no_model_hides_none(
    shelf: Shelf, tmp_path: Path, corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small").mkdir()
    assert run(["ground", corpus.path(VIDEO), "a dog", "-m", "small", "--json"]) == 0
    assert capsys.readouterr().err.startswith("small: downloading")
    assert run(["models", "path", "small"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "home" / "models" / "small")


def test_offline_names_the_missing_file(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "home" / "parts" / "vex-test-words-1.0" / "words.bin"
    told = (
        f"error: {missing}: is not here, and --offline (VEX_OFFLINE) forbids to fetch it; fetch vex-test-words==1.0 "
        "elsewhere with `pip download --no-deps`, then give its folder with --from\n"
    )
    (tmp_path / "video.mp4").touch()
    assert run(["ground", "video.mp4", "a dog", "-m", "small", "--offline"]) == 3
    assert capsys.readouterr().err == told
    monkeypatch.setenv("VEX_OFFLINE", "1")
    assert run(["models", "pull", "small"]) == 3
    assert capsys.readouterr().err == told
    assert shelf.served.asked == [] and not (tmp_path / "home").exists()


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The state of each model that `vex models list` shows."""
    assert run(["models", "list", "--json"]) == 0
    return {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)}


def test_pull_prints_the_folder_and_list_shows_it(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listed(capsys)["small"] == "can be pulled"
    stick = shelf.save_wheels(tmp_path / "stick")
    assert run(["models", "pull", "small", "--from", str(stick)]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == (f"{tmp_path / 'home' / 'models' / 'small'}\n", "")
    assert listed(capsys)["small"] == "installed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["smal"], "error: smal: no such model to pull; did you mean 'small'?\n"),
        (["videoexpert-7b"], "error: videoexpert-7b: cannot be pulled; vex models import --base DIR --expert DIR"),
        (["small", "--from", "nowhere"], "error: nowhere: no such folder\n"),
        (["small", "--from", "."], "error: .: holds neither vex_test_words-1.0-*.whl nor words.bin; pip download"),
    ],
)
def test_what_cannot_be_pulled_is_one_line(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert run(["models", "pull", *arguments]) == 3
    said = capsys.readouterr().err
    assert said.startswith(told) and said.count("\n") == 1
    assert shelf.served.asked == []


def test_every_known_model_has_a_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VEX_HOME", str(tmp_path))
    for model in known.KNOWN:
        assert run(["models", "info", model.name]) == 0
        assert model.card.startswith(f"# {model.name}\n") and model.licence in capsys.readouterr().out
