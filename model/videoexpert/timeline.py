"""Moments in time: the values that every task yields and every writer takes.

All times are seconds of the video's own presentation time, counted from the start of the file (the container's first
timestamp); intervals are half-open. Each value checks itself when it is made and raises ValueError, so nothing
downstream checks again. JSON is in `results`, files are in `vexcli.outputs`.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, get_args

Task = Literal["ground", "highlights", "caption", "ask", "annotation"]
"""What was asked. `annotation`: a timeline that a person made or corrected, or times given on the command line."""

TASKS: tuple[Task, ...] = get_args(Task)

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
"""What the options of a question are called, in their order."""

TIME_TOLERANCE = 1e-3
"""Seconds by which a moment may end after the video: containers round their duration to milliseconds."""


def _finite(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The half-open interval [start, end), in seconds, with 0 <= start < end."""

    start: float
    end: float

    def __post_init__(self) -> None:
        _finite("start", self.start)
        _finite("end", self.end)
        if self.start < 0:
            raise ValueError(f"start must not be negative, got {self.start}")
        if self.end <= self.start:
            raise ValueError(f"start must lie before end, got {self.start} .. {self.end}")

    @property
    def duration(self) -> float:
        """Length in seconds, > 0."""
        return self.end - self.start

    def intersection(self, other: "Span") -> float:
        """Seconds that both spans cover, >= 0."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def iou(self, other: "Span") -> float:
        """Intersection over the true union (lengths minus intersection), in [0, 1]."""
        shared = self.intersection(other)
        return shared / (self.duration + other.duration - shared)

    def clamp(self, duration: float) -> "Span | None":
        """The part inside [0, duration], or None where nothing of it lies there."""
        start, end = max(0.0, self.start), min(self.end, duration)
        return Span(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens during `span`. score: higher is better, None where not scored. text: its sentence."""

    span: Span
    score: float | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.score is not None:
            _finite("score", self.score)


@dataclass(frozen=True, slots=True)
class Saliency:
    """How much each step of the video matters. times [N]: starts of the steps, seconds, rising; scores [N]."""

    times: tuple[float, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.scores):
            raise ValueError(f"saliency has {len(self.times)} times but {len(self.scores)} scores")
        for value in (*self.times, *self.scores):
            _finite("saliency", value)
        if any(late <= early for early, late in zip(self.times, self.times[1:], strict=False)):
            raise ValueError("saliency times must rise")
        if self.times and self.times[0] < 0:
            raise ValueError(f"saliency times must not be negative, got {self.times[0]}")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    option: the letter chosen ("A", "B", ...), None where no options were given; options: what there was to choose from.
    """

    text: str
    option: str | None = None
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.options and (self.option is None or self.option not in LETTERS[: len(self.options)]):
            raise ValueError(f"option must be a letter of {len(self.options)} options, got {self.option!r}")


@dataclass(frozen=True, slots=True)
class Source:
    """The video that a timeline speaks of. duration: seconds, > 0. width and height: pixels as shown."""

    path: str
    duration: float
    fps: Fraction | None = None
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("video path must not be empty")
        _finite("duration", self.duration)
        if self.duration <= 0:
            raise ValueError(f"duration must be positive, got {self.duration}")
        if self.fps is not None and self.fps <= 0:
            raise ValueError(f"fps must be positive, got {self.fps}")
        for name, pixels in (("width", self.width), ("height", self.height)):
            if pixels is not None and pixels <= 0:
                raise ValueError(f"{name} must be positive, got {pixels}")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced a timeline: the model's name, the prompt it was given, the windows it looked at, the seed."""

    model: str
    prompt: str | None = None
    windows: tuple[Span, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one question about one video gave.

    moments: in the order of the task (best first for `ground`, by time for `caption`); all inside the video.
    warnings: what the reader of the result should know, for example that part of the video was damaged.
    id: what an annotation calls the question (a qid), by which a prediction and the truth are put together.
    """

    video: Source
    task: Task
    query: str | None = None
    moments: tuple[Moment, ...] = ()
    saliency: Saliency | None = None
    answer: Answer | None = None
    provenance: Provenance | None = None
    warnings: tuple[str, ...] = field(default=())
    id: str | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(TASKS)}, got {self.task!r}")
        for moment in self.moments:
            if moment.span.end > self.video.duration + TIME_TOLERANCE:
                raise ValueError(f"moment ends at {moment.span.end} s but the video at {self.video.duration} s")

    def in_time_order(self) -> tuple[Moment, ...]:
        """The moments by start, then end."""
        return tuple(sorted(self.moments, key=lambda moment: moment.span))

    def label(self, moment: Moment) -> str:
        """The words for a moment: its own text, else the answer it supports, else the query, else the task's name."""
        known = (moment.text, self.answer.text if self.answer else None, self.query)
        return next((words for words in known if words and not words.isspace()), self.task)
