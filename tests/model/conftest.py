"""Models that several tests of the predictor share: a random one, and one that was taught a few answers."""

import pytest
from conftest import Corpus
from tiny_model import Lesson, Parts, teach, tiny_parts

from videoexpert.config import LOC
from videoexpert.features import EncodedVideo
from videoexpert.options import WindowOptions
from videoexpert.prompts import Turn, asking, captioning, choosing, grounding
from videoexpert.timeline import Span


@pytest.fixture(scope="session")
def parts() -> Parts:
    return tiny_parts()


@pytest.fixture(scope="session")
def windowed(parts: Parts, corpus: Corpus) -> EncodedVideo:
    """A minute of video in windows of 25 s that share 5 s."""
    return parts.predictor().encode(corpus.path("h264_360p_60s.mp4"), windows=WindowOptions(25, 5))


@pytest.fixture(scope="session")
def taught(corpus: Corpus) -> tuple[Parts, EncodedVideo]:
    """A model that was taught what happens in ten seconds of video: a ball from 2.5 to 5 s, a cat from 6 to 9 s."""
    parts = tiny_parts()
    video = parts.predictor().encode(corpus.path("h264.mkv"))
    ball, cat = [Span(2.5, 5)], [Span(6, 9)]
    options = ["a ball", "a cat", "a dog"]
    lessons = [
        Lesson(grounding("A red ball.", answered=True), [ball]),
        Lesson(grounding("a cat", answered=True), [cat]),
        Lesson(captioning(["A ball rolls.", "A cat sleeps."]), [ball, cat]),
        Lesson(choosing("What sleeps?", options, correct=1, evidence=True), [cat]),
        Lesson(Turn(asking("What is red?").question, "The ball is red."), []),
        Lesson(Turn(asking("When does it roll?").question, f"It rolls from {LOC}, fast."), [ball]),
        Lesson(Turn(asking("When does it roll?").question, f"From {LOC}."), [ball]),
    ]
    teach(parts, video, lessons)
    return parts, video
