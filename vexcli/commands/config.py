"""`vex config`: what is set, and where."""

from pathlib import Path

import typer

from vexcli.base import VexCommand, VexGroup
from vexcli.console import Console
from vexcli.options import AsJson
from vexcli.settings import Value, load, project_file, user_file

config = typer.Typer(name="config", cls=VexGroup, help="Show what is set, and where.")


@config.command(cls=VexCommand)
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show each setting and where it was set.

    Defaults < your own vex.yaml < the project's vex.yaml < VEX_* environment < options on the command line.

    \b
    Example:
      VEX_TIMEOUT=30 vex config show
    """
    console = Console.of(context)
    settings = load()
    if as_json:
        console.json({name: {"value": setting.value, "origin": setting.origin} for name, setting in settings.items()})
        return
    rows = [(name, _text(setting.value), setting.origin, setting.known.about) for name, setting in settings.items()]
    console.table(("setting", "value", "from", "what it does"), rows)


@config.command(cls=VexCommand)
def path(context: typer.Context) -> None:
    """Print where vex.yaml files go.

    Your own first, then the project's where there is one.

    \b
    Example:
      vex config path
    """
    console = Console.of(context)
    for file in (user_file(), project_file(Path.cwd())):
        if file is not None:
            console.data(str(file))


def _text(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "-" if value is None else str(value)
