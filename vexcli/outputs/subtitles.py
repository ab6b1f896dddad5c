"""Subtitles, SRT and WebVTT: the same cues in two spellings. Every moment of one video is a cue; none is dropped."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from vexcli.outputs.marks import marks
from vexcli.outputs.times import milliseconds
from videoexpert.errors import OutputError
from videoexpert.timeline import Timeline

_ARROW = re.compile("-{2,}>")
_MARKUP = re.compile(r"<(?=[^<]*>)|\{(?=\\)")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Cue:
    """Words on the screen. start < end in milliseconds; words: one or several lines, none blank."""

    start: int
    end: int
    words: str


def cues(timelines: Sequence[Timeline]) -> list[Cue]:
    """The moments of one video as cues in time order. Cues may overlap: players show both."""
    return [Cue(*milliseconds(mark.moment.span), mark.words) for mark in marks(timelines)]


def write_srt(timelines: Sequence[Timeline]) -> str:
    """SubRip, which has no escapes: an arrow in a text, which would start the next cue, is shortened to `->`, and what
    players would take for markup and not show has an invisible word joiner in it.

    Raises OutputError where a moment lies millions of years from the start.
    """
    import srt

    try:
        subtitles = [
            srt.Subtitle(
                index,
                start=timedelta(milliseconds=cue.start),
                end=timedelta(milliseconds=cue.end),
                content=_MARKUP.sub(r"\g<0>" + _WORD_JOINER, _ARROW.sub("->", cue.words)),
            )
            for index, cue in enumerate(cues(timelines), 1)
        ]
    except OverflowError as error:
        raise OutputError(
            f"{timelines[0].video.path}: a moment lies too far out for SRT", hint="write json or vtt"
        ) from error
    # Without `reindex`, which drops cues that it does not like; ours are numbered and in order.
    return str(srt.compose(subtitles, reindex=False))


def write_vtt(timelines: Sequence[Timeline]) -> str:
    """WebVTT. The characters that mean markup are escaped, so a text shows as it is."""
    return "WEBVTT\n" + "".join(
        f"\n{_vtt_time(cue.start)} --> {_vtt_time(cue.end)}\n{html.escape(cue.words, quote=False)}\n"
        for cue in cues(timelines)
    )


def _vtt_time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{thousandths:03d}"
