"""What is asked about rendered videos: class names, kinds of things, other phrasings, and things that are not there."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from benchmarks.rendering import Photo, Rendered
from videoexpert.data.records import Record
from videoexpert.models.nano.words import read_vocabulary, with_article
from videoexpert.timeline import Answer, Moment, Span, Timeline

Group = Literal["names", "paraphrases", "kinds", "absent", "captions", "choices"]
"""Sorts of questions, each with a score of its own."""

PARAPHRASES = (
    "the part where you can see {}",
    "{} comes into view",
    "show me {}",
    "at which point is there {}?",
    "footage of {}",
    "the scene with {} in it",
)
"""Ways to ask for a thing. A model that is scored must not have been trained on them."""

CHOICE = "Which of these can be seen in the video?"
CHOICES = 4


@dataclass(frozen=True, slots=True)
class Kind:
    """Classes that one everyday word means. near: classes that some people would call so too: then it is not asked."""

    word: str
    classes: frozenset[int]
    near: frozenset[int] = frozenset()


def _kind(word: str, *classes: int | range, near: Sequence[int] = ()) -> Kind:
    each = (range(entry, entry + 1) if isinstance(entry, int) else entry for entry in classes)
    return Kind(word, frozenset(index for part in each for index in part), frozenset(near))


_BIRDS = (range(7, 25), range(80, 101), range(127, 147))
_FISH = (range(7), range(389, 398))
_INSTRUMENTS = (401, 402, 420, 432, 486, 513, 541, 546, 558, 566, 577, 579, 593, 594, 641, 642, 683, 684, 687, 699, 776)

KINDS = (
    _kind("a dog", range(151, 269), near=range(269, 281)),
    _kind("a cat", range(281, 286), near=range(286, 294)),
    _kind("a big cat", range(286, 294), near=range(281, 286)),
    _kind("a bear", range(294, 298), near=[387, 388]),
    _kind("a bird", *_BIRDS),
    _kind("a fish", *_FISH, near=range(147, 151)),
    _kind("a snake", range(52, 69)),
    _kind("a lizard", range(38, 49), near=[*range(25, 30), 49, 50, 51]),
    _kind("a turtle", range(33, 38)),
    _kind("a frog", range(30, 33)),
    _kind("a spider", range(72, 78), near=[70, 71, 78, 815]),
    _kind("an insect", range(300, 327), near=range(69, 80)),
    _kind("a butterfly", range(321, 327)),
    _kind("a crab", range(118, 122), near=[124, 125]),
    _kind("a monkey", range(370, 383), near=[*range(365, 370), 383, 384]),
    _kind("a rodent", 333, 335, 336, 337, 338, near=range(330, 333)),
    _kind("a boat", 472, 484, 554, 576, 625, 780, 814, 871, 914, near=[403, 449, 510, 628, 724, 833, 913, 536]),
    _kind("a car", 436, 468, 511, 609, 627, 656, 661, 717, 751, 817, near=[407, 475, 479, 581, 705, 734, 864]),
    _kind("a truck", 555, 569, 675, 717, 864, 867, near=[407, 656, 734, 847]),
    _kind("a train", 466, 547, 565, 705, 820, near=[829]),
    _kind("a musical instrument", *_INSTRUMENTS, 822, 875, 881, 889, near=[494, 819]),
    _kind("a fruit", range(948, 958), near=[*range(936, 947), 988, 989, 990, 998]),
    _kind("a vegetable", range(936, 947), near=[*range(948, 958), 987, 998, 947]),
    _kind("a mushroom", 947, range(991, 998)),
    _kind("a hat", 439, 452, 515, 667, 808, near=[433, 560, 518, 793]),
    _kind("a chair", 423, 559, 765, 857, near=[703, 831, 861]),
    _kind("a bottle", 440, 737, 898, 907, near=[438, 653, 711, 712, 720, 804, 901]),
    _kind("a clock", 409, 530, 892, near=[531, 604, 635, 704, 826, 835]),
    _kind("a telephone", 487, 528, 707),
    _kind("a computer", 527, 590, 620, 681, near=[508, 664, 673, 782, 851, 878]),
    _kind("a ball", 429, 430, 522, 574, 722, 768, 805, 852, 890, near=[417, 747, 981, 416]),
    _kind("a bridge", 821, 839, 888, near=[718, 460]),
    _kind("a shoe", 502, 514, 630, 770, 774, near=[806]),
)
"""Everyday words and the ImageNet classes that they mean."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a video, and the truth. classes: those that it asks for by name."""

    group: Group
    record: Record
    classes: frozenset[int] = frozenset()


def questions(video: Rendered, known: Sequence[Photo], *, seed: int) -> list[Question]:
    """All questions about a video. known: photographs of the classes that may be asked for although they are absent."""
    draw = random.Random(f"questions/{seed}/{video.id}")
    names = {segment.index: segment.name for segment in video.segments}
    absent = draw.sample(_strangers(video, known), len(names))
    made: list[tuple[Group, Timeline, frozenset[int]]] = []
    for index, name in names.items():
        spans = _spans(video, {index})
        paraphrase = draw.choice(PARAPHRASES).format(with_article(name))
        made.append(("names", _asked(video, with_article(name), spans), frozenset({index})))
        made.append(("paraphrases", _asked(video, paraphrase, spans), frozenset({index})))
    made += [("kinds", _asked(video, word, spans), frozenset()) for word, spans in _kinds(video)]
    made += [("absent", _asked(video, with_article(photo.name), []), frozenset({photo.index})) for photo in absent]
    made.append(("captions", _captions(video), frozenset()))
    made.append(("choices", _choice(video, [photo.name for photo in absent], draw), frozenset()))
    return [
        Question(group, Record(timeline, f"{video.id}:{number}"), classes)
        for number, (group, timeline, classes) in enumerate(made, start=1)
    ]


def _asked(video: Rendered, query: str, spans: Sequence[Span]) -> Timeline:
    return Timeline(video.source, "ground", query=query, moments=tuple(map(Moment, spans)))


def _captions(video: Rendered) -> Timeline:
    """Of each segment every name of its class, with commas between."""
    names = read_vocabulary().names
    told = tuple(
        Moment(segment.span, text=", ".join(dict.fromkeys((segment.name, *names[segment.index]))))
        for segment in video.segments
    )
    return Timeline(video.source, "caption", moments=told)


def _choice(video: Rendered, absent: Sequence[str], draw: random.Random) -> Timeline:
    """Which of some things is in the video? One of them is."""
    right = draw.choice(video.segments)
    options = [*draw.sample(sorted(set(absent)), min(CHOICES - 1, len(set(absent)))), right.name]
    draw.shuffle(options)
    answer = Answer(right.name, "ABCD"[options.index(right.name)], tuple(options))
    return Timeline(video.source, "ask", query=CHOICE, moments=(Moment(right.span),), answer=answer)


def _kinds(video: Rendered) -> Iterator[tuple[str, list[Span]]]:
    shown = {segment.index for segment in video.segments}
    for kind in KINDS:
        if shown & kind.classes and not shown & kind.near - kind.classes:
            yield kind.word, _spans(video, kind.classes)


def _spans(video: Rendered, classes: frozenset[int] | set[int]) -> list[Span]:
    """When one of the classes is shown; segments that follow each other are one."""
    runs = groupby(video.segments, key=lambda segment: segment.index in classes)
    kept = [list(run) for wanted, run in runs if wanted]
    return [Span(run[0].span.start, run[-1].span.end) for run in kept]


def _strangers(video: Rendered, known: Sequence[Photo]) -> list[Photo]:
    """Photographs of classes that are not in the video, nor of a kind with one that is."""
    shown = {segment.index for segment in video.segments}
    related = set(shown)
    for kind in KINDS:
        every = kind.classes | kind.near
        if shown & every:
            related |= every
    return [photo for photo in known if photo.index not in related]
