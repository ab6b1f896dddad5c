"""The Typer application: global options, the error boundary, the list of commands. It computes nothing."""

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated, NoReturn

import typer

from vexcli import __version__
from vexcli.asking import AskingCommand
from vexcli.base import VexCommand, VexGroup
from vexcli.commands.ask import ask
from vexcli.commands.cache import cache
from vexcli.commands.caption import caption
from vexcli.commands.clip import clip
from vexcli.commands.config import config
from vexcli.commands.convert import convert
from vexcli.commands.data import data
from vexcli.commands.demo import demo
from vexcli.commands.doctor import doctor
from vexcli.commands.evaluate import evaluate
from vexcli.commands.finetune import finetune
from vexcli.commands.ground import ground
from vexcli.commands.highlights import highlights
from vexcli.commands.models import models
from vexcli.commands.probe import probe
from vexcli.commands.reel import reel
from vexcli.console import Console, use_utf8
from vexcli.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_TERMINATED, exit_code
from vexcli.settings import default_map, load
from videoexpert.errors import VideoExpertError

app = typer.Typer(
    cls=VexGroup,
    name="vex",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Ask a video what happens in it, and when.

    Results go to stdout, everything said about them to stderr. Every command takes --help.
    """,
)


def _show_version(context: typer.Context, wanted: bool) -> None:
    if wanted:
        Console.of(context).data(f"vex {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Runs before every command; the options do their work in their callbacks."""


COMMANDS: dict[str, Callable[..., None]] = {
    "probe": probe,
    "clip": clip,
    "reel": reel,
    "convert": convert,
    "doctor": doctor,
    "demo": demo,
    "finetune": finetune,
    "evaluate": evaluate,
}
ASKING: dict[str, Callable[..., None]] = {"ground": ground, "highlights": highlights, "caption": caption, "ask": ask}
GROUPS = (models, config, data, cache)
IN_GROUPS = tuple(
    f"{group.info.name} {command.name or command.callback.__name__}"
    for group in GROUPS
    for command in group.registered_commands
    if command.callback is not None
)
for name, command in ASKING.items():
    app.command(name, cls=AskingCommand)(command)
for name, command in COMMANDS.items():
    app.command(name, cls=VexCommand)(command)
for group in GROUPS:
    app.add_typer(group)


class _Terminated(BaseException):
    """SIGTERM, as an exception, so that temporary files are removed on the way out."""


def _on_sigterm(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _command_path(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "vex"


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code. Whatever goes wrong is told in one line on stderr."""
    console = Console()
    try:
        defaults = default_map(load(), (*ASKING, *COMMANDS, *IN_GROUPS))
        code = app(args=list(arguments), prog_name="vex", standalone_mode=False, obj=console, default_map=defaults)
        if code == EXIT_INTERRUPTED:
            console.failure("interrupted")
        return code if isinstance(code, int) else 0
    except VideoExpertError as error:
        console.error(error)
        return exit_code(error)
    except typer.TyperException as error:
        console.failure(f"{error.format_message().rstrip('.')}; see `{_command_path(error)} --help`")
        return error.exit_code
    except _Terminated:
        return EXIT_TERMINATED
    except Exception as error:
        if console.debug:
            console.traceback(error)
        console.failure(f"{type(error).__name__}: {error}; this is a mistake in vex, --debug shows where")
        return EXIT_FAILED


def main() -> NoReturn:
    """The `vex` program."""
    use_utf8()
    signal.signal(signal.SIGTERM, _on_sigterm)
    sys.exit(run(sys.argv[1:]))
