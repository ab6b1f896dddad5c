"""What README says works: each of its commands is run, in order, in a folder with the files it speaks of."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, vex_environment
from sample_video import make_sample
from tiny_model import write_tiny_model

from vexcli.app import ASKING, COMMANDS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_commands() -> Iterator[str]:
    for block in blocks("console"):
        yield from (line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that README speaks of, a tiny model, and `vex` on the PATH."""
    folder = tmp_path_factory.mktemp("desk")
    make_sample(folder / "talk.mp4")
    write_tiny_model(folder / "home" / "models" / "tiny")
    (folder / "footage").mkdir()
    make_sample(folder / "footage" / "one.mp4", seconds=2)
    make_sample(folder / "footage" / "two words.mp4", seconds=1)
    (results,) = blocks("json")
    (folder / "talk.json").write_text(results, encoding="utf-8")
    (annotations,) = blocks("jsonl")
    (folder / "train.jsonl").write_text(annotations, encoding="utf-8")
    (folder / "talk.srt").write_text("1\n00:00:01,000 --> 00:00:02,500\nThe clock starts.\n", encoding="utf-8")
    program = folder / "bin" / "vex"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m vexcli "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("command", list(shell_commands()))
def test_every_command_of_the_readme_runs(desk: Path, command: str) -> None:
    environment = vex_environment(desk) | {
        "PATH": f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VEX_HOME": str(desk / "home"),
        "VEX_MODEL": "tiny",
    }
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=desk,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_commands_left_what_they_promise(desk: Path) -> None:
    """Runs after the commands above: the files they name are there."""
    lines = (desk / "footage.jsonl").read_text().splitlines()
    assert [Path(json.loads(line)["path"]).name for line in lines] == ["one.mp4", "two words.mp4"]
    assert "00:00:01.000 --> 00:00:02.500" in (desk / "talk.vtt").read_text()
    assert {path.suffix for path in (desk / "talk").iterdir()} >= {".srt", ".vtt", ".csv", ".edl", ".json"}
    assert len(list((desk / "clips").glob("talk-*"))) == 4
    assert (desk / "highlights.mp4").stat().st_size > 0
    assert (desk / "subtitles" / "talk.srt").exists()
    assert len(list((desk / "found").glob("talk-01-*.mp4"))) == 1
    assert (desk / "tuned" / "config.json").exists() and (desk / "tuned" / "run" / "loss.png").exists()
    assert json.loads((desk / "captions.jsonl").read_text())["moments"][0]["text"] == "The clock starts."


def test_every_command_is_in_the_readme() -> None:
    assert all(f"`vex {command}" in README or f"$ vex {command}" in README for command in (*ASKING, *COMMANDS))


def test_it_opens_with_two_commands() -> None:
    setup = blocks("sh")
    assert len(setup) == 2 and all(block.count("\n") == 1 for block in setup)
