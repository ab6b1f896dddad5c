"""How well models find things in videos whose truth is known, beside answers that are trained for nothing.

    python -m benchmarks.quality --images DIR [--split dev|test|all] [--model NAME]... [--count N] [--seeds N]
    python -m benchmarks.quality --records FILE [--model NAME]...

With --images, videos are rendered from the photographs of the folder (see rendering.py) and asked about: class names,
other phrasings, kinds of things ("a dog"), names while the classifier does not know the class (hidden), things that are
not there; captions and choices of models. Numbers are means over the seeds with the half-width of their 95 % interval
(Student's t); a second table has the differences from ConSE on the same videos. With --records, the questions are those
of a file about real footage: JSON lines with video (a file beside it), duration, query, and relevant_windows in
seconds.

The classes are split in two: dev has those whose index is divisible by four, test the others. Whatever is chosen by
looking at videos is chosen on dev.

A caption counts for a segment where it overlaps it by half (tIoU) and says one of the names of its class
(models/nano/classes.txt) whole; "captions outright" are those that say no "or", "captions extra" those of a video that
name nothing in it. Recall, IoU and AUC are of the best moment, whatever its score;
what is kept and what is refused is meant at the model's own threshold; "calibration error" and the
table of scores are about every query, absent things among them, for which no moment is right.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import torch

from benchmarks.conse import Conse
from benchmarks.questions import Group, Question, questions
from benchmarks.rendering import photos, render_set
from benchmarks.scores import (
    area_under_curve,
    best_score,
    calibration_error,
    captions_told,
    is_right,
    reliability,
    share_from,
)
from videoexpert.data.records import Record
from videoexpert.evaluation import EvaluatedTask, answer_records, evaluate_timelines
from videoexpert.predictor import load_predictor
from videoexpert.timeline import Moment, Source, Span, Timeline

Split = Literal["dev", "test", "all"]

Answers = Callable[[str, Sequence[Record], EvaluatedTask], list[Timeline]]
"""Answers records about the video at a path."""

Pair = tuple[Record, Timeline]
"""The truth, and what was answered."""

Answered = dict[Group | Literal["hidden"], list[Pair]]

Row = dict[str, float]
"""Numbers by column."""

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""The 97.5 % quantile of Student's t for so many seeds."""

CONSE = "ConSE"
"""What models are compared with, video by video."""

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
    """A model that answers, as it does on a CPU without further options; it looks at each video once."""

    def __init__(self, name: str) -> None:
        self._predictor = load_predictor(name, device="cpu")
        self._path = ""

    def __call__(self, path: str, records: Sequence[Record], task: EvaluatedTask) -> list[Timeline]:
        if path != self._path:
            self._video, self._path = self._predictor.encode(path), path
        return answer_records(self._predictor, self._video, records, task)

    @property
    def forgets(self) -> bool:
        """Whether classes can be hidden from the model."""
        return self._predictor.finder.classifier is not None

    @property
    def threshold(self) -> float | None:
        """The score below which a query counts as not found; None where the model has none."""
        match = self._predictor.config.match
        return None if match is None else match.threshold

    @contextmanager
    def without(self, classes: Collection[int]) -> Iterator[None]:
        """Within the block the model's classifier does not know these classes."""
        assert self._predictor.finder.classifier is not None
        bias = self._predictor.finder.classifier.bias
        before = bias.detach().clone()
        with torch.no_grad():
            bias[sorted(classes)] = -torch.inf
            yield
            bias.copy_(before)


def score_set(answers: Answers, videos: Mapping[str, Sequence[Question]], *, rendered: bool, name: str) -> Answered:
    """The answers to the questions about each video. rendered: whether they are all that is known of it."""
    asked: Answered = {}
    model = rendered and isinstance(answers, Asked)
    for number, (path, about) in enumerate(videos.items(), start=1):
        for task, groups in _TASKS.items():
            if task != "ground" and not model:
                continue
            wanted = [question for question in about if question.group in groups]
            said = answers(path, [question.record for question in wanted], task)
            for question, timeline in zip(wanted, said, strict=True):
                asked.setdefault(question.group, []).append((question.record, timeline))
        if rendered and isinstance(answers, Asked | Conse) and answers.forgets:
            asked.setdefault("hidden", []).extend(_hidden(answers, path, about))
        print(f"{name}: {number} of {len(videos)} videos", file=sys.stderr, flush=True)
    return asked


def columns(asked: Answered, *, threshold: float | None) -> Row:
    """The numbers of a row. threshold: of the model's scores, None where it has none."""
    row: Row = {}
    for group in ("names", "paraphrases", "kinds", "hidden"):
        if group in asked:
            summary = _scores(asked[group], "ground")
            row |= {f"{group} {shown}": summary[name] / 100 for name, shown in _SHOWN.items()}
            if threshold is not None:
                row[f"{group} kept"] = share_from(_best(asked[group]), threshold)
    if "absent" in asked:
        row["absent AUC"] = area_under_curve(_best(asked["names"]), _best(asked["absent"]))
        if threshold is not None:
            row["absent refused"] = 1 - share_from(_best(asked["absent"]), threshold)
    if threshold is not None:
        row["calibration error"] = calibration_error(reliability(*_judged([asked])))
    if "captions" in asked:
        told = [captions_told(record.timeline, said) for record, said in asked["captions"]]
        row["captions"] = statistics.fmean(hit for video in told for hit in video.right)
        row["captions outright"] = statistics.fmean(hit for video in told for hit in video.outright)
        row["captions extra"] = statistics.fmean(video.extra for video in told)
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
    return [best_score(said) for _, said in pairs]


def _judged(answered: Sequence[Answered]) -> tuple[list[float], list[bool]]:
    """The best scores of all queries, and whether these moments are right."""
    pairs = [pair for asked in answered for group in _TASKS["ground"] for pair in asked.get(group, [])]
    return _best(pairs), [is_right(record.timeline, said) for record, said in pairs]


def print_table(rows: Mapping[str, Sequence[Row]]) -> None:
    """A line for each column, a column for each answerer: the mean over the seeds, and how far it is known."""
    width = max(map(len, rows)) + 8
    print(f"{'':<18}" + "".join(f"{name:>{width}}" for name in rows))
    for column in dict.fromkeys(column for row in rows.values() for seed in row for column in seed):
        cells = [_cell([seed[column] for seed in row if column in seed]) for row in rows.values()]
        print(f"{column:<18}" + "".join(f"{cell:>{width}}" for cell in cells))


def differences(rows: Mapping[str, Sequence[Row]], *, base: str) -> dict[str, list[Row]]:
    """How much better each other answerer does than `base`, seed by seed, in the columns that both have."""
    return {
        f"{name} - {base}": [
            {column: mine[column] - theirs[column] for column in mine if column in theirs}
            for mine, theirs in zip(rows[name], rows[base], strict=True)
        ]
        for name in rows
        if name != base
    }


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):.3f}"
    if len(values) not in STUDENT:
        return mean
    return f"{mean} ±{STUDENT[len(values)] * statistics.stdev(values) / len(values) ** 0.5:.3f}"


def print_reliability(name: str, answered: Sequence[Answered]) -> None:
    """What the scores of a model are worth: how many queries got such a score, and the share that is right."""
    print(f"\n{name}: {'score':>8}{'queries':>10}{'right':>8}")
    for each in reliability(*_judged(answered)):
        print(f"{'':<{len(name) + 2}}{each.score:>8.3f}{each.count:>10}{each.right:>8.3f}")


def rendered_questions(given: argparse.Namespace, folder: Path, seed: int) -> dict[str, list[Question]]:
    """The questions about each video of a rendered set, by its path."""
    classes = split_classes(given.split)
    videos = render_set(given.images, folder, count=given.count, seed=seed, classes=classes)
    known = photos(given.images, classes=classes)
    return {video.source.path: questions(video, known, seed=seed) for video in videos}


def split_classes(split: Split) -> range | list[int]:
    """The indices of the classes of a part of ImageNet."""
    return range(0, 1000, 4) if split == "dev" else [i for i in range(1000) if split == "all" or i % 4]


def real_questions(file: Path) -> dict[str, list[Question]]:
    """The questions about each video of a file about real footage, by the path of the video."""
    videos: dict[str, list[Question]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        known = json.loads(line)
        path = str(file.parent / known["video"])
        moments = tuple(Moment(Span(start, end)) for start, end in known["relevant_windows"])
        timeline = Timeline(Source(path, known["duration"]), "ground", query=known["query"], moments=moments)
        group: Group = "names" if moments else "absent"
        videos.setdefault(path, []).append(Question(group, Record(timeline, f"{file.name}:{number}")))
    return videos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, help="folder of photographs NNNN_name.jpg")
    source.add_argument("--records", type=Path, help="annotations of real footage")
    parser.add_argument("--model", action="append", default=[], help="a model's name or folder; repeatable")
    parser.add_argument("--count", type=int, default=20, help="videos of a seed (default 20)")
    parser.add_argument("--seeds", type=int, default=3, help="how many sets to render (default 3)")
    parser.add_argument("--split", choices=get_args(Split), default="all", help="the classes to show (default all)")
    given = parser.parse_args()
    answerers: dict[str, Answers] = {"whole video": whole_video, "random": random_span, CONSE: Conse()}
    answerers |= {Path(name).name: Asked(name) for name in given.model}
    answered: dict[str, list[Answered]] = {name: [] for name in answerers}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds if given.images else 1):
            videos = rendered_questions(given, Path(folder), seed) if given.images else real_questions(given.records)
            for name, answers in answerers.items():
                set_name = f"{name}, seed {seed}"
                answered[name].append(score_set(answers, videos, rendered=given.images is not None, name=set_name))
    thresholds = {name: answers.threshold for name, answers in answerers.items() if isinstance(answers, Asked)}
    rows = {name: [columns(asked, threshold=thresholds.get(name)) for asked in answered[name]] for name in answered}
    print_table(rows)
    if thresholds:
        print()
        print_table(differences({name: rows[name] for name in (CONSE, *thresholds)}, base=CONSE))
    for name, threshold in thresholds.items():
        if threshold is not None:
            print_reliability(name, answered[name])


if __name__ == "__main__":
    main()
