"""Predictions of vex against records."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_timelines import timeline

from videoexpert.data.records import Record
from videoexpert.evaluation import HEADLINES, MAIN_METRIC, evaluate_timelines, evaluated, pair
from videoexpert.timeline import Answer, Saliency, Timeline


def record(truth: Timeline) -> Record:
    return Record(truth, "truth.jsonl:1")


def test_grounding_takes_any_of_several_true_moments() -> None:
    truth = record(timeline((0, 10), (20, 30), duration=60))
    scores = evaluate_timelines([truth, truth], [timeline((20, 30), duration=60), None], "ground").summary()
    assert scores["R1@0.7"] == scores["mIoU"] == 50
    assert scores["mAP"] == 25


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=5))
def test_a_perfect_prediction_scores_100_in_the_main_metric(pairs: list[tuple[int, int]]) -> None:
    spans = [(float(start), float(start + length)) for start, length in pairs]
    truth = timeline(*spans, text="a dog runs", duration=60)
    answer = replace(truth, task="ask", answer=Answer("B text", "B", ("A text", "B text")))
    for task, true in (("ground", truth), ("caption", replace(truth, task="caption")), ("ask", answer)):
        metric = MAIN_METRIC[task]  # type: ignore[index]
        assert metric in HEADLINES[task]  # type: ignore[index]
        scores = evaluate_timelines([record(true)], [true], task)  # type: ignore[arg-type]
        assert scores.summary()[metric] == pytest.approx(100)


def test_highlights_are_compared_at_the_steps_of_the_truth() -> None:
    truth = replace(timeline((0, 4), duration=8), saliency=Saliency((0, 2, 4, 6), (4.0, 3.5, 1.0, 0.0)))
    fine = tuple(range(8))
    good = replace(truth, saliency=Saliency(fine, (0.9, 0.9, 0.8, 0.8, 0.1, 0.1, 0.0, 0.0)))
    bad = replace(truth, saliency=Saliency(fine, (0.0, 0.0, 0.1, 0.1, 0.8, 0.8, 0.9, 0.9)))
    best = evaluate_timelines([record(truth)], [good], "highlights").summary()
    worst = evaluate_timelines([record(truth)], [bad], "highlights").summary()
    assert best["HL-mAP"] == best["HIT@1"] == 100
    assert worst["HIT@1"] == 0 and worst["HL-mAP"] == pytest.approx(50)
    assert "HIT@1" not in evaluate_timelines([record(timeline((0, 4)))], [good], "highlights").summary()


def test_answers_are_right_by_letter_or_by_words() -> None:
    truth = replace(timeline((0, 10), duration=60), task="ask", answer=Answer("A red car.", "A", ("A red car.", "No")))
    wrong = replace(truth, answer=Answer("No", "B", ("A red car.", "No")))
    assert evaluate_timelines([record(truth)] * 2, [truth, wrong], "ask").summary()["Acc@QA"] == 50
    words = replace(truth, answer=Answer("a  red car"), moments=())
    scores = evaluate_timelines([record(replace(truth, answer=Answer("A red car.")))], [words], "ask").summary()
    assert scores["Acc@QA"] == 100 and scores["Acc@GQA"] == 0
    blind = record(replace(truth, moments=()))
    assert set(evaluate_timelines([blind], [truth], "ask").summary()) == {"Acc@QA"}


def test_predictions_find_their_records_by_id_or_by_content() -> None:
    named = [replace(timeline((0, 1), query="same"), id=name) for name in ("1", "2")]
    records = [record(each) for each in named]
    assert pair(records, reversed(named)).timelines == tuple(named)
    nameless = replace(named[0], id=None)
    assert pair(records[:1], [nameless]).timelines == (nameless,)
    other = timeline((0, 1), query="another")
    found = pair(records[:1], [named[0], other])
    assert found.timelines == (named[0],) and found.unknown == 1


def test_only_what_a_task_is_about_is_evaluated() -> None:
    ground = record(timeline((0, 1)))
    caption = record(replace(timeline((0, 1), text="x", query=None), task="caption"))
    assert evaluated([ground, caption], "ground") == [ground]
    assert evaluated([ground, caption], "caption") == [caption]
    with pytest.raises(ValueError, match="1 predictions for 2 records"):
        evaluate_timelines([ground, caption], [None], "ground")
