"""The only place that prints. Data goes to stdout and nothing else does; everything said about it goes to stderr.

Text is UTF-8 whatever the locale. File names that are not UTF-8 keep their bytes on stdout, and control characters
in anything said on stderr are shown as escapes, so that no file name can move the cursor.
"""

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TextIO

import typer

from vexcli.errors import describe
from videoexpert.errors import FfmpegError, VideoExpertError

ColorChoice = Literal["auto", "always", "never"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with control characters and undecodable bytes as escapes: a newline becomes `\n`, byte 0xff `\xff`."""

    def escape(match: re.Match[str]) -> str:
        character = match.group()
        byte = ord(character) - 0xDC00
        return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else character.encode("unicode_escape").decode()

    return _CONTROL.sub(escape, text)


class ProgressBar(Protocol):
    """How far something is, in the units of its total, and what it is at."""

    def update(self, completed: float, description: str | None = None) -> None: ...


class _NoBar:
    def update(self, completed: float, description: str | None = None) -> None:
        """Nothing to show: not a terminal, or --quiet."""


class Console:
    """What a command prints with. One is made per run and travels in the Typer context (`Console.of`)."""

    def __init__(self) -> None:
        self.quiet = False
        self.verbose = False
        self.debug = os.environ.get("VEX_DEBUG", "") not in ("", "0")
        self.color: ColorChoice = "auto"

    @staticmethod
    def of(context: typer.Context) -> "Console":
        """The console of this run."""
        console = context.find_root().obj
        assert isinstance(console, Console)
        return console

    def data(self, text: str) -> None:
        """One line of the result."""
        print(text)

    def json(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """One JSON document, indented."""
        from videoexpert.jsonfile import dump_json

        self.data(dump_json(value, indent=2))

    def json_line(self, value: Mapping[str, Any]) -> None:
        """One line of JSON lines, which a reader of the pipe has at once."""
        from videoexpert.jsonfile import dump_json

        self.line(dump_json(value))

    def line(self, text: str) -> None:
        """One line that a reader of the pipe has at once."""
        print(text, flush=True)

    def document(self, text: str) -> None:
        """A whole document as it is, with the line ends it has."""
        sys.stdout.write(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table for people; on a terminal long cells wrap, elsewhere every row is one line."""
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        table = Table(*head, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        width = None if sys.stdout.isatty() else 10_000
        with RichConsole(width=width, no_color=not self._colored(sys.stdout)) as rich:
            rich.print(table)

    def note(self, text: str) -> None:
        """Something worth knowing; silenced by --quiet."""
        if not self.quiet:
            self._say(printable(text))

    def detail(self, text: str) -> None:
        """Something that only --verbose shows."""
        if self.verbose:
            self._say(printable(text), style="dim")

    def warning(self, text: str) -> None:
        """Something that may make the result less than it seems; silenced by --quiet."""
        if not self.quiet:
            self._say(printable(text), prefix="warning", style="yellow")

    def error(self, error: VideoExpertError) -> None:
        """The one line of an error, with the traceback under --debug."""
        if self.debug:
            self.traceback(error)
            if isinstance(error, FfmpegError) and error.stderr_tail:
                self._say(error.stderr_tail)
        self.failure(describe(error))

    def failure(self, text: str) -> None:
        """One line that says what failed; nothing silences it."""
        self._say(printable(text), prefix="error", style="bold red")

    def traceback(self, error: BaseException) -> None:
        """The traceback of an error, as Python prints it."""
        self._say("".join(traceback.format_exception(error)).rstrip())

    @contextmanager
    def progress(self, description: str, total: float | None) -> Iterator[ProgressBar]:
        """A bar on stderr while the block runs: only on a terminal, and not with --quiet."""
        if self.quiet or not sys.stderr.isatty():
            yield _NoBar()
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        terminal = RichConsole(stderr=True, no_color=not self._colored(sys.stderr))
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=terminal, transient=True) as bars:
            yield _RichBar(bars, bars.add_task(printable(description), total=total))

    def heading(self, text: str) -> str:
        """The text in bold where stdout shows colours."""
        return f"\x1b[1m{text}\x1b[0m" if self._colored(sys.stdout) else text

    def _say(self, text: str, *, prefix: str = "", style: str = "") -> None:
        codes = {"": "", "dim": "2", "yellow": "33", "bold red": "1;31"}[style]
        body = f"{prefix}: {text}" if prefix else text
        if codes and self._colored(sys.stderr):
            painted = f"\x1b[{codes}m{prefix}:\x1b[0m {text}" if prefix else f"\x1b[{codes}m{text}\x1b[0m"
            body = painted
        sys.stdout.flush()
        print(body, file=sys.stderr, flush=True)

    def _colored(self, stream: TextIO) -> bool:
        """Colour where asked for; else on a terminal that has it, unless NO_COLOR is set (no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class _RichBar:
    def __init__(self, bars: Any, task: Any) -> None:
        self._bars, self._task = bars, task

    def update(self, completed: float, description: str | None = None) -> None:
        changes = {} if description is None else {"description": printable(description)}
        self._bars.update(self._task, completed=completed, **changes)


def use_utf8() -> None:
    """Write UTF-8 whatever the locale says; bytes of file names that are not UTF-8 pass through unchanged."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
