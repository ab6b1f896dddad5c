"""What is counted in a model's answers, beside recall: scores, thresholds, captions. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoexpert.timeline import Moment, Timeline

BINS = 10
"""How many bins a reliability table has."""

HALF = 0.5
"""The IoU from which a moment counts as the right one."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose scores are alike. count: how many; score: their mean score; right: the share that is right."""

    count: int
    score: float
    right: float


@dataclass(frozen=True, slots=True)
class Told:
    """How well captions tell of a video.

    right: for each segment, whether a caption overlaps it by half (tIoU) and says a name of what it shows. outright:
    the same, where that caption says no "or". extra: how many captions name nothing that the video shows.
    """

    right: tuple[bool, ...]
    outright: tuple[bool, ...]
    extra: int


def area_under_curve(there: Sequence[float], absent: Sequence[float]) -> float:
    """How often something that is there has a higher score than something that is not; ties count half."""
    first, second = np.array(there)[:, None], np.array(absent)[None, :]
    return float((first > second).mean() + (first == second).mean() / 2)


def share_from(scores: Sequence[float], threshold: float) -> float:
    """The share of scores that reach a threshold."""
    return float((np.array(scores) >= threshold).mean())


def best_score(said: Timeline) -> float:
    """The score of the best moment; 0 where there is none."""
    return max((moment.score or 0.0 for moment in said.moments), default=0.0)


def is_right(truth: Timeline, said: Timeline) -> bool:
    """Whether the best moment is one of the true ones, as far as half of it; never where nothing is to be found."""
    best = max(said.moments, key=lambda moment: moment.score or 0.0, default=None)
    return best is not None and any(best.span.iou(moment.span) >= HALF for moment in truth.moments)


def reliability(scores: Sequence[float], right: Sequence[bool]) -> list[Bin]:
    """Answers by their scores, in bins of the same width over 0 .. 1; those that hold none are left out."""
    values, hits = np.array(scores), np.array(right, dtype=float)
    places = np.minimum((values * BINS).astype(int), BINS - 1)
    within = [places == place for place in sorted(set(places.tolist()))]
    return [Bin(int(mask.sum()), float(values[mask].mean()), float(hits[mask].mean())) for mask in within]


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: how far a bin's score is from the share that is right, on average."""
    total = sum(each.count for each in bins)
    return sum(each.count * abs(each.score - each.right) for each in bins) / total


def captions_told(truth: Timeline, told: Timeline) -> Told:
    """Captions against segments. truth: the text of a moment is every name of what it shows, with commas between."""
    named = [[moment for moment in told.moments if _there(segment, moment)] for segment in truth.moments]
    extra = sum(
        not any(says_a_name(moment.text or "", segment.text or "") for segment in truth.moments)
        for moment in told.moments
    )
    outright = tuple(any(not _says(moment.text or "", "or") for moment in captions) for captions in named)
    return Told(tuple(map(bool, named)), outright, extra)


def says_a_name(text: str, names: str) -> bool:
    """Whether a text has one of some names in it, whole and as words of its own. names: with commas between."""
    return any(_says(text, name) for name in names.split(", "))


def _there(segment: Moment, caption: Moment) -> bool:
    return caption.span.iou(segment.span) >= HALF and says_a_name(caption.text or "", segment.text or "")


def _says(text: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None
