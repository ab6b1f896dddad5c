"""`vex cache`, and commands that answer from what is stored."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Corpus, Ran, Vex
from tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def video(corpus: Corpus, tmp_path: Path) -> Path:
    return Path(shutil.copy(corpus.path("corrupt_mid.mp4"), tmp_path / "talk.mp4"))


def ask(vex: Vex, model: str, video: Path, *options: str) -> Ran:
    ran = vex("ground", str(video), "a dog", "-m", model, "--window", "20", "--json", *options)
    assert ran.code == 0, ran.err
    return ran


def test_the_second_question_is_answered_from_what_is_stored(vex: Vex, model: str, video: Path) -> None:
    anew = ask(vex, model, video, "--no-cache")
    assert json.loads(vex("cache", "info", "--json").out)["videos"] == []
    first = ask(vex, model, video)
    assert first == anew and "frames are damaged" in first.err
    status = video.stat()
    with open(video, "rb+") as file:  # what is decoded from now on looks different
        file.seek(status.st_size // 4)
        file.write(os.urandom(status.st_size // 2))
    os.utime(video, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ask(vex, model, video) == first
    assert ask(vex, model, video, "--no-cache") != first


def test_what_is_stored_is_shown_and_removed(vex: Vex, model: str, video: Path, tmp_path: Path) -> None:
    ask(vex, model, video)
    folder = tmp_path / ".cache" / "vex" / "features"
    assert vex("cache", "path").out == f"{folder}\n"
    (stored,) = json.loads(vex("cache", "info", "--json").out)["videos"]
    files = list(folder.iterdir())
    assert stored["path"] == str(video) and stored["parts"] == len(files) > 1
    assert stored["size"] == sum(file.stat().st_size for file in files)
    os.utime(files[0], (0, 0))
    files[1].write_bytes(b"")
    shown = vex("cache", "info").out
    assert f"{folder}: 0.0 MB of 4.0 GB\n" in shown and str(video) in shown and "(damaged)" in shown
    assert vex("cache", "clear", "--older-than", "1").out == "removed 1 files, 0.0 MB\n"
    assert vex("cache", "clear").out == f"removed {len(files) - 1} files, 0.0 MB\n"
    assert list(folder.iterdir()) == []


def test_a_store_that_does_not_work_is_a_warning(vex: Vex, model: str, video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    first = ask(vex, model, video)
    ran = vex(
        *("ground", str(video), "a dog", "-m", model, "--window", "20", "--json"),
        environment={"VEX_CACHE": str(tmp_path / "file")},
    )
    assert (ran.code, ran.out) == (0, first.out)
    assert ran.err.count("is not a folder; what is seen of videos is not kept") == 1
    assert str(tmp_path / "file") in vex("cache", "info", environment={"VEX_CACHE": str(tmp_path / "file")}).err
    ran = vex("cache", "info", environment={"VEX_CACHE_SIZE": "much"})
    assert ran.code != 0
    assert ran.err == "error: VEX_CACHE_SIZE: must be a number of gigabytes above 0, got 'much'\n"
