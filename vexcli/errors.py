"""Errors as a user meets them: which exit code each type has, and the one line that tells it.

0 all good · 1 some inputs failed · 2 usage · 3 model or weights missing or invalid · 4 a needed tool is missing
130 interrupted (Ctrl-C) · 143 terminated
"""

from videoexpert.errors import (
    CheckpointError,
    DownloadError,
    ExtraMissingError,
    RequestError,
    ToolMissingError,
    VideoExpertError,
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_MODEL = 3
EXIT_TOOL_MISSING = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class UsageError(VideoExpertError):
    """The command was asked for something that makes no sense: options that contradict each other, a bad setting."""


class InputError(VideoExpertError):
    """An input that gives nothing to work on: an empty folder, a glob without a match."""


_EXIT_CODES: dict[type[VideoExpertError], int] = {
    UsageError: EXIT_USAGE,
    RequestError: EXIT_USAGE,
    CheckpointError: EXIT_MODEL,
    DownloadError: EXIT_MODEL,
    ToolMissingError: EXIT_TOOL_MISSING,
    ExtraMissingError: EXIT_TOOL_MISSING,
}


def exit_code(error: VideoExpertError) -> int:
    """The exit code that an error ends the program with."""
    for kind, code in _EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return EXIT_FAILED


def describe(error: VideoExpertError) -> str:
    """What is wrong, and what to do next, on one line."""
    return f"{error.message}; {error.hint}" if error.hint else error.message
