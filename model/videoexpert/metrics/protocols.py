"""Where the field disagrees about a metric, each convention has a name. The defaults are those of the official code."""

import typing
from dataclasses import dataclass, fields
from typing import Literal, TypeVar

from videoexpert.errors import RequestError, did_you_mean

Union = Literal["true", "hull", "min"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Named conventions; every field is a choice between texts."""

    def options(self) -> dict[str, str]:
        """The name and value of every option, as they would be given."""
        return {option_name(each.name): getattr(self, each.name) for each in fields(self)}

    def shown(self) -> str:
        """All options on one line, to be quoted with a score."""
        return ", ".join(f"{name}={value}" for name, value in self.options().items())


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedProtocol(Protocol):
    """QVHighlights: ranked windows and saliency.

    missing: a query without prediction (or without a window) is an error, is left out, or counts as a miss.
    longest: how long a window of the last length class may be, seconds.
    """

    missing: Literal["error", "drop", "zero"] = "error"
    longest: Literal["150", "inf"] = "150"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanProtocol(Protocol):
    """Charades-STA and grounding in ActivityNet Captions: one span for each sentence. A missing one counts as a miss.

    union and epsilon: how IoU is computed (`spans.overlaps`). threshold: an IoU of exactly 0.5 passes 0.5 under `ge`.
    truth: as annotated, or cut at the end of the video. disjoint: what IoU spans have that do not touch.
    numbers: float32 loses some IoUs that lie exactly on a threshold. rounding: IoU before it meets a threshold.
    """

    union: Union = "hull"
    epsilon: Literal["0", "1e-8"] = "0"
    threshold: Literal["ge", "gt"] = "ge"
    truth: Literal["raw", "clipped"] = "raw"
    disjoint: Literal["zero", "negative"] = "zero"
    numbers: Literal["float64", "float32"] = "float64"
    rounding: Literal["none", "hundredths"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionProtocol(Protocol):
    """Dense captions.

    missing: a clip without prediction scores 0, or is left out; soda_missing: the same for SODA_c.
    garbage: what a caption is compared with that overlaps nothing: one made-up word, or `abc123!@#`, which METEOR takes
    for four. references: how SODA_c takes several reference files; `best` takes the one that suits a clip best, in the
    order in which its captions are listed. meteor_roles: SODA passes the truth as hypothesis
    (official), or the prediction (natural). f1: of the mean precision and recall at each tIoU, or of each clip's means.
    order: SODA sorts by start, or takes captions as listed. reversed: a span that ends before it starts is kept, or its
    ends are swapped. letters: those outside ASCII become spaces, or stay.
    """

    missing: Literal["zero", "drop"] = "zero"
    soda_missing: Literal["drop", "zero"] = "drop"
    garbage: Literal["word", "abc123"] = "word"
    references: Literal["mean", "merged", "best"] = "mean"
    meteor_roles: Literal["official", "natural"] = "official"
    f1: Literal["means", "clips"] = "means"
    order: Literal["start", "listed"] = "start"
    reversed: Literal["keep", "swap"] = "keep"
    letters: Literal["ascii", "all"] = "ascii"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerProtocol(Protocol):
    """NExT-GQA.

    missing_span: a question without span leaves the grounding numbers, or counts as 0. missing_answer: no answer is a
    wrong one, or an error. spans: in seconds, or parts of the video (which are rounded to tenths of a second).
    """

    missing_span: Literal["drop", "zero"] = "drop"
    missing_answer: Literal["wrong", "error"] = "wrong"
    spans: Literal["seconds", "fractions"] = "seconds"


P = TypeVar("P", bound=Protocol)


def option_name(field_name: str) -> str:
    """What an option is called on the command line."""
    return field_name.replace("_", "-")


def parse_protocol(words: typing.Iterable[str], defaults: P) -> P:
    """The protocol that `NAME=VALUE` words ask for. Raises RequestError for a name or value that is not known."""
    hints = typing.get_type_hints(type(defaults))
    known = {option_name(each.name): each.name for each in fields(defaults)}
    chosen = {each.name: getattr(defaults, each.name) for each in fields(defaults)}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise RequestError(f"--protocol {word}: no value", hint="write it as NAME=VALUE, such as missing=zero")
        if name not in known:
            near = did_you_mean(name, known)
            raise RequestError(f"--protocol {word}: no such option here", hint=near or f"known: {', '.join(known)}")
        values = typing.get_args(hints[known[name]])
        if value not in values:
            near = did_you_mean(value, values)
            raise RequestError(f"--protocol {word}: no such value", hint=near or f"one of: {', '.join(values)}")
        chosen[known[name]] = value
    return type(defaults)(**chosen)
