"""Many inputs in one run: one that fails is reported and counted, the others go on, and the exit code says so."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from vexcli.console import Console
from vexcli.errors import EXIT_FAILED, exit_code
from videoexpert.errors import VideoExpertError


class Batch:
    """Counts what went well and what did not."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.done = 0
        self.failed = 0

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Run the block for one input. Errors that concern every input (a missing tool) end the batch."""
        try:
            yield
        except VideoExpertError as error:
            self.problem(error)
        else:
            self.done += 1

    def problem(self, error: VideoExpertError) -> None:
        """Report an error and count it; raise it again where every other input would meet it too."""
        if exit_code(error) != EXIT_FAILED:
            raise error
        self._console.error(error)
        self.failed += 1

    def finish(self) -> None:
        """Say how many failed, where there were several; end with exit code 1 where any did."""
        total = self.done + self.failed
        if self.failed and total > 1:
            self._console.note(f"{self.failed} of {total} inputs failed")
        if self.failed:
            raise typer.Exit(EXIT_FAILED)
