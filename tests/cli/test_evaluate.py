"""`vex evaluate`: official files, results of vex, a model; and what is said about files that are wrong."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Corpus, Vex
from sample_timelines import timeline
from tiny_model import write_tiny_model

from videoexpert.results import dumps_line, read_results
from videoexpert.timeline import Answer, Timeline

CHARADES = ("evaluate", "-b", "charades-sta", "-a", "truth.txt", "-p", "said.jsonl")
QVHIGHLIGHTS = ("evaluate", "-b", "qvhighlights", "-a", "truth.jsonl", "-p", "said.jsonl")
NEXTGQA = ("evaluate", "-b", "nextgqa", "-a", "truth.json", "-p", "spans.json", "-p", "answers.json")
CAPTIONS = ("evaluate", "-b", "youcook2", "-a", "truth.json", "-p", "said.json")

QUERY = {
    "qid": 1,
    "query": "q",
    "vid": "v",
    "duration": 10,
    "relevant_windows": [[0, 4]],
    "relevant_clip_ids": [0, 1],
    "saliency_scores": [[4, 4, 4], [4, 2, 1]],
}
CLIP = {"v": {"duration": 60, "timestamps": [[0, 10], [20, 30]], "sentences": ["a man runs", "a dog sits"]}}
SAID = [{"sentence": "a man runs", "timestamp": [0, 10]}, {"sentence": "a cat", "timestamp": [20, 24]}]


def write(folder: Path, **files: Any) -> None:
    """Files by name, `_` for the dot: text as it is, lists as JSON lines, everything else as JSON."""
    for name, content in files.items():
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        elif not isinstance(content, str):
            content = json.dumps(content)
        (folder / name.replace("_", ".")).write_text(content)


def results(path: Path, timelines: Sequence[Timeline]) -> None:
    path.write_text("".join(dumps_line(each) + "\n" for each in timelines))


def test_official_files_give_a_table_with_the_conventions(vex: Vex, tmp_path: Path) -> None:
    write(tmp_path, truth_txt="A 0 10##one.\nA 5 20##two.\nB 0 4##three.\n")
    write(tmp_path, lengths_csv="id,length\nA,15\nB,5\n")
    write(
        tmp_path, said_jsonl=[{"index": 0, "pred": [0, 5]}, {"index": 1, "pred": [5, 15]}, {"index": 2, "pred": None}]
    )
    ran = vex(*CHARADES)
    assert ran.code == 0
    assert "R1@0.5  66.67" in ran.out and "mIoU    38.89" in ran.out and "truth=raw" in ran.out
    assert "1 of 3 sentences have no prediction and count as misses" in ran.err
    ran = vex(*CHARADES, "-a", "lengths.csv", "--protocol", "truth=clipped", "--protocol", "threshold=gt", "--json")
    told = json.loads(ran.out)
    assert told["metrics"]["mIoU"] == pytest.approx(50) and told["metrics"]["R1@0.5"] == pytest.approx(100 / 3)
    assert told["protocol"]["truth"] == "clipped" and told["samples"] == 3


def test_intervals_comparison_and_what_each_sample_scored(vex: Vex, tmp_path: Path) -> None:
    rows = [f"V {start} {start + 10}##it happens.\n" for start in range(40)]
    write(tmp_path, truth_txt="".join(rows))
    write(tmp_path, said_jsonl=[{"index": index, "pred": [index, index + 8 + index % 3]} for index in range(40)])
    write(tmp_path, other_jsonl=[{"index": index, "pred": [index, index + 4]} for index in range(40)])
    asked = (*CHARADES, "--bootstrap", "500", "--compare", "other.jsonl", "--per-sample", "each.jsonl")
    told = json.loads(vex(*asked, "--json").out)
    low, high = told["intervals"]["mIoU"]
    assert low < told["metrics"]["mIoU"] < high
    assert told["comparison"]["mIoU"]["p"] < 0.01 and told["comparison"]["mIoU"]["interval"][0] > 0
    lines = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text().splitlines()]
    assert len(lines) == 40 and lines[1] == {"sample": "1", "R1@0.3": 100, "R1@0.5": 100, "R1@0.7": 100, "mIoU": 90}
    again = vex(*asked)
    assert again.code == 1 and again.err == "error: each.jsonl: exists already; add --overwrite to replace it\n"
    shown = vex(*asked, "--overwrite")
    assert shown.code == 0 and "difference" in shown.out and "wrote each.jsonl" in shown.err


def test_questions_with_evidence(vex: Vex, tmp_path: Path) -> None:
    truth = {"1": {"duration": 100, "location": {"0": [[10, 20]], "1": [[10, 20], [40, 60]]}}}
    answers = {"1_0": {"prediction": 1, "answer": 1}, "1_1": {"prediction": "1", "answer": 1}}
    write(tmp_path, truth_json=truth, spans_json={"1_0": [10, 20]}, answers_json=answers)
    told = json.loads(vex(*NEXTGQA, "--json").out)
    assert told["metrics"]["Acc@QA"] == 50 and told["metrics"]["Acc@GQA"] == 100
    told = json.loads(vex(*NEXTGQA, "--json", "--protocol", "missing-span=zero").out)
    assert told["metrics"]["Acc@GQA"] == 50


def test_without_java_the_words_are_not_scored_and_the_rest_is(vex: Vex, tmp_path: Path) -> None:
    write(tmp_path, truth_json=CLIP, said_json={"results": {"v": SAID}})
    ran = vex(*CAPTIONS, "--json", environment={"PATH": ""})
    assert ran.code == 0
    assert ran.err.startswith("warning: METEOR, CIDEr and SODA_c are not scored: Java is not installed; ")
    metrics = json.loads(ran.out)["metrics"]
    assert metrics["Precision"] == 62.5 and "METEOR" not in metrics


@pytest.mark.skipif(shutil.which("java") is None, reason="NOT TESTED: Java is not installed")
def test_captions_with_words(vex: Vex, tmp_path: Path) -> None:
    pytest.importorskip("pycocoevalcap", reason="NOT TESTED: pycocoevalcap is not installed")
    write(tmp_path, truth_json=CLIP, said_json={"results": {"v": SAID}})
    ran = vex(*CAPTIONS, "--json")
    assert ran.code == 0 and not ran.err
    metrics = json.loads(ran.out)["metrics"]
    assert 0 < metrics["SODA_c"] < 100 and 0 < metrics["METEOR"] < 100 and metrics["CIDEr"] > 0


def test_results_of_vex_against_records(vex: Vex, tmp_path: Path) -> None:
    truth = [replace(timeline((0, 10), query=query, path="talk.mp4", duration=60), id=query) for query in ("a", "b")]
    said = [replace(truth[0], moments=timeline((0, 5)).moments)]
    results(tmp_path / "truth.jsonl", truth)
    results(tmp_path / "said.jsonl", said)
    ran = vex("evaluate", "-p", "said.jsonl", "--data", "truth.jsonl", "--task", "ground", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["metrics"]["mIoU"] == 25
    assert "1 of 2 records have no prediction and count as misses" in ran.err


def test_a_model_answers_the_questions_first(vex: Vex, corpus: Corpus, tmp_path: Path) -> None:
    model = str(write_tiny_model(tmp_path / "model"))
    video = corpus.path("h264_720p_gop2s.mp4")
    truth = [timeline((0, 1), query=query, path=video, duration=2.0) for query in ("a dog", "a cat")]
    truth.append(replace(truth[0], query="who?", task="ask", answer=Answer("yes", "A", ("yes", "no"))))
    results(tmp_path / "truth.jsonl", truth)
    asked = ("evaluate", "--model", model, "--data", "truth.jsonl", "--no-cache", "--json", "--device", "cpu")
    ran = vex(*asked, "--task", "ground", "--save", "said.jsonl")
    assert ran.code == 0, ran.err
    metrics = json.loads(ran.out)["metrics"]
    assert 0 <= metrics["R1@0.5"] <= metrics["R5@0.5"] <= 100
    assert [each.query for each in read_results(tmp_path / "said.jsonl")] == ["a dog", "a cat"]
    again = vex("evaluate", "-p", "said.jsonl", "--data", "truth.jsonl", "--task", "ground", "--json")
    assert json.loads(again.out)["metrics"] == metrics
    ran = vex(*asked, "--task", "ask")
    assert ran.code == 0 and json.loads(ran.out)["metrics"]["Acc@QA"] in (0, 100)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("-b", "charades"), 2, "--benchmark needs --predictions and --annotations"),
        (
            ("-b", "charades", "-p", "x", "-a", "y"),
            2,
            "--benchmark charades: no such one; did you mean 'charades-sta'?",
        ),
        (("-b", "nextgqa", "-p", "x", "-a", "y", "--model", "z"), 2, "--benchmark scores files alone: leave out"),
        (("-b", "youcook2", "-p", "x", "-a", "y", "--task", "caption"), 2, "youcook2 has one task: leave out --task"),
        (("--data", "x"), 2, "give either --model, to ask one, or --predictions, to score what is there"),
        (("--data", "x", "-p", "y"), 2, "--task is missing; one of: ground, highlights, caption, ask"),
        (("--data", "x", "-p", "y", "-t", "caption", "--save", "z"), 2, "--save keeps what a model answers"),
        (("-p", "x"), 2, "nothing to compare with: give --data FILE, or --benchmark NAME"),
        (("-b", "charades-sta", "-p", "gone.jsonl", "-a", "gone.txt"), 1, "gone.txt: no such file"),
    ],
)
def test_options_that_do_not_fit(vex: Vex, arguments: Sequence[str], code: int, message: str) -> None:
    ran = vex("evaluate", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(f"error: {message}") and ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "files", "message"),
    [
        (CHARADES, {"truth_txt": "A 0 10 one\n"}, "truth.txt:1: not `VIDEO START END##SENTENCE`"),
        (CHARADES, {"truth_txt": "A 0 1##x\nA 9 2##x\n"}, "truth.txt:2: the span ends before it starts"),
        (CHARADES, {"truth_txt": "A 0 nan##x\n"}, "truth.txt:1: 'nan' is not a number of seconds"),
        (CHARADES, {"said_jsonl": [{"index": 0, "pred": [0]}]}, 'said.jsonl:1: "pred" must hold a start and an end'),
        (CHARADES, {"said_jsonl": '{"index": 0, "pred": [0, NaN]}'}, 'said.jsonl:1: item 2 of "pred" must be a finite'),
        (CHARADES, {"said_jsonl": [{"index": 3, "pred": []}]}, 'said.jsonl:1: "index" is 3, but the annotations have'),
        (CHARADES, {"said_jsonl": [{"pred": []}]}, 'said.jsonl:1: the object has no "index"'),
        (QVHIGHLIGHTS, {"said_jsonl": [{"qid": "1"}]}, 'said.jsonl:1: neither "pred_relevant_windows" nor'),
        (
            QVHIGHLIGHTS,
            {"said_jsonl": [{"qid": 2, "pred_relevant_windows": [[0, 1, 1]]}]},
            "said.jsonl: no answer to 1",
        ),
        (QVHIGHLIGHTS, {"said_jsonl": [{"qid": 1, "pred_relevant_windows": []}]}, "said.jsonl:1: no window for qid 1"),
        (QVHIGHLIGHTS, {"said_jsonl": [{"qid": 1, "pred_relevant_windows": [[0, 1]]}]}, "said.jsonl:1: item 1 of"),
        (QVHIGHLIGHTS, {"truth_jsonl": [QUERY | {"relevant_clip_ids": [0, 9]}]}, 'truth.jsonl:1: "relevant_clip_ids"'),
        (NEXTGQA, {"spans_json": {"1_0": []}}, 'spans.json:1: "1_0" must hold a start and an end'),
        (NEXTGQA, {"spans_json": {"1_0": [[1, 2], [3, 4]]}}, 'spans.json:1: item 1 of "1_0" must be a number'),
        (
            CAPTIONS,
            {"said_json": {"results": {"v": [{"sentence": "x"}]}}},
            'said.json:1: item 1 of "v" has no "timestamp"',
        ),
        (CAPTIONS, {"said_json": {"v": []}}, 'said.json:1: the object has no "results"'),
        (
            CAPTIONS,
            {"truth_json": '{"v": {"duration": 3,\n"timestamps": [[0, 1]], "sentences": []}}'},
            "truth.json:1: 1",
        ),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_line(
    vex: Vex, tmp_path: Path, asked: Sequence[str], files: Mapping[str, Any], message: str
) -> None:
    write(tmp_path, truth_txt="A 0 10##x\n", truth_jsonl=[QUERY])
    if asked is NEXTGQA:
        write(tmp_path, truth_json={"1": {"duration": 9, "location": {"0": [[1, 2]]}}})
        write(tmp_path, answers_json={"1_0": {"prediction": 1, "answer": 1}})
    else:
        write(tmp_path, truth_json=CLIP, said_json={"results": {"v": SAID}}, said_jsonl=[{"index": 0, "pred": [0, 1]}])
    write(tmp_path, **files)
    ran = vex(*asked, environment={"PATH": ""})
    assert (ran.code, ran.out) == (1, "")
    error = ran.err.splitlines()[-1]
    assert error.startswith(f"error: {message}"), ran.err


def test_a_protocol_that_is_not_known(vex: Vex, tmp_path: Path) -> None:
    write(tmp_path, truth_txt="A 0 10##x\n", said_jsonl=[{"index": 0, "pred": [0, 1]}])
    for word, said in {
        "truth=cliped": "no such value; did you mean 'clipped'?",
        "treshold=gt": "no such option here; did you mean 'threshold'?",
        "missing": "no value; write it as NAME=VALUE, such as missing=zero",
        "truth=clipped": "the lengths of the videos are not known; "
        "give a CSV with the columns id and length to -a, too",
    }.items():
        ran = vex(*CHARADES, "--protocol", word)
        assert (ran.code, ran.err) == (2, f"error: --protocol {word}: {said}\n")
