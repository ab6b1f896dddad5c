"""What `vex data` says of annotations, for programs and for people: problems, counts, histograms."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoexpert.data.problems import Problem
    from videoexpert.data.statistics import Histogram, Statistics

SCHEMA = "vex.data/1"

_BAR = 40


def as_json(statistics: "Statistics", problems: Sequence["Problem"]) -> dict[str, Any]:
    """Everything, as one JSON object."""
    return {
        "schema": SCHEMA,
        **asdict(statistics),
        "lessons": dict(statistics.lessons),
        "errors": sum(problem.severity == "error" for problem in problems),
        "warnings": sum(problem.severity == "warning" for problem in problems),
        "problems": [asdict(problem) for problem in problems],
    }


def summary(statistics: "Statistics") -> list[str]:
    """The counts, then each histogram, for people."""
    lessons = ", ".join(f"{count} {lesson}" for lesson, count in statistics.lessons)
    hours = statistics.seconds / 3600
    lines = [
        f"records   {statistics.records}{f' ({lessons})' if lessons else ''}",
        f"videos    {statistics.videos}, {hours:.1f} hours" if hours >= 1 else _short(statistics),
        f"moments   {statistics.moments}",
        f"queries   {statistics.queries} different",
    ]
    for histogram in statistics.histograms:
        if histogram.counts:
            lines += ["", *_drawn(histogram)]
    return lines


def _short(statistics: "Statistics") -> str:
    return f"videos    {statistics.videos}, {statistics.seconds:.0f} seconds"


def _drawn(histogram: "Histogram") -> Iterator[str]:
    unit = f" {histogram.unit}" if histogram.unit else ""
    values = (
        f"{histogram.least:.4g} to {histogram.most:.4g}{unit}, median {histogram.middle:.4g}, mean {histogram.mean:.4g}"
    )
    yield f"{histogram.name}: {values}"
    labels = [f"{edge:g}" for edge in histogram.edges]
    width, longest = max(map(len, labels)), max(histogram.counts)
    for label, count in zip(labels, histogram.counts, strict=False):
        # Something is seen of what is there, however little it is.
        bar = "#" * (max(1, round(_BAR * count / longest)) if count else 0)
        yield f"  {label:>{width}}  {bar:<{_BAR}}  {count}".rstrip()


def counted(problems: Sequence["Problem"]) -> str:
    """How many problems of which kind, in one line."""
    kinds = Counter((problem.severity, problem.kind) for problem in problems)
    parts = []
    for severity in ("error", "warning"):
        found = [f"{count} {kind}" for (grade, kind), count in sorted(kinds.items()) if grade == severity]
        total = sum(problem.severity == severity for problem in problems)
        plural = "" if total == 1 else "s"
        parts.append(f"{total} {severity}{plural}" + (f" ({', '.join(found)})" if found else ""))
    return ", ".join(parts)
