"""The expected numbers of dense captions and of words, for `conformance_metrics.py`."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from videoexpert.metrics.benchmarks import FileTask
from videoexpert.metrics.cider import cider
from videoexpert.metrics.java import Texts
from videoexpert.metrics.meteor import meteor

Metrics = Mapping[str, float]
TIOUS = ("@0.3", "@0.5", "@0.7", "@0.9")
TIMECHAT = ("f1=clips", "soda-missing=zero", "order=listed", "reversed=swap", "letters=all")
SODA = {"ref1": "", "ref2": "", "refs_merged_default": "references=merged", "multi_reference": "references=best"}
_TIMECHAT_NAMES = {"CIDER": "CIDEr", "Precision_Mean": "Precision", "Recall_Mean": "Recall", "F1_Score": "F1"}
_NOT_SCORED = ("Bleu", "ROUGE", "Rouge")


@dataclass(frozen=True)
class Case:
    """One number beside the one that was expected, or a text beside a text. note: why it is only shown."""

    name: str
    got: float | str | None
    expected: float | str
    tolerance: float = 0.0
    note: str = ""

    @property
    def good(self) -> bool:
        if self.note:
            return True
        if isinstance(self.got, str) or isinstance(self.expected, str):
            return self.got == self.expected
        return self.got is not None and abs(self.got - self.expected) <= self.tolerance


Score = Callable[..., Metrics | str]
"""Metrics of (options...), or the message of the error."""


def compared(name: str, got: Metrics | str, expected: Metrics, tolerance: float) -> Iterator[Case]:
    """Every expected metric; all are missed where there was an error instead."""
    for metric, value in expected.items():
        found = got if isinstance(got, str) else got.get(metric)
        yield Case(f"{name} {metric}", found, value, tolerance)


def failed(name: str, got: Metrics | str, error: str) -> Case:
    """The official code failed: whatever is done here is a policy of its own, unless the program breaks."""
    own = got if isinstance(got, str) else "scored"
    return Case(name, own, f"official: {error}", note="the official code fails")


def dense_cases(name: str, expected: Mapping[str, Any], score: Score) -> Iterator[Case]:
    """Each evaluator of dense captions, under the options that stand for it."""
    for evaluator, numbers in expected.items():
        if not isinstance(numbers, dict):
            continue
        label = f"{name} {evaluator.split('@')[0].split('/')[0]}"
        if "error" in numbers:
            yield failed(label, score(), numbers["error"])
        elif evaluator.startswith("densevid"):
            old = "abc123" in evaluator
            wanted = {
                metric + ("" if at == "avg" else at): values[at]
                for metric, values in numbers.items()
                if not metric.startswith(_NOT_SCORED)
                for at in (*TIOUS, "avg")
            }
            yield from compared(label + (" old garbage" if old else ""), score(*["garbage=abc123"][:old]), wanted, 1e-6)
        elif evaluator.startswith("VidChapters"):
            wanted = {metric: value for metric, value in numbers.items() if not metric.startswith(_NOT_SCORED)}
            yield from compared(label, score("missing=drop"), wanted, 1e-6)
        elif evaluator.startswith("TimeChat"):
            yield from _timechat(label, numbers, score(*TIMECHAT))
        else:
            yield from _soda(label, numbers, score)


def _timechat(label: str, numbers: Mapping[str, Any], got: Metrics | str) -> Iterator[Case]:
    files = not isinstance(got, str) and "SODA_c/1" in got
    names = _TIMECHAT_NAMES | {"SODA_c_1": "SODA_c/1" if files else "SODA_c", "SODA_c_2": "SODA_c/2"}
    wanted = {
        names.get(metric, metric): value
        for metric, value in numbers.items()
        if value is not None and metric != "n_preds" and not metric.endswith("n_videos")
    }
    for metric, value in wanted.items():
        for case in compared(label, got, {metric: value}, 1e-6):
            yield replace(case, note="a port of SODA_c that is not rebuilt") if "SODA" in metric else case


def _soda(label: str, numbers: Mapping[str, Any], score: Score) -> Iterator[Case]:
    for part, kinds in numbers.items():
        got = score(*filter(None, [SODA[part]]))
        value = kinds["c"]["f1"]
        if value == "nan":
            yield failed(f"{label} {part}", got, "nan")
            continue
        metric = f"SODA_c/{part[-1]}" if not isinstance(got, str) and f"SODA_c/{part[-1]}" in got else "SODA_c"
        yield from compared(f"{label} {part}", got, {metric: value}, 1e-6)


def vtimellm_cases(
    name: str, expected: Mapping[str, Any], score: Callable[[FileTask], Metrics | str]
) -> Iterator[Case]:
    """A log of VTimeLLM holds two tasks. score: the metrics of one."""
    wanted = {{"soda_c": "SODA_c"}.get(metric, metric): value for metric, value in expected["captioning"].items()}
    yield from compared(f"{name} captioning", score("caption"), wanted, 1e-6)
    yield from compared(f"{name} grounding", score("ground"), expected["grounding"], 1e-6)


def text_cases(name: str, files: Sequence[Path], texts: Texts) -> Iterator[Case]:
    """Tokens, METEOR of pairs and of groups, CIDEr of groups."""
    pairs, groups, tokens = files
    rows = _lines(tokens)
    texts.read([row["text"] for row in rows])
    for number, row in enumerate(rows, 1):
        yield Case(f"{name} tokens {number}", texts.tokens(row["text"]), row["tokens"])
    for number, row in enumerate(_lines(pairs), 1):
        said, true = row["hyp"], row["ref"]
        yield Case(f"{name} meteor {number}", meteor(texts.counts(said, true)[None]), row["meteor"], 1e-9)
        swapped = meteor(texts.counts(true, said)[None])
        yield Case(f"{name} meteor swapped {number}", swapped, row["meteor_swapped"], 1e-9)
        counts = [float(count) for count in row["jar_stats"].split()]
        yield Case(f"{name} counts {number}", str(texts.counts(said, true).tolist()), str(counts))
    for number, group in enumerate(json.loads(groups.read_text()), 1):
        said, truths = group["hyps"], group["refs"]
        scores = cider(list(zip(said, truths, strict=True)))
        counted = np.stack([texts.counts(one, *others) for one, others in zip(said, truths, strict=True)])
        yield Case(f"{name} group {number} cider", sum(scores) / len(scores), group["cider"], 1e-9)
        yield Case(f"{name} group {number} meteor", meteor(counted), group["meteor_aggregate"], 1e-9)
        for index, row in enumerate(counted):
            yield Case(f"{name} group {number} cider {index}", scores[index], group["cider_each"][index], 1e-9)
            yield Case(f"{name} group {number} meteor {index}", meteor(row[None]), group["meteor_each"][index], 1e-9)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
