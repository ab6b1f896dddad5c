"""Compare the metrics with the official evaluators' numbers: `python tests/conformance_metrics.py DIR`.

DIR: a folder with a manifest.json and the files that it names. Every set goes through the code of `vex evaluate`, or,
with --program, through `vex evaluate` itself. Prints each metric beside the expected one; exits 1 where one is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from conformance_captions import Case, Metrics, compared, dense_cases, failed, text_cases, vtimellm_cases

from videoexpert.errors import VideoExpertError
from videoexpert.metrics.benchmarks import Benchmark, FilesToScore, FileTask, vtimellm
from videoexpert.metrics.benchmarks.spanned import span_overlap
from videoexpert.metrics.java import Texts
from videoexpert.metrics.protocols import SpanProtocol

PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "metrics"

CLIPPED = "truth=clipped"
SPAN_EVALUATORS = {
    "VSLNet": (),
    "TimeChat": (),
    "TALL": (),
    "ETBench_float32": ("union=true", "numbers=float32"),
    "2D-TAN_strict_greater": ("threshold=gt",),
    "DisTime_anet_eval_utils": ("union=min", "epsilon=1e-8"),
    "VSLNet_raw": ("union=hull", "epsilon=0"),
    "VSLNet_clipped": ("union=hull", "epsilon=0", CLIPPED),
}
PAIR_EVALUATORS = {
    "VSLNet": SpanProtocol(),
    "TimeChat": SpanProtocol(),
    "TALL": SpanProtocol(disjoint="negative"),
    "2D-TAN": SpanProtocol(),
    "nncore_float32": SpanProtocol(union="true", numbers="float32"),
    "DisTime_anet": SpanProtocol(union="min", epsilon="1e-8"),
}


@dataclass(frozen=True)
class Scorer:
    """The way from files to metrics. program: by running `vex evaluate`."""

    texts: Texts
    program: bool

    def score(
        self,
        benchmark: Benchmark,
        predictions: Sequence[Path],
        annotations: Sequence[Path],
        *options: str,
        task: FileTask | None = None,
    ) -> Metrics | str:
        """The metrics, or the message of the error."""
        if self.program:
            return self._run(benchmark, predictions, annotations, options, task)
        files = FilesToScore(
            benchmark=benchmark,
            predictions=tuple(map(str, predictions)),
            annotations=tuple(map(str, annotations)),
            options=options,
            task=task,
            texts=self.texts,
        )
        try:
            return files.score().scores.summary()
        except VideoExpertError as error:
            return error.message

    def _run(
        self,
        benchmark: str,
        predictions: Sequence[Path],
        annotations: Sequence[Path],
        options: Sequence[str],
        task: str | None,
    ) -> Metrics | str:
        command = [sys.executable, "-m", "vexcli", "evaluate", "--json", "--benchmark", benchmark]
        for option, values in (("-p", predictions), ("-a", annotations), ("--protocol", options)):
            for value in values:
                command += [option, str(value)]
        command += ["--task", task] if task else []
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode:
            return ended.stderr.strip()
        metrics: dict[str, float] = json.loads(ended.stdout)["metrics"]
        return metrics


def qvhighlights_names(expected: Mapping[str, Any]) -> dict[str, float]:
    """Official names, of which some stand for lists, as vex has them."""
    flat: dict[str, float] = dict(expected.get("brief", {}))
    for part, kinds in expected.items():
        if part.startswith("HL"):
            flat |= {f"{part}-{kind.removeprefix('HL-')}": value for kind, value in kinds.items()}
        elif part != "brief":
            for kind, values in kinds.items():
                for at, value in values.items():
                    flat[f"MR-{part}-{kind.removeprefix('MR-')}" + ("" if at == "average" else f"@{at}")] = value
    return flat


def rounded(got: Metrics | str, digits: int) -> Metrics | str:
    return got if isinstance(got, str) else {name: float(f"{value:.{digits}f}") for name, value in got.items()}


def qvhighlights_cases(name: str, files: Sequence[Path], expected: Any, scorer: Scorer) -> Iterator[Case]:
    truth, predictions = files
    got = scorer.score("qvhighlights", [predictions], [truth])
    yield from compared(f"{name} rounded", rounded(got, 2), qvhighlights_names(expected["official"]), 0)
    yield from compared(name, got, qvhighlights_names(expected["official_10dp"]), 1e-6)
    for peer, numbers in expected["peer_extras_not_in_the_official_evaluator"].items():
        yield from compared(f"{name} {peer}", rounded(got, 2), numbers, 1e-9)


def qvhighlights_edges(name: str, cases: Any, scorer: Scorer, work: Path) -> Iterator[Case]:
    for case in cases:
        truth, predictions = work / "truth.jsonl", work / "predictions.jsonl"
        for path, rows in ((truth, case["gt"]), (predictions, case["pred"])):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        options = () if case["match_number"] else ("missing=drop",)
        got, official = scorer.score("qvhighlights", [predictions], [truth], *options), case["official"]
        if "error" in official:
            yield failed(f"{name} {case['name']}", got, official["error"])
        else:
            wanted = qvhighlights_names(official["metrics_10dp"])
            yield from compared(f"{name} {case['name']}", got, wanted, 1e-6)
            if not isinstance(got, str) and not any(metric.startswith("HL") for metric in wanted):
                yield Case(f"{name} {case['name']} no highlights", str([m for m in got if m.startswith("HL")]), "[]")


def charades_cases(name: str, files: Sequence[Path], expected: Any, scorer: Scorer) -> Iterator[Case]:
    truth, durations, predictions = files
    for kind in ("clip_gt_to_duration", "raw_gt"):
        for evaluator, numbers in expected[kind].items():
            options = SPAN_EVALUATORS[evaluator] + ((CLIPPED,) if kind.startswith("clip") else ())
            got = scorer.score("charades-sta", [predictions], [truth, durations], *options)
            yield from spans_compared(f"{name} {kind} {evaluator}", got, numbers)


def spans_compared(name: str, got: Metrics | str, numbers: Mapping[str, float]) -> Iterator[Case]:
    single = "float32" in name
    for metric, value in numbers.items():
        if metric in ("R1@0.3", "R1@0.5", "R1@0.7", "mIoU"):
            loose = single or ("DisTime" in name and metric != "mIoU")
            yield from compared(name, got, {metric: value}, 1e-4 if loose else 1e-7 if "DisTime" in name else 1e-9)


def charades_edges(name: str, cases: Any, scorer: Scorer, work: Path) -> Iterator[Case]:
    for case in cases["pairs"]:
        for evaluator, value in case["iou"].items():
            got = span_overlap(tuple(case["pred"]), tuple(case["gt"]), PAIR_EVALUATORS[evaluator])
            label = f"{name} {case['name']} {evaluator}"
            if isinstance(value, str):
                yield failed(label, {"IoU": got}, value)
            else:
                yield Case(label, got, value, 1e-6 if "nncore" in evaluator else 1e-12)
    for case in cases["vtimellm_text"]:
        times = vtimellm.read_span(case["answer"])
        span = (0.0, 0.0) if times is None else (times[0] / 100, times[1] / 100)
        got = 0.0 if times is None else span_overlap(span, tuple(case["gt_fraction"]), vtimellm.SPANS)
        label = f"{name} {case['answer']!r} {case['gt_fraction']}"
        if isinstance(case["iou"], str):
            yield failed(label, {"IoU": got}, case["iou"])
        else:
            yield Case(label, got, case["iou"], 1e-12)


def activitynet_cases(name: str, files: Sequence[Path], expected: Any, scorer: Scorer) -> Iterator[Case]:
    truth, predictions = files
    for evaluator, numbers in expected.items():
        if isinstance(numbers, dict):
            got = scorer.score("activitynet", [predictions], [truth], *SPAN_EVALUATORS[evaluator])
            yield from spans_compared(f"{name} {evaluator}", got, numbers)


def captions_cases(name: str, files: Sequence[Path], expected: Any, scorer: Scorer) -> Iterator[Case]:
    predictions, truths = files[-1], files[:-1]
    if predictions.suffix == ".jsonl":
        yield from vtimellm_cases(
            name, expected, lambda task: scorer.score("activitynet", [predictions], truths, task=task)
        )
    else:
        benchmark: Benchmark = "youcook2" if "youcook2" in name else "activitynet"
        yield from dense_cases(name, expected, partial(scorer.score, benchmark, [predictions], truths))


def captions_edges(name: str, cases: Any, scorer: Scorer, work: Path) -> Iterator[Case]:
    for case in cases:
        truth, predictions = work / "truth.json", work / "predictions.json"
        truth.write_text(json.dumps(case["ref"]))
        predictions.write_text(json.dumps({"results": case["pred"]}))
        score = partial(scorer.score, "youcook2", [predictions], [truth])
        yield from dense_cases(f"{name} {case['name']}", case["official"], score)


def nextgqa_cases(name: str, files: Sequence[Path], expected: Any, scorer: Scorer) -> Iterator[Case]:
    segments, questions, spans, answers = files
    got = scorer.score("nextgqa", [spans, answers], [segments, questions])
    for part, digits in (("ground", 1), ("qa", 2)):
        wanted = {metric: value for metric, value in expected[part].items() if metric != "n"}
        yield from compared(f"{name} {part} rounded", rounded(got, digits), wanted, 0)
        wanted = {metric: value for metric, value in expected[f"{part}_10dp"].items() if metric != "n"}
        yield from compared(f"{name} {part}", got, wanted, 1e-8)


def nextgqa_edges(name: str, cases: Any, scorer: Scorer, work: Path) -> Iterator[Case]:
    for case in cases:
        paths = [work / f"{part}.json" for part in ("gsub", "pred_ground", "pred_qa")]
        for path in paths:
            path.write_text(json.dumps(case[path.stem]))
        options = ("spans=fractions",) if case["gaussian"] else ()
        got = scorer.score("nextgqa", paths[1:], paths[:1], *options)
        ground, answers = case["official"]["ground_10dp"], case["official"]["qa_10dp"]
        if "error" in ground:
            yield failed(f"{name} {case['name']}", got, ground["error"])
            continue
        yield from compared(f"{name} {case['name']}", got, ground, 1e-8)
        if "error" not in answers:
            yield from compared(f"{name} {case['name']}", got, {"Acc@QA": answers["Acc@QA"]}, 1e-8)


SETS = {
    "qvhighlights": (qvhighlights_cases, qvhighlights_edges),
    "charades_sta": (charades_cases, charades_edges),
    "activitynet_grounding": (activitynet_cases, None),
    "dense_captioning": (captions_cases, captions_edges),
    "nextgqa": (nextgqa_cases, nextgqa_edges),
}


def run(folder: Path, *, program: bool = False) -> Iterator[Case]:
    """Every number of every set that the manifest names."""
    manifest = json.loads((folder / "manifest.json").read_text())
    with Texts() as texts, tempfile.TemporaryDirectory() as work:
        scorer = Scorer(texts, program)
        for entry in manifest["sets"]:
            name, files = f"{entry['benchmark']}/{entry['set']}:", [folder / file for file in entry["files"]]
            if entry["benchmark"] == "text_metrics":
                yield from text_cases(name, files, texts)
                continue
            expected = json.loads((folder / entry["expected"]).read_text())
            whole, edges = SETS[entry["benchmark"]]
            if len(files) == 1 and edges is not None:
                yield from edges(name, expected, scorer, Path(work))
            else:
                yield from whole(name, files, expected, scorer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", action="store_true", help="run `vex evaluate` for every set")
    given = parser.parse_args()
    cases = []
    for case in run(given.folder, program=given.program):
        cases.append(case)
        mark = "ok  " if case.good else "MISS"
        print(f"{mark} {case.name}: {case.got} expected {case.expected}{f' ({case.note})' if case.note else ''}")
    missed = sum(not case.good for case in cases)
    own = sum(bool(case.note) for case in cases)
    print(f"{len(cases) - own} compared, {missed} missed; {own} more only shown")
    return int(missed > 0 or not cases)


if __name__ == "__main__":
    sys.exit(main())
