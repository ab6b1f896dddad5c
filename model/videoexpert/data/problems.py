"""What is wrong with annotations, as values: each says where, what, and of which kind, so that they can be counted."""

from dataclasses import dataclass
from typing import Literal

from videoexpert.errors import DataError

Kind = Literal[
    "broken", "field", "span", "overhang", "video", "duration", "empty", "duplicate", "unlabelled", "encoding", "leak"
]
"""`broken`: no JSON, no row, too long. `field`: missing or of the wrong type. `span`: reversed, outside the video, no
number. `overhang`: a span that ended a little late and was cut. `video`: missing or unreadable. `duration`: unknown,
or not the file's. `empty`: no words. `unlabelled`: no answer to learn from. `leak`: a video of both sets."""

Severity = Literal["error", "warning"]
"""`error`: the record, or the one sentence of it, was left out, or may not be used. `warning`: it is there."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. where: `file:line`, or the file where no line is to blame. hint: what to do next."""

    where: str
    message: str
    kind: Kind
    severity: Severity
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}"
        return f"{text}; {self.hint}" if self.hint else text


class UnusableError(DataError):
    """A part of an annotation that cannot be used. It is caught where the next part can be read."""

    def __init__(self, message: str, *, where: str, kind: Kind, hint: str | None = None) -> None:
        super().__init__(f"{where}: {message}", hint=hint)
        self.where = where
        self.complaint = message
        self.kind: Kind = kind
