"""What annotations are like, in numbers: how many, how long, how many words."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from videoexpert.data.records import Record

_BINS = 10
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How values are spread. edges: [B + 1], rising; counts: [B], of the values in [edge, next edge), the last bin
    with its upper edge. Without values, edges and counts are empty and the numbers 0."""

    name: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    least: float
    middle: float
    mean: float
    most: float

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a set of records is like. lessons: how many records teach what. seconds: all videos together."""

    records: int
    videos: int
    seconds: float
    moments: int
    queries: int
    lessons: tuple[tuple[str, int], ...]
    histograms: tuple[Histogram, ...]


def describe(records: Sequence[Record]) -> Statistics:
    """The statistics of records; a video and a query count once, however many records name them."""
    durations = {record.timeline.video.path: record.timeline.video.duration for record in records}
    moments = [(moment.span.duration, record) for record in records for moment in record.timeline.moments]
    queries = {record.timeline.query for record in records if record.timeline.query is not None}
    lessons = Counter(record.lesson for record in records)
    words = [float(len(text.split())) for record in records for text in _texts(record)]
    return Statistics(
        records=len(records),
        videos=len(durations),
        seconds=math.fsum(durations.values()),
        moments=len(moments),
        queries=len(queries),
        lessons=tuple(sorted(lessons.items())),
        histograms=(
            histogram("durations of videos", "s", list(durations.values())),
            histogram("moments per record", "", [float(len(record.timeline.moments)) for record in records]),
            histogram("lengths of moments", "s", [length for length, _ in moments]),
            histogram(
                "parts of the video", "%", [100 * length / record.timeline.video.duration for length, record in moments]
            ),
            histogram("words per text", "", words),
        ),
    )


def _texts(record: Record) -> Iterator[str]:
    timeline = record.timeline
    if timeline.query is not None:
        yield timeline.query
    yield from (moment.text for moment in timeline.moments if moment.text)
    yield from (text for turn in record.turns for text in (turn.question, turn.answer) if text)


def histogram(name: str, unit: str, values: Sequence[float]) -> Histogram:
    """At most about ten bins of a round width, from the least to the greatest value."""
    if not values:
        return Histogram(name, unit, (), (), 0.0, 0.0, 0.0, 0.0)
    least, most = min(values), max(values)
    width = _round_width((most - least) / _BINS, whole=all(value.is_integer() for value in values))
    first = math.floor(least / width)
    bins = max(1, math.floor(most / width) - first + 1)
    edges = tuple(width * (first + index) for index in range(bins + 1))
    counts = [0] * bins
    for value in values:
        # The edges are rounded: a value may lie a hair outside of them.
        counts[min(max(bisect_right(edges, value), 1), bins) - 1] += 1
    return Histogram(name, unit, edges, tuple(counts), least, median(values), fmean(values), most)


def _round_width(least: float, *, whole: bool) -> float:
    """1, 2, 2.5 or 5 times a power of ten, no less than `least`; for whole numbers at least 1."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    width = next(power * step for step in _STEPS if power * step >= least * (1 - 1e-9))
    return max(1.0, math.ceil(width)) if whole else width
