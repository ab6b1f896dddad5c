"""ActivityNet Captions and YouCook2: one JSON object, in which each video has timestamps and a sentence for each."""

from collections.abc import Iterator

from videoexpert.data.readers.base import Reading, optional, pair, required
from videoexpert.data.records import Record
from videoexpert.jsonfile import Node
from videoexpert.timeline import Moment, Timeline


def read_captions(reading: Reading) -> Iterator[Record]:
    """One record for each video, its sentences in time order. A sentence that is wrong is left out by itself."""
    return reading.json_parts(lambda part: _record(reading, *part))


def _record(reading: Reading, name: str, node: Node) -> Record:
    where = node.where
    stated = optional(node, "duration")
    times, sentences = required(node, "timestamps"), required(node, "sentences")
    if len(times.items()) != len(sentences.items()):
        counts = f"{len(times.items())} timestamps but {len(sentences.items())} sentences"
        raise node.error(f"there are {counts}")
    source = reading.source(name, where, duration=None if stated is None else stated.number())

    def moment(pair_and_words: tuple[Node, Node]) -> Moment:
        window, words = pair_and_words
        text = reading.words(words.text(), where=words, what=words.name)
        return Moment(reading.span(*pair(window), duration=source.duration, where=window), text=text)

    events = zip(times.items(), sentences.items(), strict=True)
    found = [reading.attempt(moment, event, label=name) for event in events]
    moments = sorted((moment for moment in found if moment is not None), key=lambda moment: moment.span)
    if found and not moments:
        raise node.error("none of its sentences can be used")
    return Record(Timeline(source, "caption", moments=tuple(moments), id=name), where)
