"""Files for editing programs and players: EDL (CMX 3600), OpenTimelineIO, and chapters (FFmpeg metadata).

All take the moments of one video, in time order.
"""

import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from vexcli.outputs.marks import Mark, encodable, marks, one_line
from vexcli.outputs.times import FrameRate, milliseconds
from videoexpert.errors import ExtraMissingError, OutputError
from videoexpert.timeline import Source, Timeline

_MILLISECONDS = FrameRate.of(Fraction(1000))
_MOST_EDL_FRAMES = 100
"""Frames in a second that the two digits of a timecode can count."""

_NOTHING = "…"
_SHORTEST_REST = 1000
"""Milliseconds."""


def write_edl(timelines: Sequence[Timeline]) -> str:
    """One cut per moment, laid one after the other on the record side from 00:00:00:00; picture only.

    Times are the nearest frames, out exclusive, in the timecode of the video's rate (see `FrameRate.of`). Names and
    comments are UTF-8, because a name spelled otherwise would not find its file.

    Raises OutputError where the rate is not known or too high, or where a timecode would pass 24 hours.
    """
    video = timelines[0].video
    rate = _edl_rate(video)
    name = _name(video)
    lines = [f"TITLE: {name}", f"FCM: {'DROP FRAME' if rate.drop else 'NON-DROP FRAME'}"]
    recorded = 0
    for event, mark in enumerate(marks(timelines), 1):
        first, end = rate.frames(mark.moment.span, duration=video.duration)
        frames = (first, end, recorded, recorded + end - first)
        if max(frames) >= rate.frames_per_day:
            raise OutputError(f"{name}: an EDL ends at 24 hours", hint="write otio")
        recorded = frames[-1]
        lines += [
            "",
            f"{event:03d}  {'AX':8} {'V':5} C        {' '.join(map(rate.timecode, frames))}",
            f"* FROM CLIP NAME: {name}",
            f"* COMMENT: {mark.title}",
        ]
    return "\n".join(lines) + "\n"


def _edl_rate(video: Source) -> FrameRate:
    if video.fps is None:
        raise OutputError(
            f"{_name(video)}: an EDL needs the frame rate, and the result does not state it",
            hint='add "fps" to its "video", or write otio',
        )
    rate = FrameRate.of(video.fps)
    if rate.base > _MOST_EDL_FRAMES:
        raise OutputError(f"{_name(video)}: an EDL cannot count {rate.base} frames a second", hint="write otio")
    return rate


def _name(video: Source) -> str:
    return one_line(os.path.basename(video.path)) or "video"


def write_otio(timelines: Sequence[Timeline]) -> str:
    """An OpenTimelineIO timeline: one video track, one clip per moment, all of one file.

    Ranges are in frames of the video's rate, in milliseconds where that is not known. Each clip tells its task, query,
    score and text under metadata "vex".

    Raises ExtraMissingError where opentimelineio is not installed.
    """
    try:
        import opentimelineio as otio
    except ImportError as error:
        raise ExtraMissingError("OpenTimelineIO output", extra="otio") from error
    video = timelines[0].video
    rate = _MILLISECONDS if video.fps is None else FrameRate.of(video.fps)

    def time_range(first: int, end: int) -> Any:
        fps = float(rate.fps)
        return otio.opentime.TimeRange(
            otio.opentime.RationalTime(first, fps), otio.opentime.RationalTime(end - first, fps)
        )

    media = otio.schema.ExternalReference(
        target_url=Path(os.path.abspath(video.path)).as_uri(),
        available_range=time_range(0, max(1, rate.nearest(video.duration))),
    )
    track = otio.schema.Track(name="vex", kind=otio.schema.TrackKind.Video)
    for mark in marks(timelines):
        clip = otio.schema.Clip(
            name=mark.title,
            media_reference=media.deepcopy(),
            source_range=time_range(*rate.frames(mark.moment.span, duration=video.duration)),
            metadata={"vex": _otio_metadata(mark)},
        )
        track.append(clip)
    timeline = otio.schema.Timeline(name=_name(video))
    timeline.tracks.append(track)
    return str(otio.adapters.write_to_string(timeline, "otio_json")) + "\n"


def _otio_metadata(mark: Mark) -> dict[str, str | float]:
    known = {"task": mark.timeline.task, "query": mark.timeline.query, "text": mark.moment.text}
    metadata: dict[str, str | float] = {key: encodable(words) for key, words in known.items() if words}
    if mark.moment.score is not None:
        metadata["score"] = float(mark.moment.score)
    return metadata


def write_chapters(timelines: Sequence[Timeline]) -> str:
    """Chapters as an FFMETADATA1 file, to be added by `ffmpeg -i VIDEO -i FILE -map_chapters 1 -c copy OUT`.

    Chapters cannot overlap, so at any time the chapter is the moment that began last of those that still run: an
    overlap cuts the earlier one short, and after a moment inside another the outer one goes on in a chapter of its own.
    Moments with the same start share one that has both titles. Where nothing runs, up to the last end, stands a
    chapter called `…`: MP4 knows no gaps, would stretch the chapter before over it and move the first back to 0.
    What goes on, or is empty, for under a second is given to the chapter before.
    """
    timed = [_Timed(*milliseconds(mark.moment.span), mark.title) for mark in marks(timelines)]
    changes = list(_changes(timed))
    kept = [
        change
        for change, following in pairwise(changes)
        if change.begins or change.at == 0 or following.at - change.at >= _SHORTEST_REST
    ]
    lines = [";FFMETADATA1"]
    for change, following in pairwise([*kept, changes[-1]]):
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={change.at}", f"END={following.at}"]
        lines += [f"title={_escape(change.title)}"]
    return "\n".join(lines) + "\n"


class _Timed(NamedTuple):
    """A moment: start and end in milliseconds, and its words on one line."""

    start: int
    end: int
    title: str


class _Change(NamedTuple):
    """From `at` (milliseconds) on, another chapter is shown. begins: because a moment starts, not because one ends."""

    at: int
    title: str
    begins: bool


def _changes(timed: Sequence[_Timed]) -> Iterator[_Change]:
    """What is shown from 0 on, to the last end, where nothing is. timed: by start."""
    starting = {start: list(group) for start, group in groupby(timed, key=lambda moment: moment.start)}
    running: list[_Timed] = []
    shown: list[_Timed] | None = None
    for now in sorted({0, *(instant for moment in timed for instant in (moment.start, moment.end))}):
        running = [moment for moment in running if moment.end > now] + starting.get(now, [])
        latest = [moment for moment in running if moment.start == running[-1].start]
        if latest != shown:
            title = " / ".join(dict.fromkeys(moment.title for moment in latest))
            yield _Change(now, title or _NOTHING, begins=now in starting)
        shown = latest


def _escape(value: str) -> str:
    """A value of FFmpeg metadata, in which = ; # and the backslash mean something."""
    escaped = re.sub(r"[=;#\\]", r"\\\g<0>", value)
    # ffmpeg takes the end of a line after any backslash for escaped, also where the backslash itself was.
    return escaped + " " if escaped.endswith("\\") else escaped
