"""What every command has: the message options, accepted before and after the command's name, and quiet closed pipes."""

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from vexcli.console import ColorChoice, Console

_PANEL = "Messages"


def _set_quiet(context: typer.Context, wanted: bool) -> None:
    if wanted:
        Console.of(context).quiet = True


def _set_verbose(context: typer.Context, wanted: bool) -> None:
    if wanted:
        Console.of(context).verbose = True


def _set_debug(context: typer.Context, wanted: bool) -> None:
    if wanted:
        Console.of(context).debug = True


def _set_color(context: typer.Context, choice: ColorChoice | None) -> None:
    if choice is not None:
        Console.of(context).color = choice


def _message_options(
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say nothing but errors.", callback=_set_quiet, rich_help_panel=_PANEL),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Say more.", callback=_set_verbose, rich_help_panel=_PANEL),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show tracebacks (VEX_DEBUG=1).", callback=_set_debug, rich_help_panel=_PANEL),
    ] = False,
    color: Annotated[
        ColorChoice | None,
        typer.Option("--color", help="When to use colour.", callback=_set_color, rich_help_panel=_PANEL),
    ] = None,
) -> None:
    """The options' declarations; Typer turns them into parameters and their callbacks do the work."""


def parameters_of(template: Callable[..., None], *, exposed: bool) -> list[Any]:
    """The Typer parameters that a function's arguments declare. exposed: whether `context.params` holds them."""
    program = typer.Typer(add_completion=False)
    program.command()(template)
    parameters = typer.main.get_command(program).params
    for parameter in parameters:
        parameter.expose_value = exposed
    return list(parameters)


class VexCommand(typer.core.TyperCommand):
    """A command that also takes the message options. Where `-q` means something else (a query), `--quiet` remains.

    shared: a function whose arguments are further options of the command, and which its own function does not take.
    """

    shared: Callable[..., None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shared = type(self).shared
        if shared is not None:
            self.params += parameters_of(shared, exposed=True)
        taken = {name for parameter in self.params for name in parameter.opts}
        for parameter in parameters_of(_message_options, exposed=False):
            parameter.opts = [name for name in parameter.opts if name not in taken]
            self.params.append(parameter)


class VexGroup(typer.core.TyperGroup):
    """A group of commands that takes the message options before the command's name."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(parameters_of(_message_options, exposed=False))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Without a command, show the help."""
        return list(super().parse_args(ctx, args or ["--help"]))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a reader that closed the pipe early (`| head`) has what it wanted."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # Python flushes stdout once more at its end and would complain there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
