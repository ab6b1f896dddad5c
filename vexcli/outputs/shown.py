"""A timeline for people to read on a terminal: the question, then a line for each moment."""

from vexcli.outputs.marks import Mark
from videoexpert.timeline import Moment, Saliency, Span, Timeline

_BARS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 60


def shown_lines(timeline: Timeline) -> list[str]:
    """The lines that tell what a timeline holds; the first says of which video and question."""
    asked = f": {timeline.query}" if timeline.query else ""
    lines = [f"{timeline.video.path}{asked}"]
    if timeline.answer is not None:
        letter = f"{timeline.answer.option}. " if timeline.answer.option else ""
        lines.append(f"  {letter}{timeline.answer.text}")
    if timeline.saliency is not None:
        lines.append(f"  {saliency_curve(timeline.saliency)}")
    lines += [f"  {_moment(timeline, moment)}" for moment in timeline.moments]
    if not timeline.moments:
        lines.append("  nothing found")
    return lines


def saliency_curve(saliency: Saliency) -> str:
    """The scores as bars, from the lowest to the highest; neighbouring steps share a bar where there are many."""
    scores = saliency.scores
    width = min(_CURVE_WIDTH, len(scores))
    parts = [scores[index * len(scores) // width : (index + 1) * len(scores) // width] for index in range(width)]
    heights = [max(part) for part in parts]
    low, high = min(heights, default=0.0), max(heights, default=0.0)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((height - low) * scale)] for height in heights)


def clock(seconds: float) -> str:
    """A time as people write it, to a hundredth of a second: 1:02.50, 1:00:00.00."""
    minutes, hundredths = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    rest = f"{hundredths // 100:02d}.{hundredths % 100:02d}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def _moment(timeline: Timeline, moment: Moment) -> str:
    score = f"  {moment.score:.3f}" if moment.score is not None else "       "
    words = f"  {Mark(timeline, moment).title}" if moment.text else ""
    return f"{_span(moment.span)}{score}{words}".rstrip()


def _span(span: Span) -> str:
    return f"{clock(span.start):>8} - {clock(span.end):<8}"
