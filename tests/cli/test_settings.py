"""Where settings come from, and which one wins."""

from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import Vex

from vexcli import settings
from vexcli.app import ASKING, COMMANDS, IN_GROUPS, app
from vexcli.errors import UsageError


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    settings.user_file().parent.mkdir(parents=True)
    return tmp_path


def test_later_places_win(tmp_path: Path) -> None:
    settings.user_file().write_text("timeout: 10\ndecoder: ffmpeg\ncolor: never\n")
    project = tmp_path / "project"
    (project / "deep").mkdir(parents=True)
    (project / "vex.yaml").write_text("# ours\n\ntimeout: 20\ndecoder: pyav\n")
    loaded = settings.load(folder=project / "deep", environment={"VEX_TIMEOUT": "30"})
    assert (loaded["timeout"].value, loaded["timeout"].origin) == (30.0, "VEX_TIMEOUT")
    assert (loaded["decoder"].value, loaded["decoder"].origin) == ("pyav", f"{project / 'vex.yaml'}:4")
    assert (loaded["color"].value, loaded["color"].origin) == ("never", f"{settings.user_file()}:3")
    assert (loaded["overwrite"].value, loaded["overwrite"].origin) == (False, "default")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timeouts: 3", "vex.yaml:1: unknown setting 'timeouts'"),
        ("color: red", "vex.yaml:1: color must be one of auto, always, never, got 'red'"),
        ("\ntimeout: -1", "vex.yaml:2: timeout must be a number of seconds above 0, got '-1'"),
        ("timeout: [1, 2]", "vex.yaml:1: timeout must be one value"),
        ("overwrite: perhaps", "vex.yaml:1: overwrite must be true or false, got 'perhaps'"),
        ("ffmpeg: ./evil", "vex.yaml:1: ffmpeg cannot be set in a file"),
        ("a: [", "vex.yaml:1: is not YAML"),
        ("- a", "vex.yaml:1: must hold `name: value` lines"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "vex.yaml").write_text(text)
    with pytest.raises(UsageError) as caught:
        settings.load(folder=tmp_path, environment={})
    assert message in caught.value.message


def test_lists_and_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "vex.yaml").write_text("include: ['*.mp4', '*.mov']\nexclude: raw*\n")
    loaded = settings.load(folder=tmp_path, environment={"VEX_EXCLUDE": "a*,b*"})
    assert loaded["include"].value == ("*.mp4", "*.mov")
    assert loaded["exclude"].value == ("a*", "b*")
    (tmp_path / "vex.yaml").write_text("# nothing yet\n")
    assert all(setting.origin == "default" for setting in settings.load(folder=tmp_path, environment={}).values())


def test_every_setting_is_the_default_of_an_option() -> None:
    import typer

    program = typer.main.get_command(app)
    commands = [program, *(program.commands[name] for name in (*ASKING, *COMMANDS))]  # type: ignore[attr-defined]
    options = {parameter.name for command in commands for parameter in command.params}
    assert {name for name, known in settings.KNOWN.items() if not known.environment_only} <= options


def test_a_setting_reaches_every_command_that_has_such_an_option(tmp_path: Path, vex: Vex) -> None:
    heard = settings.default_map(settings.load(environment={"VEX_OFFLINE": "1"}), (*ASKING, *COMMANDS, *IN_GROUPS))

    def check(command: Any, defaults: dict[str, Any], path: str) -> int:
        if isinstance(command, typer.core.TyperGroup):
            return sum(check(part, defaults[name], f"{path} {name}") for name, part in command.commands.items())
        offline = [parameter for parameter in command.params if parameter.name == "offline"]
        assert not offline or defaults["offline"] is True, path
        return len(offline)

    assert check(typer.main.get_command(app), heard, "vex") >= 9
    eyes = ("models", "equip", "nano", "--with", str(tmp_path))
    ran = vex(*eyes, environment={"VEX_OFFLINE": "1", "VEX_HOME": str(tmp_path / "empty")})
    assert ran.code == 3 and "VEX_OFFLINE" in ran.err


def test_config_show_and_the_options_agree(vex: Vex, tmp_path: Path) -> None:
    (tmp_path / "vex.yaml").write_text("timeout: 7\n")
    shown = vex("config", "show")
    assert shown.code == 0
    assert "7.0" in shown.out and f"{tmp_path / 'vex.yaml'}:1" in shown.out
    assert "[default: 7.0" in vex("probe", "--help").out


def test_a_broken_file_is_one_line_and_a_usage_error(vex: Vex, tmp_path: Path) -> None:
    (tmp_path / "vex.yaml").write_text("timeouts: 7\n")
    ran = vex("config", "show")
    assert ran.code == 2
    assert ran.err == f"error: {tmp_path / 'vex.yaml'}:1: unknown setting 'timeouts'; did you mean 'timeout'?\n"
