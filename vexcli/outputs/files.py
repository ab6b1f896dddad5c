"""Which files results become: one per video and format, named after the video, in the folder asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vexcli.errors import UsageError
from vexcli.outputs import WRITERS, Writer, format_of_suffix, writer_for
from vexcli.outputs.naming import plan_names
from videoexpert.timeline import Timeline

ALL = "all"


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file to write: where, in which format, and the timelines that go into it (at least one)."""

    path: Path
    writer: Writer
    timelines: tuple[Timeline, ...]


def choose_writers(names: Sequence[str]) -> list[Writer]:
    """The writers of the formats named, each once; `all` is every one. Raises UsageError for an unknown name."""
    wanted = list(WRITERS) if ALL in names else names
    return list(dict.fromkeys(writer_for(name) for name in wanted))


def by_video(timelines: Sequence[Timeline]) -> dict[str, tuple[Timeline, ...]]:
    """The timelines of each video, by its path, in the order in which they first appear."""
    grouped: dict[str, list[Timeline]] = {}
    for timeline in timelines:
        grouped.setdefault(timeline.video.path, []).append(timeline)
    return {path: tuple(group) for path, group in grouped.items()}


def plan_folder(
    writers: Sequence[Writer], timelines: Sequence[Timeline], folder: Path, *, names: Mapping[str, str] | None = None
) -> list[OutputFile]:
    """A file per video and format in `folder`; videos of the same name get different files.

    names: what each video's files are called, where that was settled for more videos than these.
    """
    videos = by_video(timelines)
    names = plan_names(list(videos)) if names is None else names
    return [
        OutputFile(folder / f"{names[path]}{writer.suffix}", writer, group)
        for path, group in videos.items()
        for writer in writers
    ]


def plan_single(writers: Sequence[Writer], timelines: Sequence[Timeline], file: Path) -> OutputFile:
    """Everything in one file. Raises UsageError where the format, or the number of videos, does not fit into it."""
    if len(writers) > 1:
        raise UsageError(f"{file}: one file cannot hold {len(writers)} formats", hint="give a folder: -o DIR/")
    named = format_of_suffix(file.suffix)
    if named is not None and named != writers[0].name:
        raise UsageError(f"{file}: is the name of a {named} file, but {writers[0].name} was asked for")
    check_one_text(writers[0], timelines)
    return OutputFile(file, writers[0], tuple(timelines))


def check_one_text(writer: Writer, timelines: Sequence[Timeline]) -> None:
    """Raise UsageError where one text in this format cannot hold the timelines of so many videos."""
    videos = len(by_video(timelines))
    if videos > 1 and not writer.many_videos:
        raise UsageError(f"{writer.name} holds one video, the results have {videos}", hint="give a folder: -o DIR/")


def is_folder(output: str) -> bool:
    """Whether -o means a folder: one that exists, a name that ends in a slash, or one without a suffix."""
    return Path(output).is_dir() or output.endswith(("/", "\\")) or not Path(output).suffix
