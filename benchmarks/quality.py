"""How well models find things in videos whose truth is known, beside answers that are trained for nothing.

    python -m benchmarks.quality --images DIR [--model NAME]... [--count N] [--seeds N] [--classes FILE]
    python -m benchmarks.quality --records FILE [--model NAME]...

With --images, videos are rendered from the photographs of the folder (see rendering.py) and asked about: class names,
other phrasings, kinds of things ("a dog"), names while the classifier does not know the class (hidden), things that are
not there; captions and choices of models. Numbers are means over the seeds with the half-width of their 95 % interval.
With --records, the questions are those of a file about real footage: JSON lines with video (a file beside it),
duration, query, and relevant_windows in seconds.
"""

import argparse
import json
import random
import statistics
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from benchmarks.conse import Conse
from benchmarks.questions import Group, Question, questions
from benchmarks.rendering import Rendered, photos, render_set
from videoexpert.checkpoint import load_model, load_sentences, load_tokenizer, load_vision
from videoexpert.data.records import Record
from videoexpert.evaluation import EvaluatedTask, answer_records, evaluate_timelines
from videoexpert.hub import find_model
from videoexpert.predictor import Predictor
from videoexpert.timeline import Moment, Source, Span, Timeline

Answers = Callable[[str, Sequence[Record], EvaluatedTask], list[Timeline]]
"""Answers records about the video at a path."""

Pair = tuple[Record, Timeline]
"""The truth, and what was answered."""

Row = dict[str, float]
"""Numbers by column."""

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""The 97.5 % quantile of Student's t for so many seeds."""

_SHOWN = {"R1@0.3": "R@.3", "R1@0.5": "R@.5", "R1@0.7": "R@.7", "mIoU": "mIoU"}


_TASKS: dict[EvaluatedTask, tuple[Group, ...]] = {
    "ground": ("names", "paraphrases", "kinds", "absent"),
    "caption": ("captions",),
    "ask": ("choices",),
}


def whole_video(path: str, records: Sequence[Record], task: EvaluatedTask) -> list[Timeline]:
    """Everything, always."""
    return [_span(record, 0.0, 1.0) for record in records]


def random_span(path: str, records: Sequence[Record], task: EvaluatedTask) -> list[Timeline]:
    """Any two ends, the same ones each time."""
    drawn = (sorted(random.Random(record.origin).sample(range(1, 1000), 2)) for record in records)
    return [_span(record, low / 1000, high / 1000) for record, (low, high) in zip(records, drawn, strict=True)]


def _span(record: Record, low: float, high: float) -> Timeline:
    video = record.timeline.video
    score = random.Random(f"score {record.origin}").random()
    moment = Moment(Span(low * video.duration, high * video.duration), score)
    return Timeline(video, "ground", query=record.timeline.query, moments=(moment,))


class Asked:
    """A model that answers; it looks at each video once."""

    def __init__(self, name: str) -> None:
        folder, cpu = find_model(name), torch.device("cpu")
        self._model = load_model(folder, device=cpu, dtype=torch.float32)
        tower = load_vision(folder, device=cpu, dtype=torch.float32)
        tokenizer = load_tokenizer(folder, loc_id=self._model.config.loc_id)
        self._predictor = Predictor(self._model, tower, tokenizer, name=name, sentences=load_sentences(folder))
        self._path = ""

    def __call__(self, path: str, records: Sequence[Record], task: EvaluatedTask) -> list[Timeline]:
        if path != self._path:
            self._video, self._path = self._predictor.encode(path), path
        return answer_records(self._predictor, self._video, records, task)

    @property
    def forgets(self) -> bool:
        """Whether classes can be hidden from the model."""
        return self._model.classifier is not None

    @contextmanager
    def without(self, classes: Collection[int]) -> Iterator[None]:
        """Within the block the model's classifier does not know these classes."""
        assert self._model.classifier is not None
        bias = self._model.classifier.bias
        before = bias.detach().clone()
        with torch.no_grad():
            bias[sorted(classes)] = -torch.inf
            yield
            bias.copy_(before)


def area_under_curve(there: Sequence[float], absent: Sequence[float]) -> float:
    """How often something that is there has a higher score than something that is not; ties count half."""
    first, second = np.array(there)[:, None], np.array(absent)[None, :]
    return float((first > second).mean() + (first == second).mean() / 2)


def caption_hits(truth: Timeline, told: Timeline) -> list[bool]:
    """For each segment: whether a caption overlaps it by half (tIoU) and names its class, by a word of its name."""
    return [
        any(
            moment.span.iou(segment.span) >= 0.5 and _names(moment.text or "", segment.text or "")
            for moment in told.moments
        )
        for segment in truth.moments
    ]


def _names(text: str, name: str) -> bool:
    said = text.lower()
    return name.lower() in said or name.lower().split()[-1] in said.replace(".", " ").split()


def score_set(answers: Answers, videos: Mapping[str, Sequence[Question]], *, rendered: bool) -> Row:
    """The columns of a row for the questions about each video. rendered: whether they are all that is known of it."""
    asked: dict[Group | Literal["hidden"], list[Pair]] = {}
    model = rendered and isinstance(answers, Asked)
    for path, about in videos.items():
        for task, groups in _TASKS.items():
            if task != "ground" and not model:
                continue
            wanted = [question for question in about if question.group in groups]
            said = answers(path, [question.record for question in wanted], task)
            for question, timeline in zip(wanted, said, strict=True):
                asked.setdefault(question.group, []).append((question.record, timeline))
        if rendered and isinstance(answers, Asked | Conse) and answers.forgets:
            asked.setdefault("hidden", []).extend(_hidden(answers, path, about))
    row: Row = {}
    for group in ("names", "paraphrases", "kinds", "hidden"):
        if group in asked:
            summary = _scores(asked[group], "ground")
            row |= {f"{group} {shown}": summary[name] / 100 for name, shown in _SHOWN.items()}
    if "absent" in asked:
        row["absent AUC"] = area_under_curve(_best(asked["names"]), _best(asked["absent"]))
    if "captions" in asked:
        hits = [hit for record, told in asked["captions"] for hit in caption_hits(record.timeline, told)]
        row["captions"] = statistics.fmean(hits)
    if "choices" in asked:
        row["choices"] = _scores(asked["choices"], "ask")["Acc@QA"] / 100
    return row


def _hidden(answers: "Asked | Conse", path: str, about: Sequence[Question]) -> Iterator[Pair]:
    """The questions by name, each asked while the classifier does not know its class."""
    for question in about:
        if question.group == "names":
            with answers.without(question.classes):
                (said,) = answers(path, [question.record], "ground")
            yield question.record, said


def _scores(pairs: Sequence[Pair], task: EvaluatedTask) -> dict[str, float]:
    return evaluate_timelines([record for record, _ in pairs], [said for _, said in pairs], task).summary()


def _best(pairs: Sequence[Pair]) -> list[float]:
    return [max((moment.score or 0.0 for moment in said.moments), default=0.0) for _, said in pairs]


def print_table(rows: Mapping[str, Sequence[Row]]) -> None:
    """A line for each column, a column for each answerer: the mean over the seeds, and how far it is known."""
    width = max(map(len, rows)) + 8
    print(f"{'':<18}" + "".join(f"{name:>{width}}" for name in rows))
    for column in dict.fromkeys(column for row in rows.values() for seed in row for column in seed):
        cells = [_cell([seed[column] for seed in row if column in seed]) for row in rows.values()]
        print(f"{column:<18}" + "".join(f"{cell:>{width}}" for cell in cells))


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):.3f}"
    if len(values) not in STUDENT:
        return mean
    return f"{mean} ±{STUDENT[len(values)] * statistics.stdev(values) / len(values) ** 0.5:.3f}"


def rendered_questions(given: argparse.Namespace, folder: Path, seed: int) -> dict[str, list[Question]]:
    """The questions about each video of a rendered set, by its path."""
    classes = [int(line) for line in given.classes.read_text().split()] if given.classes else None
    videos: list[Rendered] = render_set(given.images, folder, count=given.count, seed=seed, classes=classes)
    known = photos(given.images)
    return {video.source.path: questions(video, known, seed=seed) for video in videos}


def real_questions(file: Path) -> dict[str, list[Question]]:
    """The questions about each video of a file about real footage, by the path of the video."""
    videos: dict[str, list[Question]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        known = json.loads(line)
        path = str(file.parent / known["video"])
        moments = tuple(Moment(Span(start, end)) for start, end in known["relevant_windows"])
        timeline = Timeline(Source(path, known["duration"]), "ground", query=known["query"], moments=moments)
        videos.setdefault(path, []).append(Question("names", Record(timeline, f"{file.name}:{number}")))
    return videos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, help="folder of photographs NNNN_name.jpg")
    source.add_argument("--records", type=Path, help="annotations of real footage")
    parser.add_argument("--model", action="append", default=[], help="a model's name or folder; repeatable")
    parser.add_argument("--count", type=int, default=20, help="videos of a seed (default 20)")
    parser.add_argument("--seeds", type=int, default=3, help="how many sets to render (default 3)")
    parser.add_argument("--classes", type=Path, help="indices of the classes to show, one a line; all without it")
    given = parser.parse_args()
    answerers: dict[str, Answers] = {"whole video": whole_video, "random": random_span, "ConSE": Conse()}
    answerers |= {Path(name).name: Asked(name) for name in given.model}
    rows: dict[str, list[Row]] = {name: [] for name in answerers}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds if given.images else 1):
            videos = rendered_questions(given, Path(folder), seed) if given.images else real_questions(given.records)
            for name, answers in answerers.items():
                rows[name].append(score_set(answers, videos, rendered=given.images is not None))
    print_table(rows)


if __name__ == "__main__":
    main()
