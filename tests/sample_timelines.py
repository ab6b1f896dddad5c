"""Timelines to test with: any that can exist (`timelines()`), and short ways to make one by hand."""

import os
from fractions import Fraction

from hypothesis import strategies as st

from videoexpert.timeline import LETTERS, TASKS, Answer, Moment, Provenance, Saliency, Source, Span, Timeline

LONGEST = 400_000.0
"""Seconds: more than the 99 hours that two digits can count."""


def timeline(
    *spans: tuple[float, float],
    text: str | None = None,
    query: str | None = "a dog",
    path: str = "talk.mp4",
    fps: Fraction | None = Fraction(25),
    duration: float = LONGEST,
) -> Timeline:
    """A `ground` timeline with a moment at each span, all with the same text."""
    moments = tuple(Moment(Span(start, end), text=text) for start, end in spans)
    return Timeline(Source(path, duration, fps), "ground", query, moments)


def texts() -> st.SearchStrategy[str]:
    """Text as models and people write it: any characters, and often those that mean something in a file format."""
    nasty = st.sampled_from("\n\r\t\0\x0b\x1b\x85\u2028\u202e\ufeff -->&<>{}|=;#\\\"',@+0123🎬שא")
    return st.text(st.one_of(nasty, st.characters(exclude_categories=["Cs"])), max_size=20)


def paths() -> st.SearchStrategy[str]:
    """Paths as the system hands them over: any bytes but NUL."""
    return st.binary(min_size=1, max_size=12).map(lambda name: os.fsdecode(name.replace(b"\0", b"x")))


@st.composite
def spans(draw: st.DrawFn, end: float = LONGEST) -> Span:
    start, stop = sorted(draw(st.tuples(*[st.floats(0, end)] * 2).filter(lambda pair: pair[0] != pair[1])))
    return Span(start, stop)


@st.composite
def saliencies(draw: st.DrawFn) -> Saliency:
    times = sorted(draw(st.sets(st.floats(0, allow_infinity=False), max_size=5)))
    return Saliency(tuple(times), tuple(draw(st.lists(_numbers(), min_size=len(times), max_size=len(times)))))


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Any timeline: every field, present or not."""
    duration = draw(st.floats(1e-3, LONGEST))
    moment = st.builds(Moment, spans(duration), st.none() | _numbers(), st.none() | texts())
    windows = st.lists(spans(), max_size=3).map(tuple)
    seeds = st.none() | st.integers(-(2**63), 2**64)
    return Timeline(
        video=Source(
            draw(paths()),
            duration,
            fps=draw(st.none() | st.fractions(Fraction(1, 1000), 1000, max_denominator=10**9)),
            width=draw(st.none() | st.integers(1)),
            height=draw(st.none() | st.integers(1)),
        ),
        task=draw(st.sampled_from(TASKS)),
        query=draw(st.none() | texts()),
        moments=tuple(draw(st.lists(moment, max_size=4))),
        saliency=draw(st.none() | saliencies()),
        answer=draw(st.none() | st.builds(Answer, texts(), st.none() | texts()) | choices()),
        provenance=draw(st.none() | st.builds(Provenance, texts(), st.none() | texts(), windows, seeds)),
        warnings=tuple(draw(st.lists(texts(), max_size=2))),
        id=draw(st.none() | texts()),
    )


@st.composite
def choices(draw: st.DrawFn) -> Answer:
    """An answer that was chosen from options."""
    options = tuple(draw(st.lists(texts(), min_size=1, max_size=len(LETTERS))))
    return Answer(draw(texts()), draw(st.sampled_from(LETTERS[: len(options)])), options)


def _numbers() -> st.SearchStrategy[float]:
    return st.floats(allow_nan=False, allow_infinity=False)
