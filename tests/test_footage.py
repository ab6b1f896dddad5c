"""Real footage for measuring: the clips are cut and joined as is said, and the truth follows them."""

from pathlib import Path

import av
import pytest
from conftest import Corpus

from benchmarks.footage import ANNOTATIONS, CLIPS, NPM_CLIPS, Piece, Video, join, read_videos


def test_the_annotations_are_of_the_clips_and_lie_in_their_pieces() -> None:
    videos, clips = read_videos(ANNOTATIONS), {part.name for part in (*CLIPS, *NPM_CLIPS)}
    pieces = [piece for video in videos for piece in video.pieces]
    assert {piece.file for piece in pieces} == clips
    for piece in pieces:
        assert piece.shows
        for start, end in piece.shows.values():
            assert piece.start <= start < end <= piece.end
    for video in videos:
        asked = [query for query, _ in video.questions()]
        assert len(set(asked)) == len(asked) and len(video.absent) >= 3


def test_pieces_are_joined_and_their_times_follow(corpus: Corpus, tmp_path: Path) -> None:
    first = Piece("clip", 0.4, 1.2, {"one": (0.4, 1.2)})
    second = Piece("clip", 0.0, 1.6, {"two": (1.0, 1.6), "three": (0.0, 0.2)})
    video = Video("both", (first, second), ("nothing",))
    assert list(video.questions()) == [
        ("one", [[0.0, 0.8]]),
        ("two", [[1.8, 2.4]]),
        ("three", [[0.8, 1.0]]),
        ("nothing", []),
    ]
    join(video.pieces, {"clip": Path(corpus.path("frames50.mp4"))}, tmp_path / "both.mp4")
    with av.open(str(tmp_path / "both.mp4")) as container:
        frames = list(container.decode(video=0))
    assert len(frames) / 25 == pytest.approx(video.duration)
    assert (frames[0].width, frames[0].height) == (640, 360)
