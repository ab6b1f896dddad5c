"""Overlapping windows over a long video, and how what was found in each becomes one result. Pure; times in seconds.

Scores of different windows are on one scale as they are: a class score is the probability, judged frame by frame, that
what was asked for is shown there. So they are never normalised per window, which would make the best moment of a window
without the thing as good as the best of all.

Where windows overlap, each is trusted the more the further a time lies from its edges, because near an edge a window
sees only part of what happens (`WindowPlan.trust`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from videoexpert.decode import SHORTEST, FloatArray, Located, Spans, step_edges, step_means, suppress
from videoexpert.timeline import Moment, Saliency, Span

EDGE = 0.02
"""A moment that ends within this fraction of a window from the window's edge is taken to be cut off by it."""

AGREEMENT = 0.5
"""Two windows speak of the same moment when what they show of it where both can see has at least this IoU."""

COMPARABLE = 0.5
"""... and when the lower score is at least this part of the higher one."""


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """The windows in time order: the first starts at 0, the last ends with the video, and each touches the next."""

    duration: float
    windows: tuple[Span, ...]

    def __post_init__(self) -> None:
        if not self.windows or self.windows[0].start != 0 or self.windows[-1].end != self.duration:
            raise ValueError("the windows must run from 0 to the end of the video")
        for early, late in pairwise(self.windows):
            if not (early.start < late.start <= early.end < late.end):
                raise ValueError(f"windows must follow each other without a gap, got {early} and {late}")

    def trust(self, index: int, times: FloatArray) -> FloatArray:
        """How far window `index` is to be trusted at times inside it: 0 .. 1, of the shape of `times`.

        1 where no neighbour looks; over an overlap it falls linearly to 0 at the window's own edge, so that two windows
        that overlap add up to 1. The start and the end of the video are no edges.
        """
        window, trust = self.windows[index], np.ones_like(times)
        if index > 0 and (shared := self.windows[index - 1].end - window.start) > 0:
            trust = np.minimum(trust, (times - window.start) / shared)
        if index + 1 < len(self.windows) and (shared := window.end - self.windows[index + 1].start) > 0:
            trust = np.minimum(trust, (window.end - times) / shared)
        return np.clip(trust, 0.0, 1.0)


def plan_windows(duration: float, *, length: float | None, overlap: float = 0.0) -> WindowPlan:
    """Windows of `length` seconds (None: one over everything), each sharing at least `overlap` with the next.

    They start every `length - overlap` seconds; the last is aligned to the end of the video and shares more. A video no
    longer than `length` is looked at as a whole. 0 <= overlap < length, else ValueError.
    """
    if length is None or length >= duration:
        return WindowPlan(duration, (Span(0.0, duration),))
    if not 0 <= overlap < length:
        raise ValueError(f"overlap must be at least 0 and less than the window ({length} s), got {overlap}")
    stride = length - overlap
    count = max(2, math.ceil((duration - overlap) / stride - 1e-9))
    starts = [index * stride for index in range(count - 1)]
    starts.append(min(duration - length, starts[-1] + length))
    ends = [max(start + length, late) for start, late in pairwise(starts)]
    return WindowPlan(duration, tuple(map(Span, starts, [*ends, duration])))


@dataclass(frozen=True, slots=True)
class _Part:
    """What window `window` of a plan says of a moment."""

    window: int
    moment: Moment


_Chain = tuple[_Part, ...]
"""One moment as neighbouring windows saw it, at most one part from each, in time order."""


def merge_moments(plan: WindowPlan, found: Sequence[Sequence[Moment]], *, iou: float) -> tuple[Moment, ...]:
    """The scored moments of all windows as one ranking, best first. found: those of each window, best first.

    Moments of one window that overlap by `iou` or more are one, the best. A moment that two windows saw, or that one
    saw up to its edge and the next one saw go on, is joined: each end comes from the window that saw it furthest from
    its own edges, and the score is the mean weighted by seconds seen and trust. Then duplicates are left out over
    all; a piece that a window's edge cut off is one already when `iou` of it lies in something better.
    """
    chains = _chains(plan, [suppress(moments, iou=iou) for moments in found], iou=iou)
    joined = sorted(((_joined(plan, chain), chain) for chain in chains), key=lambda pair: _rank(pair[0]))
    kept: list[Moment] = []
    better = Spans(len(joined))
    for moment, chain in joined:
        repeated = (better.iou(moment.span) >= iou).any()
        if _starts_cut(plan, chain[0]) or _ends_cut(plan, chain[-1]):
            repeated |= (better.shared(moment.span) >= iou * moment.span.duration).any()
        if not repeated:
            kept.append(moment)
            better.add(moment.span)
    return tuple(kept)


def merge_sentences(plan: WindowPlan, found: Sequence[Sequence[Moment]]) -> tuple[Moment, ...]:
    """The scored sentences of all windows in time order. found: those of each window.

    What one window says is all kept, for its sentences may overlap. A sentence that continues in the next window is
    joined with it and keeps the words of the window to be trusted more. Where two windows describe the same stretch of
    the time that both can see, the sentence that is seen further from its window's edges stays.
    """
    chains = _chains(plan, found, iou=AGREEMENT)
    by_trust = sorted(chains, key=lambda chain: -max(_trust(plan, part, _middle(part.moment.span)) for part in chain))
    kept: list[tuple[Moment, _Chain]] = []
    for chain in by_trust:
        moment = _joined(plan, chain)
        if not any(_repeats(plan, moment, chain, *other) for other in kept):
            kept.append((moment, chain))
    return tuple(sorted((moment for moment, _ in kept), key=lambda moment: moment.span))


def merge_saliency(plan: WindowPlan, located: Sequence[Located]) -> Saliency:
    """One score for each 2-second step of the video, from what the head said in each window of the plan.

    It is the mean of the windows' scores over the step, weighted by trust and by the seconds that they saw of it.
    """
    edges = step_edges(plan.duration)
    total, weights = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for index, (window, said) in enumerate(zip(plan.windows, located, strict=True)):
        borders = np.clip(edges, window.start, window.end)
        weight = np.diff(borders) * plan.trust(index, (borders[:-1] + borders[1:]) / 2)
        total += weight * step_means(said, edges)
        weights += weight
    scores = total / weights
    return Saliency(tuple(map(float, edges[:-1])), tuple(map(float, scores)))


def _chains(plan: WindowPlan, found: Sequence[Sequence[Moment]], *, iou: float) -> list[_Chain]:
    """Each moment with its continuations in the windows that follow."""
    done: list[_Chain] = []
    before: list[_Chain] = []
    for window, moments in enumerate(found):
        parts = [_Part(window, moment) for moment in moments]
        follows = _matches(plan, before, parts, iou=iou)
        taken = set(follows.values())
        done += [chain for index, chain in enumerate(before) if index not in taken]
        before = [(*before[follows[i]], part) if i in follows else (part,) for i, part in enumerate(parts)]
    return done + before


def _matches(plan: WindowPlan, chains: Sequence[_Chain], parts: Sequence[_Part], *, iou: float) -> dict[int, int]:
    """The chain that each part continues, both by index; one for one, those that agree best and score highest first."""
    strengths = [
        (_agreement(plan, chain[-1], part, iou=iou), first, second)
        for first, chain in enumerate(chains)
        for second, part in enumerate(parts)
    ]
    follows: dict[int, int] = {}
    taken: set[int] = set()
    for strength, first, second in sorted(strengths, key=lambda pair: (-pair[0], pair[1:])):
        if strength > 0 and first not in taken and second not in follows:
            follows[second] = first
            taken.add(first)
    return follows


def _agreement(plan: WindowPlan, early: _Part, late: _Part, *, iou: float) -> float:
    """How surely two parts, from neighbouring windows, are one moment; 0 where they are not."""
    low, high = sorted((_score(early.moment), _score(late.moment)))
    if low < COMPARABLE * high:
        return 0.0
    ends, starts = _ends_cut(plan, early), _starts_cut(plan, late)
    one, two = early.moment.span, late.moment.span
    first, last = plan.windows[late.window].start, plan.windows[early.window].end
    if last - first < SHORTEST:
        return low if ends and starts else 0.0
    agreed = _iou_within(first, last, one, two)
    same = agreed >= AGREEMENT and (ends or starts or one.iou(two) >= iou)
    return low * agreed if same else 0.0


def _iou_within(first: float, last: float, one: Span, two: Span) -> float:
    """The IoU of what two spans cover of the time from `first` to `last`."""
    shared = min(one.end, two.end, last) - max(one.start, two.start, first)
    if shared <= 0:
        return 0.0
    return shared / (min(max(one.end, two.end), last) - max(min(one.start, two.start), first))


def _joined(plan: WindowPlan, chain: _Chain) -> Moment:
    """The moment that the parts make up."""
    if len(chain) == 1:
        return chain[0].moment
    start = max(chain, key=lambda part: _trust_in_start(plan, part)).moment.span.start
    end = max(reversed(chain), key=lambda part: _trust_in_end(plan, part)).moment.span.end
    if end - start < SHORTEST:
        start, end = min(part.moment.span.start for part in chain), max(part.moment.span.end for part in chain)
    weights = [_weight(plan, part) for part in chain]
    score = sum(weight * _score(part.moment) for weight, part in zip(weights, chain, strict=True)) / sum(weights)
    words = chain[weights.index(max(weights))].moment.text
    return Moment(Span(start, end), score, words)


def _trust(plan: WindowPlan, part: _Part, time: float) -> float:
    return float(plan.trust(part.window, np.array(time)))


def _trust_in_start(plan: WindowPlan, part: _Part) -> float:
    return 0.0 if _starts_cut(plan, part) else _trust(plan, part, part.moment.span.start)


def _trust_in_end(plan: WindowPlan, part: _Part) -> float:
    return 0.0 if _ends_cut(plan, part) else _trust(plan, part, part.moment.span.end)


def _middle(span: Span) -> float:
    return (span.start + span.end) / 2


def _weight(plan: WindowPlan, part: _Part) -> float:
    """Seconds seen, times the trust at their middle."""
    return part.moment.span.duration * _trust(plan, part, _middle(part.moment.span))


def _starts_cut(plan: WindowPlan, part: _Part) -> bool:
    window = plan.windows[part.window]
    return part.window > 0 and part.moment.span.start <= window.start + EDGE * window.duration


def _ends_cut(plan: WindowPlan, part: _Part) -> bool:
    window = plan.windows[part.window]
    return part.window + 1 < len(plan.windows) and part.moment.span.end >= window.end - EDGE * window.duration


def _repeats(plan: WindowPlan, moment: Moment, chain: _Chain, other: Moment, others: _Chain) -> bool:
    """Whether two moments that no window saw both cover the same of what both sides could see."""
    if {part.window for part in chain} & {part.window for part in others}:
        return False
    first = max(plan.windows[parts[0].window].start for parts in (chain, others))
    last = min(plan.windows[parts[-1].window].end for parts in (chain, others))
    return _iou_within(first, last, moment.span, other.span) >= AGREEMENT


def _score(moment: Moment) -> float:
    if moment.score is None:
        raise ValueError("only scored moments can be merged")
    return moment.score


def _rank(moment: Moment) -> tuple[float, Span]:
    return -_score(moment), moment.span
