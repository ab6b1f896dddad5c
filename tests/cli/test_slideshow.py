"""Videos of photographs: every slide is shown when it should be, and fades turn one into the next."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vexcli.outputs.slideshow import Slide, View, slide_spans, write_slideshow
from videoexpert.errors import OutputError, VideoExpertError
from videoexpert.timeline import Span

RED, BLUE = (220, 20, 20), (20, 20, 220)

share = st.floats(0, 1)
views = st.builds(View, st.floats(1, 4), share, share)
sizes = st.tuples(st.integers(8, 2000), st.integers(8, 2000))


def photo(folder: Path, colour: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> Path:
    path = folder / f"{'-'.join(map(str, (*colour, *size)))}.png"
    Image.new("RGB", size, colour).save(path)
    return path


def colours(video: Path) -> list[np.ndarray]:
    """The mean colour of each frame."""
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24").mean((0, 1)) for frame in container.decode(video=0)]


def test_a_cut_is_where_the_span_says(tmp_path: Path) -> None:
    slides = [Slide(photo(tmp_path, RED), 1.0), Slide(photo(tmp_path, BLUE, (200, 300)), 0.52)]
    spans = write_slideshow(slides, tmp_path / "video.mp4", size=(64, 48), rate=25)
    assert spans == [Span(0, 1), Span(1, 1.52)]
    shown = colours(tmp_path / "video.mp4")
    assert len(shown) == 38
    assert all(np.abs(frame - (RED if number < 25 else BLUE)).max() < 10 for number, frame in enumerate(shown))


def test_a_fade_is_half_way_at_the_border(tmp_path: Path) -> None:
    slides = [Slide(photo(tmp_path, RED), 2.0), Slide(photo(tmp_path, BLUE), 2.0, fade=1.0)]
    write_slideshow(slides, tmp_path / "video.mp4", size=(64, 48), rate=10)
    red = [frame[0] for frame in colours(tmp_path / "video.mp4")]
    assert red[15] == pytest.approx(220, abs=10) and red[25] == pytest.approx(20, abs=10)
    assert red[20] == pytest.approx(120, abs=15)
    assert all(later <= earlier + 3 for earlier, later in pairwise(red))


def test_the_view_wanders_over_the_photograph(tmp_path: Path) -> None:
    halves = Image.new("RGB", (400, 100), RED)
    halves.paste(BLUE, (200, 0, 400, 100))
    halves.save(tmp_path / "halves.png")
    slide = Slide(tmp_path / "halves.png", 2.0, View(x=0.0), View(x=1.0))
    write_slideshow([slide], tmp_path / "video.mp4", size=(64, 64), rate=10)
    shown = colours(tmp_path / "video.mp4")
    assert np.abs(shown[0] - RED).max() < 10 and np.abs(shown[-1] - BLUE).max() < 30


@given(views, sizes, sizes)
def test_a_view_lies_in_the_photograph_and_has_the_shape_of_the_picture(
    view: View, size: tuple[int, int], picture: tuple[int, int]
) -> None:
    left, top, right, bottom = view.box(size, picture)
    assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    assert (right - left) / (bottom - top) == pytest.approx(picture[0] / picture[1], rel=1e-6)


@given(st.lists(st.floats(0.01, 30), min_size=1, max_size=9), st.sampled_from([1, 15, 25, 60]))
def test_spans_follow_each_other_on_whole_frames(lengths: list[float], rate: int) -> None:
    spans = slide_spans([Slide(Path("x"), seconds) for seconds in lengths], rate=rate)
    assert spans[0].start == 0 and all(one.end == two.start for one, two in pairwise(spans))
    assert all(span.end * rate == pytest.approx(round(span.end * rate)) for span in spans)


def test_what_cannot_be_shown_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "words.png").write_text("no picture")
    final = tmp_path / "out" / "video.mp4"
    with pytest.raises(VideoExpertError, match=r"words.png: is no photograph that can be read"):
        write_slideshow([Slide(tmp_path / "words.png", 1.0)], final)
    assert list(final.parent.iterdir()) == []
    final.touch()
    with pytest.raises(OutputError, match="exists already"):
        write_slideshow([Slide(photo(tmp_path, RED), 1.0)], final)
