"""The table of frames that packets make, whatever order they come in and whatever they leave out."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoexpert.video.table import FrameTable, PacketTimes, Timing, build_table

TICK = Fraction(1, 90000)


def packet(
    pts: int | None, dts: int | None = None, *, duration: int = 3000, key: bool = False, hidden: bool = False
) -> PacketTimes:
    return PacketTimes(pts, dts, duration, key, hidden)


def timing(container: str, *, start: Fraction | None = None, rate: Fraction | None = Fraction(30)) -> Timing:
    return Timing(frozenset({container}), TICK, start, rate)


def table(packets: list[PacketTimes], stated: Timing) -> FrameTable:
    built = build_table(packets, stated)
    assert built is not None
    return built


@given(st.lists(st.tuples(st.integers(-10_000, 10**9), st.booleans()), min_size=1, max_size=50), st.data())
def test_frames_come_in_the_order_of_their_times(entries: list[tuple[int, bool]], data: st.DataObject) -> None:
    built = table([packet(pts, key=key) for pts, key in entries], timing("mov"))
    assert list(built.keys) == sorted({pts for pts, _ in entries})
    assert built.times[0] == 0 and all(early < late for early, late in zip(built.times, built.times[1:], strict=False))
    assert built.end > built.times[-1]
    assert [built.index_of(key) for key in built.keys] == list(range(len(built.keys)))
    wanted = data.draw(st.sampled_from(list(built.keys)))
    keyframes = [pts for pts, key in entries if key and pts <= wanted]
    assert built.keyframe_before(wanted) == max(keyframes, default=None)


def test_hidden_frames_are_not_shown_but_can_be_started_from() -> None:
    packets = [packet(-3000, key=True, hidden=True), packet(0), packet(3000)]
    built = table(packets, timing("mov", start=Fraction(0)))
    assert list(built.times) == pytest.approx([0, 1 / 30])
    assert built.keyframe_before(0) == -3000 and list(built.keyframe_times()) == []


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (Fraction(1_466_667, 1_000_000), 0.0),  # 132000 ticks, rounded to a microsecond
        (Fraction(1_443_444, 1_000_000), 132000 / 90000 - 1.443444),  # sound comes first
        (Fraction(2), 0.0),  # no frame lies before the start
        (None, 0.0),
        (Fraction(-7, 1000), 132000 / 90000),  # run-in of the sound
    ],
)
def test_times_count_from_the_start_of_the_file(start: Fraction | None, first: float) -> None:
    built = table([packet(132000), packet(135000)], timing("mpegts", start=start))
    assert built.times[0] == pytest.approx(first, abs=1.2e-5) and built.times[0] >= 0
    assert built.times[0] + built.start == pytest.approx(132000 / 90000)
    assert first or built.times[0] == 0.0


def test_a_container_without_timestamps_counts() -> None:
    built = table([packet(None, key=True), *[packet(None)] * 9], timing("h264", rate=Fraction(25)))
    assert built.counted and not built.seekable
    assert list(built.times) == pytest.approx([index / 25 for index in range(10)])
    assert built.end == pytest.approx(0.4) and list(built.keyframes) == [0]


def test_a_container_with_decoding_times_only_gives_them_out_in_turn() -> None:
    # The third frame was left out when this was recorded.
    built = table([packet(9000, 0), packet(3000, 3000), packet(6000, 9000)], timing("avi", start=Fraction(0)))
    assert built.counted
    assert list(built.times) == pytest.approx([0, 1 / 30, 0.1])


def test_second_fields_are_no_frames() -> None:
    packets = [part for pts in (0, 3600, 7200) for part in (packet(pts), packet(None))]
    built = table(packets, timing("mpegts"))
    assert not built.counted and list(built.keys) == [0, 3600, 7200]


def test_a_last_frame_without_a_duration_lasts_as_long_as_the_others() -> None:
    built = table([packet(0, duration=0), packet(9000, duration=0), packet(18000, duration=0)], timing("asf"))
    assert built.end == pytest.approx(0.3)


def test_no_packets_no_table() -> None:
    assert build_table([], timing("mov")) is None
    assert build_table([packet(0, key=True, hidden=True)], timing("mov")) is None
