"""What a result becomes: the writers of text formats by name. Clips and the reel, which ffmpeg makes, stand apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from vexcli.errors import UsageError
from vexcli.outputs.documents import write_csv, write_json, write_jsonl, write_tsv
from vexcli.outputs.editing import write_chapters, write_edl, write_otio
from vexcli.outputs.subtitles import write_srt, write_vtt
from videoexpert.errors import did_you_mean
from videoexpert.timeline import Timeline

__all__ = ["WRITERS", "Writer", "format_of_suffix", "writer_for"]


@dataclass(frozen=True, slots=True)
class Writer:
    """A text format. suffix: of its files, with the dot. many_videos: whether one file can hold several videos."""

    name: str
    suffix: str
    render: Callable[[Sequence[Timeline]], str]
    many_videos: bool = False

    def write(self, timelines: Sequence[Timeline]) -> str:
        """The whole file as text that encodes as UTF-8; its line ends are final.

        timelines: all of one video, or of any number where `many_videos`; else ValueError. Raises
        VideoExpertError where the format cannot hold them.
        """
        videos = {timeline.video.path for timeline in timelines}
        if len(videos) != 1 and not self.many_videos:
            raise ValueError(f"a {self.name} file holds one video, got {len(videos)}")
        return self.render(timelines)


WRITERS: Mapping[str, Writer] = MappingProxyType(
    {
        writer.name: writer
        for writer in (
            Writer("json", ".json", write_json, many_videos=True),
            Writer("jsonl", ".jsonl", write_jsonl, many_videos=True),
            Writer("csv", ".csv", write_csv, many_videos=True),
            Writer("tsv", ".tsv", write_tsv),
            Writer("srt", ".srt", write_srt),
            Writer("vtt", ".vtt", write_vtt),
            Writer("edl", ".edl", write_edl),
            Writer("otio", ".otio", write_otio),
            Writer("chapters", ".ffmetadata", write_chapters),
        )
    }
)
"""Every text format by its name."""


def writer_for(name: str) -> Writer:
    """The writer of a format; raises UsageError with the nearest names where there is none."""
    if name not in WRITERS:
        hint = did_you_mean(name, list(WRITERS)) or f"formats: {', '.join(WRITERS)}"
        raise UsageError(f"{name}: unknown output format", hint=hint)
    return WRITERS[name]


def format_of_suffix(suffix: str) -> str | None:
    """The format whose files end in `suffix` (with its dot, in any case), or None."""
    return next((writer.name for writer in WRITERS.values() if writer.suffix == suffix.lower()), None)
