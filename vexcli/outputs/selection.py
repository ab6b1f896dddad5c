"""Which moments of results become clips, and what a reel shows in which order. No file is opened here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vexcli.outputs.marks import Mark
from videoexpert.timeline import Moment, Span, Timeline

Order = Literal["time", "score"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a video that is to be cut out. title: its words, on one line. score: None where not scored."""

    video: str
    span: Span
    title: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which moments count. top: so many of each timeline, the best. min_score: those that have at least this score.

    pad: seconds added before and after each, as far as the video goes.
    """

    top: int | None = None
    min_score: float | None = None
    pad: float = 0.0


def choose_parts(timelines: Iterable[Timeline], choice: Choice) -> list[Part]:
    """The chosen moments, video after video, those of one in the order in which its timelines hold them."""
    parts = [
        Part(timeline.video.path, _padded(moment, timeline, choice.pad), Mark(timeline, moment).title, moment.score)
        for timeline in timelines
        for moment in _chosen(timeline, choice)
    ]
    place = {video: index for index, video in enumerate(dict.fromkeys(part.video for part in parts))}
    return sorted(parts, key=lambda part: place[part.video])


def reel_parts(parts: Sequence[Part], order: Order) -> list[Part]:
    """What a reel shows: stretches of one video that overlap or touch become one, so that nothing is shown twice.

    By time: video after video, in the order given, each from its start. By score: the best first, those without a
    score last. A stretch made of several moments has the best of their scores.
    """
    by_video: dict[str, list[Part]] = {}
    for part in parts:
        by_video.setdefault(part.video, []).append(part)
    merged = [part for group in by_video.values() for part in _merged(group)]
    if order == "time":
        return merged
    return sorted(merged, key=lambda part: (part.score is None, -(part.score or 0.0)))


def _chosen(timeline: Timeline, choice: Choice) -> list[Moment]:
    """The moments that count, in the timeline's order. Without scores the first ones are the best."""
    wanted = [moment for moment in timeline.moments if _passes(moment, choice.min_score)]
    if choice.top is None:
        return wanted
    ranked = sorted(range(len(wanted)), key=lambda index: (wanted[index].score is None, -(wanted[index].score or 0.0)))
    return [wanted[index] for index in sorted(ranked[: choice.top])]


def _passes(moment: Moment, min_score: float | None) -> bool:
    return min_score is None or (moment.score is not None and moment.score >= min_score)


def _padded(moment: Moment, timeline: Timeline, pad: float) -> Span:
    """The moment's span, longer by `pad` at both ends, inside the video."""
    wide = Span(max(0.0, moment.span.start - pad), moment.span.end + pad)
    return wide.clamp(timeline.video.duration) or moment.span


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Parts of one video in time order, those that overlap or touch joined."""
    joined: list[Part] = []
    for part in sorted(parts, key=lambda part: part.span):
        if joined and part.span.start <= joined[-1].span.end:
            joined[-1] = _joined(joined[-1], part)
        else:
            joined.append(part)
    return joined


def _joined(first: Part, second: Part) -> Part:
    titles = dict.fromkeys((*first.title.split(" / "), second.title))
    scores = [score for score in (first.score, second.score) if score is not None]
    return replace(
        first,
        span=Span(first.span.start, max(first.span.end, second.span.end)),
        title=" / ".join(titles),
        score=max(scores, default=None),
    )
