"""Dense captions without words to read: what was found, and how stories are aligned."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from videoexpert.metrics.captions import Caption, Clip, caption_scores
from videoexpert.metrics.cider import cider
from videoexpert.metrics.meteor import meteor
from videoexpert.metrics.protocols import CaptionProtocol
from videoexpert.metrics.scores import FloatArray
from videoexpert.metrics.soda import alignment


def captions(*spans: tuple[float, float]) -> tuple[Caption, ...]:
    return tuple(Caption(span, "a dog runs") for span in spans)


def summary(*clips: Clip, protocol: CaptionProtocol | None = None) -> dict[str, float]:
    return caption_scores(clips, protocol or CaptionProtocol(), None).summary()


def test_precision_recall_and_f1() -> None:
    clip = Clip("a", (captions((0, 10), (20, 30), (40, 50)),), captions((0, 10), (20, 24)))
    scores = summary(clip)
    assert scores["Precision@0.3"] == 100 and scores["Precision@0.5"] == 50
    assert scores["Recall@0.3"] == pytest.approx(200 / 3) and scores["Recall@0.5"] == pytest.approx(100 / 3)
    assert scores["F1@0.5"] == pytest.approx(40)
    assert "METEOR" not in scores


def test_an_overlap_exactly_on_the_threshold_is_not_above_it() -> None:
    assert summary(Clip("a", (captions((0, 10)),), captions((0, 5))))["Recall@0.5"] == 0


def test_the_best_reference_file_counts_for_precision_and_recall_each() -> None:
    scores = summary(Clip("a", (captions((0, 10)), captions((0, 10), (50, 60), (70, 80))), captions((0, 10), (50, 60))))
    assert scores["Precision@0.9"] == 100 and scores["Recall@0.9"] == 100


def test_a_clip_without_prediction_scores_0_or_is_left_out() -> None:
    clips = Clip("a", (captions((0, 10)),), captions((0, 10))), Clip("b", (captions((0, 10)),), None)
    assert summary(*clips)["F1"] == 50
    assert summary(*clips, protocol=CaptionProtocol(missing="drop"))["F1"] == 100
    empty = Clip("b", (captions((0, 10)),), ())
    assert summary(clips[0], empty, protocol=CaptionProtocol(missing="drop"))["F1"] == 50


def test_f1_of_the_means_is_not_the_mean_of_f1() -> None:
    clips = (
        Clip("a", (captions((0, 10), (20, 30)),), captions((0, 10))),
        Clip("b", (captions((0, 10)),), captions((0, 10), (20, 30))),
    )
    assert summary(*clips)["F1"] == pytest.approx(75)
    assert summary(*clips, protocol=CaptionProtocol(f1="clips"))["F1"] == pytest.approx(200 / 3)


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(0, 1)))
def test_the_alignment_is_the_best_of_all_that_keep_the_order(worth: FloatArray) -> None:
    rows, columns = worth.shape
    best = 0.0
    for size in range(1, min(rows, columns) + 1):
        for chosen in itertools.combinations(range(rows), size):
            for partners in itertools.combinations(range(columns), size):
                best = max(best, float(worth[chosen, partners].sum()))
    assert alignment(worth) == pytest.approx(best)


def test_cider_counts_rarity_among_the_pairs() -> None:
    same = [("a man cuts an onion", ["a man cuts an onion"]), ("the dog runs very fast", ["the dog runs very fast"])]
    assert cider(same) == [pytest.approx(10), pytest.approx(10)]
    assert cider(same[:1]) == [0]
    assert cider([]) == []
    assert cider([("", ["a dog"]), ("b", ["b"])])[0] == 0


def test_meteor_of_a_pair_that_matches_as_a_whole_is_1() -> None:
    whole = [3, 3, 1, 1, 2, 2, 1, 1, *[0] * 12, 1, 3, 3]
    nothing = [3, 3, 1, 1, *[0] * 16, 0, 0, 0]
    assert meteor(np.array([whole], dtype=np.float64)) == pytest.approx(1)
    assert meteor(np.array([nothing], dtype=np.float64)) == 0
    assert 0 < meteor(np.array([whole, nothing], dtype=np.float64)) < 1
