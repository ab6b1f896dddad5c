"""Pulled models: made once, whole or not at all, by one process at a time, and brought up to date."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from served import Shelf, files_below

from videoexpert.errors import CheckpointError, DownloadError, OutputError
from videoexpert.hub import (
    KnownModel,
    Origin,
    Progress,
    find_model,
    installed,
    known,
    model_to_pull,
    models_folder,
    pull,
)

PULL = """
import sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from served import part_of
from videoexpert.hub import KnownModel, Origin, Wheel, pull
wheel, data = Wheel("vex-test-words", "1.0", 301_000), Path(sys.argv[3]).read_bytes()
parts = (part_of(wheel, "words.bin", data, on_hub=True),)
model = KnownModel("small", "", "", "", parts, build="hub_builds:joined", revision="1")
print(pull(model, Origin(), on_progress=lambda progress: print(progress.what, flush=True)))
"""
"""Pulls the model in a process of its own; argv: where modules are, then the file that the part must be."""


@pytest.fixture
def small(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> KnownModel:
    """A known model that can be pulled."""
    small = KnownModel("small", "small numbers", "none", "vex models pull small", shelf.parts, "hub_builds:joined", "1")
    monkeypatch.setattr(known, "KNOWN", (*known.KNOWN, small))
    return small


def start_pull(shelf: Shelf, tmp_path: Path) -> subprocess.Popen[str]:
    expected = tmp_path / "expected"
    expected.write_bytes(shelf.data["words.bin"])
    places = [str(ROOT / name) for name in ("model", "tests")]
    command = [sys.executable, "-P", "-c", PULL, *places, str(expected)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def get(model: KnownModel, origin: Origin = Origin(), *, again: bool = False) -> list[str]:  # noqa: B008 - frozen
    """Pull a model; returns what was done."""
    heard: list[Progress] = []
    assert pull(model, origin, again=again, on_progress=heard.append) == models_folder() / model.name
    return [progress.what for progress in heard]


def test_a_model_is_pulled_once_and_found_by_its_name(shelf: Shelf, small: KnownModel) -> None:
    with pytest.raises(CheckpointError) as caught:
        find_model("small")
    assert caught.value.hint == "it is not installed: vex models pull small"
    assert model_to_pull("small") is small
    assert get(small)[-1] == "making the model"
    assert (find_model("small") / "weights").read_bytes() == b"".join(shelf.data[name] for name in sorted(shelf.data))
    assert model_to_pull("small") is None and get(small) == []
    assert [model.name for model in installed()] == ["small"]
    assert files_below(models_folder()) == {"small/config.json", "small/weights", "small/revision"}


def test_without_the_network_a_pulled_model_is_there(shelf: Shelf, small: KnownModel) -> None:
    get(small)
    shelf.served.server.shutdown()
    assert get(small, Origin(offline=True)) == []
    assert get(small, Origin(offline=True), again=True) == ["making the model"]


def test_a_newer_revision_is_made_of_the_parts_that_are_here(shelf: Shelf, small: KnownModel) -> None:
    get(small)
    asked = list(shelf.served.asked)
    assert get(replace(small, revision="2")) == ["making the model"]
    assert (models_folder() / "small" / "revision").read_text() == "2" and shelf.served.asked == asked


def test_a_model_of_ones_own_is_used_and_not_replaced(shelf: Shelf, small: KnownModel) -> None:
    own = models_folder() / "small"
    own.mkdir(parents=True)
    (own / "config.json").write_text("{}")
    assert model_to_pull("small") is None
    with pytest.raises(OutputError, match="holds a model of your own"):
        get(small)
    assert files_below(models_folder()) == {"small/config.json"}
    get(small, again=True)
    assert "small/weights" in files_below(models_folder())


def test_a_path_is_never_pulled(small: KnownModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_to_pull("small") == small and model_to_pull("./small") is model_to_pull("./other") is None
    (tmp_path / "small" / "config.json").touch()
    assert model_to_pull("small") is None


def test_parts_that_make_no_model_leave_none(shelf: Shelf, small: KnownModel) -> None:
    with pytest.raises(CheckpointError, match="makes no model"):
        get(replace(small, build="hub_builds:refused"))
    assert list(models_folder().iterdir()) == []
    with pytest.raises(CheckpointError, match="cannot be pulled"):
        get(replace(small, parts=()))


def test_a_part_that_a_model_holds_as_it_is_takes_no_room_twice(shelf: Shelf, small: KnownModel) -> None:
    get(replace(small, build="hub_builds:copied"))
    for part in shelf.parts:
        file = models_folder() / "small" / part.name
        assert file.samefile(shelf.store.path(part)) and file.read_bytes() == shelf.data[part.name]
    assert {path.name for path in (models_folder() / "small").iterdir()} == {*shelf.data, "config.json", "revision"}


def test_a_model_that_finds_no_room_is_named_by_its_folder(shelf: Shelf, small: KnownModel) -> None:
    with pytest.raises(OutputError) as caught:
        get(replace(small, build="hub_builds:full"))
    assert caught.value.message == f"{models_folder() / 'small'}: No space left on device"
    assert caught.value.hint == "free some room, or set VEX_HOME to another folder"
    assert list(models_folder().iterdir()) == []


def test_what_a_killed_run_left_of_a_model_is_removed(shelf: Shelf, small: KnownModel) -> None:
    (models_folder() / ".vex-dead.part" / "new").mkdir(parents=True)
    get(small)
    assert [path.name for path in models_folder().iterdir()] == ["small"]


def test_a_download_that_fails_leaves_no_model(shelf: Shelf, small: KnownModel) -> None:
    shelf.served.faults.missing = True
    with pytest.raises(DownloadError):
        get(small)
    assert not models_folder().exists()


def test_two_processes_pull_at_once_and_one_of_them_fetches(shelf: Shelf, tmp_path: Path) -> None:
    shelf.served.faults.pause = 0.2
    running = [start_pull(shelf, tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=60)[0].splitlines() for process in running]
    folder = models_folder() / "small"
    assert [lines[-1] for lines in said] == [str(folder)] * 2
    assert any("waiting for another vex" in lines for lines in said)
    assert len(shelf.served.asked) == 1 and (folder / "weights").read_bytes() == shelf.data["words.bin"]


def test_a_killed_pull_leaves_no_model_and_the_next_one_makes_it(shelf: Shelf, tmp_path: Path) -> None:
    shelf.served.faults.pause = 0.3
    process = start_pull(shelf, tmp_path)
    while not shelf.served.asked:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not models_folder().exists()
    shelf.served.faults.pause = 0.0
    assert start_pull(shelf, tmp_path).communicate(timeout=60)[0].splitlines()[-1] == str(models_folder() / "small")
    assert files_below(shelf.store.folder) == {"vex-test-words-1.0/words.bin"}
