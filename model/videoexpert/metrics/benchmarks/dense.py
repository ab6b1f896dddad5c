"""Dense captions: ActivityNet Captions and YouCook2."""

from collections.abc import Mapping, Sequence

from videoexpert.errors import ResultsError
from videoexpert.jsonfile import Node
from videoexpert.metrics.benchmarks.reading import ends, entries, need, one_object, true_ends
from videoexpert.metrics.captions import Caption, Captions, Clip

HEADLINE = ("SODA_c", "CIDEr", "METEOR", "F1", "Precision", "Recall")

References = Sequence[Mapping[str, Captions]]


def read_references(paths: Sequence[str]) -> References:
    """The captions of each clip, for each file."""
    return [{clip: _reference(node) for clip, node in entries(one_object(path)).items()} for path in paths]


def _reference(node: Node) -> Captions:
    spans, sentences = need(node, "timestamps").items(), need(node, "sentences").items()
    if len(spans) != len(sentences):
        raise node.error(f'{len(spans)} "timestamps" for {len(sentences)} "sentences"')
    return tuple(Caption(true_ends(span), text.text()) for span, text in zip(spans, sentences, strict=True))


def read_predictions(node: Node) -> dict[str, Captions]:
    """The captions of `{"results": {clip: [{"sentence": ..., "timestamp": [start, end]}, ...]}}`."""
    return {
        clip: tuple(Caption(ends(need(item, "timestamp")), need(item, "sentence").text()) for item in listed.items())
        for clip, listed in entries(need(node, "results")).items()
    }


def clips_of(references: References, predictions: Mapping[str, Captions]) -> tuple[list[Clip], list[str]]:
    """Every clip of the references, and what is to be said about clips that only one side has."""
    names = list(dict.fromkeys(clip for file in references for clip in file))
    if not any(clip in predictions for clip in names) and predictions:
        raise ResultsError("the predictions hold no clip of the annotations", hint="are these two of one split?")
    clips = [Clip(name, tuple(file.get(name) for file in references), predictions.get(name)) for name in names]
    without = sum(clip.predicted is None for clip in clips)
    unknown = sum(name not in names for name in predictions)
    notes = [f"{without} of {len(clips)} clips have no prediction"] if without else []
    notes += [f"{unknown} predicted clips are not in the annotations and were ignored"] if unknown else []
    return clips, notes
