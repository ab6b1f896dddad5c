"""The program's manners: help, versions, exit codes, one-line errors, closed pipes, interruption."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import VEX, Corpus, Vex, vex_environment

from vexcli import __version__
from vexcli.app import ASKING, COMMANDS, run
from vexcli.console import printable

GROUPS = {"config": ("show", "path"), "models": ("list", "info", "path", "pull", "import")}
ALL_COMMANDS = [*ASKING, *COMMANDS, *(f"{group} {name}" for group, names in GROUPS.items() for name in names)]


@pytest.mark.parametrize("command", ALL_COMMANDS)
def test_every_command_has_help_with_an_example(vex: Vex, command: str) -> None:
    ran = vex(*command.split(), "-h")
    assert ran.code == 0
    assert f"Usage: vex {command}" in ran.out
    assert "Example" in ran.out and ran.err == ""


def test_without_a_command_the_help_is_shown(vex: Vex) -> None:
    ran = vex()
    assert ran.code == 0
    assert all(command in ran.out for command in COMMANDS)
    assert vex("--version").out == f"vex {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prob", "x.mp4"], "error: No such command 'prob'. Did you mean 'probe'?; see `vex --help`\n"),
        (["probe"], "error: Missing argument 'INPUT...'; see `vex probe --help`\n"),
        (["probe", "x.mp4", "--jsn"], "error: No such option: --jsn (Possible options: --json, --jsonl); see"),
        (["probe", "x.mp4", "--decoder", "pyva"], "error: Invalid value for '--decoder'"),
        (["probe", "x.mp4", "--timeout", "0"], "error: Invalid value for '--timeout'"),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(vex: Vex, arguments: list[str], message: str) -> None:
    ran = vex(*arguments)
    assert ran.code == 2
    assert ran.err.startswith(message) and ran.err.count("\n") == 1
    assert ran.out == ""


def test_a_video_that_is_missing_is_one_line_with_a_suggestion(vex: Vex, tmp_path: Path) -> None:
    (tmp_path / "interview.mp4").touch()
    ran = vex("probe", "intervew.mp4")
    assert ran.code == 1
    assert ran.err == "error: intervew.mp4: no such file; did you mean 'interview.mp4'?\n"


def test_debug_shows_the_traceback_wherever_it_stands(vex: Vex) -> None:
    for arguments in (["--debug", "probe", "x.mp4"], ["probe", "x.mp4", "--debug"]):
        assert "Traceback" in vex(*arguments).err
    assert "Traceback" in vex("probe", "x.mp4", environment={"VEX_DEBUG": "1"}).err
    assert "Traceback" not in vex("probe", "x.mp4").err


def test_a_mistake_in_vex_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("videoexpert.environment.examine", broken)
    assert run(["doctor"]) == 1
    assert capsys.readouterr().err == "error: ZeroDivisionError: oh; this is a mistake in vex, --debug shows where\n"


def test_one_bad_video_does_not_stop_the_others(vex: Vex, corpus: Corpus) -> None:
    ran = vex("probe", "--jsonl", "gone.mp4", corpus.path("frames3.mp4"), corpus.path("bad_zero.mp4"))
    assert ran.code == 1
    assert [json.loads(line)["frame_count"] for line in ran.out.splitlines()] == [3]
    assert ran.err.splitlines()[-1] == "2 of 3 inputs failed"


def test_quiet_leaves_only_errors(vex: Vex, corpus: Corpus) -> None:
    partial, missing = corpus.path("trunc60.mkv"), "gone.mp4"
    assert "warning: " in vex("probe", partial).err
    quiet = vex("probe", "--quiet", partial, missing)
    assert quiet.err == "error: gone.mp4: no such file\n"
    assert vex("-q", "probe", partial).err == ""


def test_colour_only_where_it_is_wanted(vex: Vex) -> None:
    assert "\x1b[" not in vex("probe", "gone.mp4").err
    assert "\x1b[1;31merror:\x1b[0m" in vex("probe", "gone.mp4", "--color", "always").err
    assert "\x1b[" in vex("probe", "gone.mp4", environment={"VEX_COLOR": "always"}).err


def test_a_closed_pipe_ends_quietly(corpus: Corpus, tmp_path: Path) -> None:
    command = [*VEX, "probe", "--jsonl", "-n", "2000", *[corpus.path("frames50.mp4"), corpus.path("h264.mkv")] * 20]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=vex_environment(tmp_path)
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption_ends_with_its_exit_code(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The run waits for paths on stdin, so it is alive when the signal comes."""
    with subprocess.Popen(
        [*VEX, "-v", "probe", "-"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=vex_environment(tmp_path),
    ) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(b"gone.mp4\n")
        process.stdin.flush()
        assert b"no such file" in process.stderr.readline()
        time.sleep(0.1)
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait() == code
        assert b"Traceback" not in said


def test_names_that_are_not_utf8_and_any_locale(vex: Vex, corpus: Corpus) -> None:
    name = os.fsdecode(b"nonutf8_\xff.mp4")
    ran = vex("probe", "--jsonl", corpus.path(name), environment={"LC_ALL": "C", "PYTHONUTF8": "0"})
    assert ran.code == 0
    assert json.loads(ran.out)["path"] == corpus.path(name)
    table = vex("probe", corpus.path("ünï中文🎬.mp4"), environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert "ünï中文🎬.mp4" in table.out


def test_no_name_can_move_the_cursor() -> None:
    assert printable("a\nb\x1b[2J\udcff\u2028é") == "a\\nb\\x1b[2J\\xff\\u2028é"
