"""Questions and videos on one command line, and what a person sees of the answer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vexcli.asking import split_optional_word, split_words
from vexcli.errors import InputError, UsageError
from vexcli.outputs.shown import clock, saliency_curve, shown_lines
from videoexpert.timeline import Answer, Moment, Saliency, Source, Span, Timeline


def test_the_last_word_is_the_question() -> None:
    assert split_words(["a.mp4", "b.mp4", "a dog"], None, None) == (["a.mp4", "b.mp4"], ["a dog"])
    with pytest.raises(UsageError, match="a video and a question"):
        split_words(["a.mp4"], None, None)


def test_questions_by_option_and_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_bytes("\ufeffa dog\r\n\n  a cat \n".encode())
    file = str(tmp_path / "questions.txt")
    assert split_words(["a.mp4", "b.mp4"], ["a bird"], file) == (["a.mp4", "b.mp4"], ["a bird", "a dog", "a cat"])
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UsageError, match="holds no question"):
        split_words(["a.mp4"], None, str(tmp_path / "empty.txt"))
    with pytest.raises(InputError, match="No such file"):
        split_words(["a.mp4"], None, str(tmp_path / "gone.txt"))


def test_where_no_question_is_needed_the_last_word_is_one_if_it_can_be_no_input(tmp_path: Path) -> None:
    assert split_optional_word(["a.mp4", "a goal"], None) == (["a.mp4"], ["a goal"])
    assert split_optional_word(["a.mp4", "what is this?"], None) == (["a.mp4"], ["what is this?"])
    assert split_optional_word(["a.mp4", "gone.mkv"], None) == (["a.mp4", "gone.mkv"], [None])
    assert split_optional_word(["a.mp4", str(tmp_path)], None) == (["a.mp4", str(tmp_path)], [None])
    assert split_optional_word(["-"], None) == (["-"], [None])
    assert split_optional_word(["a.mp4", "b"], ["x", "y"]) == (["a.mp4", "b"], ["x", "y"])


def test_a_timeline_for_people() -> None:
    video = Source("talk.mp4", 4000.0)
    moments = (Moment(Span(1.0, 62.5), 0.91234), Moment(Span(3600.0, 3700.0), None, "It ends.\nReally."))
    timeline = Timeline(video, "ask", query="Who?", moments=moments, answer=Answer("the host", "B"))
    assert shown_lines(timeline) == [
        "talk.mp4: Who?",
        "  B. the host",
        "   0:01.00 - 1:02.50   0.912",
        "  1:00:00.00 - 1:01:40.00         It ends. Really.",
    ]
    assert shown_lines(Timeline(video, "caption")) == ["talk.mp4", "  nothing found"]


def test_the_curve_of_saliency() -> None:
    assert saliency_curve(Saliency((0, 2, 4), (0.0, 0.5, 1.0))) == "▁▅█"
    assert saliency_curve(Saliency((0,), (0.3,))) == "▁"
    long = Saliency(tuple(map(float, range(1000))), (0.0,) * 999 + (1.0,))
    assert len(saliency_curve(long)) == 60 and saliency_curve(long).endswith("▁█")


@given(st.floats(0, 1e6))
def test_a_clock_is_within_half_a_hundredth(seconds: float) -> None:
    parts = [float(part) for part in clock(seconds).split(":")]
    told = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    assert abs(told - seconds) <= 0.005 + 1e-6
