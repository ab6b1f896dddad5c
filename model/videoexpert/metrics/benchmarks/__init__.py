"""Official prediction files against official annotations, scored as the benchmark's own evaluator does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from videoexpert.errors import RequestError
from videoexpert.jsonfile import Node, read_nodes
from videoexpert.metrics.benchmarks import dense, nextgqa, qvhighlights, spanned, vtimellm
from videoexpert.metrics.benchmarks.reading import entries, one_object
from videoexpert.metrics.captions import Captions, caption_scores
from videoexpert.metrics.protocols import (
    AnswerProtocol,
    CaptionProtocol,
    Protocol,
    RankedProtocol,
    SpanProtocol,
    parse_protocol,
)
from videoexpert.metrics.scores import Scores

if TYPE_CHECKING:
    from videoexpert.metrics.java import Texts

Benchmark = Literal["qvhighlights", "charades-sta", "activitynet", "youcook2", "nextgqa"]
BENCHMARKS: tuple[Benchmark, ...] = get_args(Benchmark)

FileTask = Literal["ground", "caption"]
"""What predictions for a benchmark with several tasks are about."""

ACTIVITYNET_SPANS = SpanProtocol(union="min", epsilon="1e-8")


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores, and the conventions they were computed by where there is a choice.

    headline: the metrics that papers quote, in their order.
    """

    scores: Scores
    protocol: Protocol | None
    headline: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesToScore:
    """What is to be scored. options: `NAME=VALUE` of the protocol; texts: what reads the words of captions, or None."""

    benchmark: Benchmark
    predictions: tuple[str, ...]
    annotations: tuple[str, ...]
    options: tuple[str, ...] = ()
    task: FileTask | None = None
    texts: "Texts | None" = None

    def score(self) -> Scored:
        """Raises ResultsError with `file:line` for a file that is wrong, RequestError for files or options that do not
        belong to the benchmark."""
        if self.benchmark == "qvhighlights":
            return self._qvhighlights()
        if self.benchmark == "charades-sta":
            return self._charades()
        if self.benchmark == "nextgqa":
            return self._nextgqa()
        return self._clips()

    @property
    def about_captions(self) -> bool:
        """Whether captions are to be scored, which takes something that reads words."""
        if self.benchmark not in ("activitynet", "youcook2"):
            return False
        return self._what(read_nodes(self._one(self.predictions, "predictions"))) == "caption"

    def _qvhighlights(self) -> Scored:
        protocol = parse_protocol(self.options, RankedProtocol())
        predictions = self._one(self.predictions, "predictions")
        scores = qvhighlights.score(predictions, self._one(self.annotations, "annotations"), protocol)
        return Scored(scores, protocol, qvhighlights.HEADLINE)

    def _charades(self) -> Scored:
        protocol = parse_protocol(self.options, SpanProtocol())
        tables = [path for path in self.annotations if path.lower().endswith(".csv")]
        rows = self._one([path for path in self.annotations if path not in tables], "annotations, beside a CSV")
        sentences = spanned.read_charades(rows, self._one(tables, "CSV with durations") if tables else None)
        predictions = self._one(self.predictions, "predictions")
        answers = spanned.read_charades_answers(predictions, len(sentences))
        return Scored(spanned.span_scores(sentences, answers, protocol), protocol, spanned.HEADLINE)

    def _nextgqa(self) -> Scored:
        protocol = parse_protocol(self.options, AnswerProtocol())
        tables = [path for path in self.annotations if path.lower().endswith(".csv")]
        segments = self._one([path for path in self.annotations if path not in tables], "annotations, beside a CSV")
        questions = self._one(tables, "CSV with questions") if tables else None
        spans, answers = nextgqa.tell_apart([one_object(path) for path in self.predictions])
        scores = nextgqa.score(spans, answers, segments, questions, protocol)
        return Scored(scores, protocol, nextgqa.HEADLINE)

    def _clips(self) -> Scored:
        nodes = read_nodes(self._one(self.predictions, "predictions"))
        if self._what(nodes) == "caption":
            return self._captions(nodes)
        annotations = self._one(self.annotations, "annotations")
        if vtimellm.is_log(nodes):
            protocol = parse_protocol(self.options, vtimellm.SPANS)
            sentences, answers = vtimellm.read_grounding(nodes, annotations)
        else:
            protocol = parse_protocol(self.options, ACTIVITYNET_SPANS)
            sentences = spanned.read_sentences(annotations)
            answers = spanned.read_sentence_answers(nodes[0], sentences)
        return Scored(spanned.span_scores(sentences, answers, protocol), protocol, spanned.HEADLINE)

    def _captions(self, nodes: Sequence[Node]) -> Scored:
        defaults, predicted = self._predicted_captions(nodes)
        protocol = parse_protocol(self.options, defaults)
        clips, notes = dense.clips_of(dense.read_references(self.annotations), predicted)
        scores = caption_scores(clips, protocol, self.texts)
        return Scored(replace(scores, notes=tuple(notes)), protocol, dense.HEADLINE)

    def _predicted_captions(self, nodes: Sequence[Node]) -> tuple[CaptionProtocol, dict[str, Captions]]:
        if vtimellm.is_log(nodes):
            return vtimellm.CAPTIONS, vtimellm.read_captions(nodes, self.annotations[0])
        return CaptionProtocol(), dense.read_predictions(nodes[0])

    def _what(self, nodes: Sequence[Node]) -> FileTask:
        """Whether the predictions are spans or captions: what was said, or else what they look like."""
        if self.task is not None:
            return self.task
        if self.benchmark == "youcook2":
            return "caption"
        if vtimellm.is_log(nodes):
            tasks = {"caption" if node.value["task"] == "captioning" else "ground" for node in nodes}
            if len(tasks) > 1:
                raise RequestError(
                    f"{self.predictions[0]}: holds both spans and captions", hint="add --task ground or --task caption"
                )
            return "caption" if "caption" in tasks else "ground"
        results = nodes[0].member("results")
        if results is None:
            raise nodes[0].error('no "results"')
        return "ground" if any(isinstance(entry.value, dict) for entry in entries(results).values()) else "caption"

    def _one(self, paths: Sequence[str], what: str) -> str:
        if len(paths) != 1:
            raise RequestError(f"{self.benchmark} takes one file of {what}, not {len(paths)}")
        return paths[0]
