"""Which frames are looked at, as properties that hold for any video; and the sizes and rates that go with it."""

from array import array
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from videoexpert.timeline import Span
from videoexpert.video import Sampling, sample_indices
from videoexpert.video.geometry import Size, shown_size
from videoexpert.video.info import Rotation
from videoexpert.video.rate import average_rate, is_variable
from videoexpert.video.sampling import Rule

RULES: tuple[Rule, ...] = ("videoexpert", "uniform")
RATES = st.sampled_from([Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60)])
COUNTS = st.integers(1, 300)


@st.composite
def even_times(draw: st.DrawFn) -> tuple[NDArray[np.float64], float]:
    """Times of a constant rate, from any offset, perhaps rounded to milliseconds; and when the last frame ends."""
    rate = draw(RATES)
    times = draw(st.floats(0, 10)) + np.arange(draw(st.integers(1, 4000))) / float(rate)
    end = float(times[-1] + 1 / rate)
    return (np.round(times, 3), round(end, 3)) if draw(st.booleans()) else (times, end)


@st.composite
def uneven_times(draw: st.DrawFn) -> tuple[NDArray[np.float64], float]:
    """Times with gaps of any length, so uneven that no constant rate fits."""
    gaps = draw(st.lists(st.floats(0.02, 5), min_size=2, max_size=60))
    times = draw(st.floats(0, 10)) + np.concatenate([[0.0, 0.01], 0.01 + np.cumsum([10.0, *gaps])])
    return times, float(times[-1] + draw(st.floats(0.01, 5)))


ANY_TIMES = st.one_of(even_times(), uneven_times())


@given(video=ANY_TIMES, count=COUNTS, rule=st.sampled_from(RULES))
def test_indices_are_in_range_and_never_fall(video: tuple[NDArray[np.float64], float], count: int, rule: Rule) -> None:
    times, end = video
    indices = sample_indices(times, end, Sampling(count, rule))
    assert indices.shape == (count,) and indices.dtype == np.int64
    assert indices[0] >= 0 and indices[-1] < len(times)
    assert (np.diff(indices) >= 0).all()


@given(video=ANY_TIMES, count=st.integers(2, 300))
def test_the_rule_of_the_model_is_the_published_formula(video: tuple[NDArray[np.float64], float], count: int) -> None:
    times, end = video
    last = len(times) - 1
    expected = [int(Fraction(k * last, count - 1)) for k in range(count)]
    assert sample_indices(times, end, Sampling(count, "videoexpert")).tolist() == expected
    assert expected[0] == 0 and expected[-1] == last


@given(video=even_times(), count=COUNTS)
def test_uniform_takes_the_middles_of_equal_parts(video: tuple[NDArray[np.float64], float], count: int) -> None:
    times, end = video
    expected = [int((k + Fraction(1, 2)) * len(times) / count) for k in range(count)]
    assert sample_indices(times, end, Sampling(count, "uniform")).tolist() == expected


@given(video=uneven_times(), count=COUNTS)
def test_uniform_goes_by_time_where_the_rate_varies(video: tuple[NDArray[np.float64], float], count: int) -> None:
    times, end = video
    part = (end - times[0]) / count
    for k, index in enumerate(sample_indices(times, end, Sampling(count, "uniform"))):
        moment = times[0] + (k + 0.5) * part
        assert times[index] <= moment + 1e-9
        assert index == len(times) - 1 or times[index + 1] > moment - 1e-9


@given(video=ANY_TIMES, count=COUNTS, rule=st.sampled_from(RULES), part=st.tuples(st.floats(0, 0.99), st.floats(0, 1)))
def test_a_span_bounds_what_is_looked_at(
    video: tuple[NDArray[np.float64], float], count: int, rule: Rule, part: tuple[float, float]
) -> None:
    times, end = video
    span = Span(part[0] * end, part[0] * end + 0.001 + part[1] * end)
    indices = sample_indices(times, end, Sampling(count, rule, span))
    on_show = max(0, int(np.searchsorted(times, span.start, side="right")) - 1)
    assert indices[0] >= on_show
    assert times[indices[-1]] < span.end or indices[-1] == on_show
    assert (np.diff(indices) >= 0).all()


def test_a_span_between_two_frames_shows_the_one_on_show() -> None:
    times = np.array([0.0, 1.0, 2.0])
    assert sample_indices(times, 3.0, Sampling(4, span=Span(1.2, 1.4))).tolist() == [1, 1, 1, 1]


def test_a_span_holds_the_frames_that_appear_in_it() -> None:
    times = np.arange(300) / 30
    assert sample_indices(times, 10.0, Sampling(100, span=Span(2.0, 5.0)))[[0, -1]].tolist() == [60, 149]


def test_a_span_behind_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match=r"begins at 10.0 s but the video ends at 3.0 s"):
        sample_indices(np.array([0.0, 1.0]), 3.0, Sampling(span=Span(10.0, 20.0)))


@pytest.mark.parametrize(("count", "rule"), [(0, "uniform"), (100, "random")])
def test_a_sampling_checks_itself(count: int, rule: Rule) -> None:
    with pytest.raises(ValueError, match=r"count must be|rule must be one of videoexpert, uniform"):
        Sampling(count, rule)


def test_one_frame_of_a_long_video_is_its_first_or_its_middle() -> None:
    times = np.arange(1001) / 25
    assert [sample_indices(times, 40.04, Sampling(1, rule)).tolist() for rule in RULES] == [[0], [500]]


@given(video=even_times(), stated=st.lists(RATES, max_size=2))
def test_a_constant_rate_is_recognised_whatever_the_rounding(
    video: tuple[NDArray[np.float64], float], stated: list[Fraction]
) -> None:
    times, end = video
    column = array("d", times.tobytes())
    assert not is_variable(column)
    measured = average_rate(column, end - times[-1], stated=[])
    rate = average_rate(column, end - times[-1], stated=stated)
    assert rate in stated or rate == measured
    if len(times) > 1:
        assert float(measured) == pytest.approx((len(times) - 1) / (times[-1] - times[0]), rel=0.05)


@given(gap=st.floats(1e-4, 1e8))
def test_a_rate_is_positive_however_slow(gap: float) -> None:
    rate = average_rate(array("d", [0.0, gap]), gap, stated=[])
    assert float(rate) == pytest.approx(1 / gap, rel=0.01)
    assert average_rate(array("d", [0.0]), gap, stated=[]) > 0


@given(video=uneven_times())
def test_a_varying_rate_is_recognised(video: tuple[NDArray[np.float64], float]) -> None:
    assert is_variable(array("d", video[0].tobytes()))


@pytest.mark.parametrize(
    ("stored", "sar", "rotation", "shown"),
    [
        (Size(720, 576), Fraction(64, 45), 0, Size(1024, 576)),
        (Size(640, 360), Fraction(1), 90, Size(360, 640)),
        (Size(640, 360), Fraction(1), 180, Size(640, 360)),
        (Size(720, 576), Fraction(64, 45), 270, Size(576, 1024)),
    ],
)
def test_the_size_as_shown(stored: Size, sar: Fraction, rotation: Rotation, shown: Size) -> None:
    assert shown_size(stored, sar=sar, rotation=rotation) == shown


def test_a_picture_has_pixels() -> None:
    with pytest.raises(ValueError, match="must have pixels"):
        Size(0, 10)
