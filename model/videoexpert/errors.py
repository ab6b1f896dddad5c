"""What can go wrong, as types. Every error is one line that names its subject, with a hint that says what to do next.

    VideoExpertError
    ├── VideoError          a video that cannot be opened or decoded (has a `kind`)
    ├── ResultsError        a results file that does not hold what it should (file:line)
    ├── CheckpointError     a model's files are missing, damaged, unsafe or do not fit together (has `problems`)
    ├── DownloadError       a file that cannot be fetched, or is not the one expected
    ├── DataError           an annotation that nothing can be learnt from
    ├── TrainingError       a training run that cannot go on
    ├── RequestError        a question or an option that does not fit the model or contradicts another
    ├── DeviceError         a device, or its memory or number format, that the model cannot run with
    ├── OutputError         a file that cannot be written
    ├── FfmpegError         ffmpeg ran and failed (its last lines are kept)
    ├── ToolMissingError    a program that is needed is not there
    └── ExtraMissingError   an optional Python package that is needed is not installed

A bare ValueError is never one of these: it means a mistake in the program, not in what the user gave.
"""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal

DISTRIBUTION = "vex-video"
"""What pip calls this program; `vex` alone is somebody else's package."""

VideoErrorKind = Literal[
    "missing",
    "permission",
    "is_directory",
    "not_regular",
    "empty",
    "truncated",
    "not_media",
    "playlist",
    "image",
    "no_video",
    "no_frames",
    "corrupt_header",
    "undecodable",
    "timeout",
    "crashed",
]


class VideoExpertError(Exception):
    """Base of all errors that a user can do something about.

    message: one line that says what is wrong, and with what. hint: what to do next, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class VideoError(VideoExpertError):
    """A video that cannot be used. kind: what is wrong, in one word for programs."""

    def __init__(self, message: str, *, kind: VideoErrorKind, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind: VideoErrorKind = kind


class ResultsError(VideoExpertError):
    """A results or annotation file with something wrong in it. where: `file:line`, with which the message starts then.

    where is empty where no line is to blame.
    """

    def __init__(self, message: str, *, where: str = "", hint: str | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.where = where
        self.complaint = message


class CheckpointError(VideoExpertError):
    """Model files that cannot be used. problems: each tensor or file that is wrong, where there are several."""

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class DownloadError(VideoExpertError):
    """A file that cannot be fetched, that may not be, or that is not the one expected."""


class DataError(VideoExpertError):
    """An annotation that nothing can be learnt from."""


class TrainingError(VideoExpertError):
    """A training run that cannot go on: its numbers left all bounds, or it is not the run that was begun."""


class RequestError(VideoExpertError):
    """Something asked of a model that makes no sense, or that this model cannot do."""


class DeviceError(VideoExpertError):
    """A device that is not there, that ran out of memory, or whose number format the model does not stand."""


class OutputError(VideoExpertError):
    """A file that cannot be written where it was asked for."""


class FfmpegError(VideoExpertError):
    """ffmpeg ended with an error; `stderr_tail` holds the last lines it printed."""

    def __init__(self, message: str, *, stderr_tail: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.stderr_tail = stderr_tail


class ToolMissingError(VideoExpertError):
    """A program outside Python that the request needs is not installed."""


class ExtraMissingError(VideoExpertError):
    """An optional dependency is not installed. extra: the name of the extra that brings it."""

    def __init__(self, what: str, *, extra: str) -> None:
        super().__init__(f"{what} needs the optional '{extra}' packages", hint=f"pip install '{DISTRIBUTION}[{extra}]'")
        self.extra = extra


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean '...'?` with the closest known word, or None where nothing is close."""
    matches = get_close_matches(word, list(known), n=1)
    return f"did you mean '{matches[0]}'?" if matches else None


def did_you_mean_file(path: str) -> str | None:
    """`did_you_mean` for a path where nothing is: the nearest name in its folder."""
    folder, name = os.path.split(path)
    try:
        return did_you_mean(name, os.listdir(folder or "."))
    except OSError:
        return None
