"""Times and spans as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vexcli.errors import UsageError
from vexcli.times import parse_span, parse_time
from videoexpert.timeline import Span

MILLISECONDS = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("12.5", 12.5), ("2.5s", 2.5), ("7", 7), ("01:15.5", 75.5), ("00:02:53.633", 173.633), ("90:00", 5400)),
        *(("1:02:03,5", 3723.5), ("100:00:00", 360000)),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == pytest.approx(seconds, abs=1e-9)


@given(MILLISECONDS)
def test_every_way_to_write_a_time_means_the_same(milliseconds: int) -> None:
    whole, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(whole, 60)
    clock = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
    wanted = milliseconds / 1000
    for text in (f"{whole}.{rest:03d}", f"{whole}.{rest:03d}s", f"{clock}.{rest:03d}", f"{clock},{rest:03d}"):
        assert parse_time(text) == pytest.approx(wanted, abs=1e-9)
    assert parse_time(f"{minutes}:{seconds:02d}.{rest:03d}") == pytest.approx(wanted, abs=1e-9)


@given(MILLISECONDS, st.integers(1, 10**6), st.sampled_from(["-", "..", " - ", " .. "]))
def test_spans(start: int, length: int, between: str) -> None:
    span = parse_span(f"{start / 1000:.3f}{between}{(start + length) / 1000:.3f}")
    assert (span.start, span.end) == (start / 1000, (start + length) / 1000)


@given(st.text(max_size=20))
def test_any_other_text_is_refused_in_one_line(text: str) -> None:
    for parse in (parse_time, parse_span):
        try:
            parse(text)
        except UsageError as error:
            assert error.message and "\n" not in error.message and error.hint


@pytest.mark.parametrize(
    "text", ["", "x", "-3", "1e5", "1:60", "1:75:00", "nan", "inf", "1.2.3", "٣", "1:-2", ".", "s"]
)
def test_what_is_not_a_time(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        parse_time(text)


@pytest.mark.parametrize("text", ["", "5", "5-5", "6-5", "-5", "1-2-3", "a-b", "..", "-"])
def test_what_is_not_a_span(text: str) -> None:
    with pytest.raises(UsageError):
        parse_span(text)


def test_a_span_stays_inside_its_video() -> None:
    assert parse_span("30-").within(60) == Span(30, 60)
    assert parse_span("1:30..").within(90.5) == Span(90, 90.5)
    assert parse_span("50-70").within(60) == Span(50, 60)
    assert parse_span("60-").within(60) is None
    assert parse_span("61-70").within(60) is None
