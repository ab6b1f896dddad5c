"""Training of nano's match channel: queries about drawn timelines, some minutes of work for a CPU core."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from videoexpert.models.nano.timelines import DrawnTimeline, Event, TimelineMaker
from videoexpert.models.nano.words import Vocabulary
from videoexpert.nn.match import Matcher

PHRASINGS = (
    "{}",
    "a {}",
    "the {}",
    "the {} in the video",
    "there is a {}",
    "we can see a {}",
    "a video of a {}",
)
"""How a query is worded."""

_KIND = 0.45
_OUTSIDE = 0.5
_PRESENCE = 0.3


@dataclass(frozen=True, slots=True)
class MatchTraining:
    """steps of `timelines` timelines with `queries` queries each, of which `absent` ask for what is not there.

    learning_rate: of the head; turn_learning_rate and turn_decay: of the map of queries, which forgets unseen words
    where it learns fast. hidden: the part of the timelines whose classes the classifier is made not to know.
    """

    steps: int = 1000
    timelines: int = 12
    queries: int = 8
    absent: int = 2
    learning_rate: float = 2e-3
    turn_learning_rate: float = 8e-4
    turn_decay: float = 1.0
    hidden: float = 0.3


@dataclass(frozen=True, slots=True)
class Lesson:
    """A query about a timeline. inside: [T], the frames that it means; None where it means none."""

    query: str
    inside: Tensor | None


OnLoss = Callable[[int, float], None]
"""Hears the number of a step (from 1) and its loss."""


def train_match(
    matcher: Matcher,
    maker: TimelineMaker,
    words: Vocabulary,
    vectors: Callable[[Sequence[str]], Tensor],
    options: MatchTraining,
    *,
    on_step: OnLoss,
) -> None:
    """Teach the head of a matcher whose names are those of `words`. vectors: of queries, [n, E]."""
    turn = [matcher.turn.weight]
    head = [p for p in matcher.parameters() if p.requires_grad and p is not matcher.turn.weight]
    groups = [
        {"params": turn, "weight_decay": options.turn_decay},
        {"params": head, "weight_decay": 0.01},
    ]
    optimiser = torch.optim.AdamW(groups)
    rates = [options.turn_learning_rate, options.learning_rate]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=options.steps)
    known, device = _Vectors(vectors), matcher.turn.weight.device
    matcher.train()
    for step in range(options.steps):
        logits, lessons, owners = _draw(maker, words, options)
        queries = known([lesson.query for lesson in lessons])
        located = matcher(logits.to(device), queries.to(device), torch.tensor(owners, device=device))
        assert located.presence_logits is not None
        loss = match_loss(located.class_logits, located.presence_logits, lessons)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(matcher.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        on_step(step + 1, loss.item())


def match_loss(scores: Tensor, presence: Tensor, lessons: Sequence[Lesson]) -> Tensor:
    """Which frames, of what is there; and whether it is there. scores: [n, T] and presence: [n], logits."""
    there = torch.tensor([lesson.inside is not None for lesson in lessons]).float().to(scores.device)
    blank = torch.zeros(scores.shape[1])
    inside = torch.stack([blank if lesson.inside is None else lesson.inside for lesson in lessons]).to(scores.device)
    weight = torch.where(inside > 0, 1.0, _OUTSIDE)
    frames = F.binary_cross_entropy_with_logits(scores, inside, weight=weight, reduction="none").mean(dim=-1)
    return (frames * there).sum() / there.sum().clamp(min=1) + _PRESENCE * F.binary_cross_entropy_with_logits(
        presence, there
    )


def frames_of(events: Sequence[Event], frames: int) -> Tensor:
    """The frames of a video that show one of the events: [T], 1 or 0."""
    times = (torch.arange(frames) + 0.5) / frames
    inside = torch.zeros(frames)
    for event in events:
        inside[(event.start <= times) & (times <= event.end)] = 1.0
    return inside


def _draw(maker: TimelineMaker, words: Vocabulary, options: MatchTraining) -> tuple[Tensor, list[Lesson], list[int]]:
    """Logits of timelines [B, T, C], lessons about them, and the timeline of each."""
    logits: list[Tensor] = []
    lessons: list[Lesson] = []
    owners: list[int] = []
    while len(logits) < options.timelines:
        timeline = maker.draw()
        if not timeline.events:
            continue
        asked = [_present(timeline, maker, words) for _ in range(options.queries - options.absent)]
        asked += [_absent(timeline, maker, words) for _ in range(options.absent)]
        asked = [lesson for lesson in asked if lesson.inside is None or lesson.inside.any()]
        owners += [len(logits)] * len(asked)
        lessons += asked
        logits.append(_hide(maker.logits(timeline), timeline, maker, options.hidden))
    return torch.stack(logits), lessons, owners


def _present(timeline: DrawnTimeline, maker: TimelineMaker, words: Vocabulary) -> Lesson:
    """A query by a name of something that is shown, or by what kind of thing it is."""
    event = maker.choice.choice(timeline.events)
    kinds = words.kinds_of(event.index)
    if kinds and maker.choice.random() < _KIND:
        word = maker.choice.choice(kinds)
        meant = [other for other in timeline.events if other.index in words.kinds[word]]
    else:
        word, meant = maker.choice.choice(words.names[event.index]), [event]
    return Lesson(_worded(word, maker), frames_of(meant, len(timeline.directions)))


def _absent(timeline: DrawnTimeline, maker: TimelineMaker, words: Vocabulary) -> Lesson:
    """A query for something that is not shown."""
    shown = {event.index for event in timeline.events}
    while True:
        if maker.choice.random() < 0.3:
            word = maker.choice.choice(list(words.kinds))
            meant = words.kinds[word]
        else:
            index = maker.choice.randrange(len(words.names))
            word, meant = maker.choice.choice(words.names[index]), frozenset({index})
        if not meant & shown:
            return Lesson(_worded(word, maker), None)


def _worded(word: str, maker: TimelineMaker) -> str:
    return maker.choice.choice(PHRASINGS).format(word)


def _hide(logits: Tensor, timeline: DrawnTimeline, maker: TimelineMaker, share: float) -> Tensor:
    """Now and then the classifier does not know some of what is shown."""
    if maker.choice.random() < share:
        for event in timeline.events:
            if maker.choice.random() < 0.6:
                logits[:, event.index] = -torch.inf
    return logits


class _Vectors:
    """Vectors of queries, each read once."""

    def __init__(self, vectors: Callable[[Sequence[str]], Tensor]) -> None:
        self._vectors, self._known = vectors, dict[str, Tensor]()

    def __call__(self, queries: Sequence[str]) -> Tensor:
        new = sorted({query for query in queries if query not in self._known})
        if new:
            self._known |= zip(new, self._vectors(new), strict=True)
        return torch.stack([self._known[query] for query in queries])
