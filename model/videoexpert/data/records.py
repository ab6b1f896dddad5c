"""What training learns from and evaluation compares with: one annotated question about one video.

A record is a `vex.results/1` timeline that holds the truth. What no timeline can say, a conversation in several turns,
stands beside it.
"""

from dataclasses import dataclass, replace
from typing import Literal

from videoexpert.config import LOC
from videoexpert.prompts import Turn
from videoexpert.timeline import Moment, Timeline

Lesson = Literal["ground", "highlights", "caption", "ask", "dialogue"]
"""What can be learnt from a record."""


@dataclass(frozen=True, slots=True)
class Record:
    """The truth about one question.

    timeline: its moments are all true ones, and its answer the right one. origin: `file:line`, for messages.
    turns: a conversation instead of a query; each of its `[LOC]`s means the timeline's next moment.
    """

    timeline: Timeline
    origin: str
    turns: tuple[Turn, ...] = ()

    def __post_init__(self) -> None:
        locs = sum((turn.answer or "").count(LOC) for turn in self.turns)
        if self.turns and locs != len(self.timeline.moments):
            raise ValueError(f"{self.origin}: {locs} {LOC} for {len(self.timeline.moments)} moments")

    @property
    def lesson(self) -> Lesson:
        """What it teaches; a timeline that a person made says it by what it holds."""
        timeline = self.timeline
        if self.turns:
            return "dialogue"
        if timeline.task != "annotation":
            return timeline.task
        if timeline.answer is not None:
            return "ask"
        return "ground" if timeline.query is not None else "caption"


def queries_of(record: Record) -> tuple[Record, ...]:
    """The sentences of a record that describes a video, each as the query that it answers; other records as they are.

    So ActivityNet Captions is learnt and measured as grounding. Ids count the sentences: `v_1`, sentence 0 is `v_1_0`.
    """
    timeline = record.timeline
    if record.lesson != "caption":
        return (record,)
    return tuple(
        replace(
            record,
            timeline=replace(
                timeline,
                task="ground",
                query=moment.text,
                moments=(Moment(moment.span),),
                id=None if timeline.id is None else f"{timeline.id}_{index}",
            ),
        )
        for index, moment in enumerate(timeline.moments)
    )
