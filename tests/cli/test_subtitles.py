"""Subtitles, read back by the parsers that others use: the same times, the same words, nothing lost."""

import html
import os
import re
from datetime import timedelta
from pathlib import Path

import pysubs2
import pytest
import srt
from hypothesis import given
from hypothesis import strategies as st
from sample_timelines import spans, timeline, timelines

from vexcli.outputs import WRITERS
from vexcli.outputs.subtitles import Cue, cues
from videoexpert.errors import OutputError
from videoexpert.ffmpeg import file_url, run
from videoexpert.timeline import Answer, Moment, Source, Span, Timeline

TWO_DIGIT_HOURS = 99 * 3600.0
"""Seconds: as far as pysubs2 reads."""

each_format = pytest.mark.parametrize("name", ["srt", "vtt"])
many_spans = st.lists(spans(TWO_DIGIT_HOURS), max_size=6)


def read_srt(text: str) -> list[Cue]:
    millisecond = timedelta(milliseconds=1)
    read = list(srt.parse(text))
    assert [subtitle.index for subtitle in read] == list(range(1, len(read) + 1))
    return [Cue(subtitle.start // millisecond, subtitle.end // millisecond, subtitle.content) for subtitle in read]


def read_vtt(text: str) -> list[Cue]:
    """A reader by the letter of the WebVTT standard, for what it allows us to write."""
    header, *blocks = text.split("\n\n")
    assert header.rstrip("\n") == "WEBVTT"
    read = []
    for block in blocks:
        timing, words = block.rstrip("\n").split("\n", 1)
        assert "-->" not in words
        numbers = re.fullmatch(
            r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})", timing
        )
        assert numbers
        h, m, s, ms, h2, m2, s2, ms2 = map(int, numbers.groups())
        start, end = (h * 60 + m) * 60_000 + s * 1000 + ms, (h2 * 60 + m2) * 60_000 + s2 * 1000 + ms2
        read.append(Cue(start, end, html.unescape(words)))
    return read


def without_joiners(cue: Cue) -> Cue:
    """The cue without the invisible characters that keep players from seeing markup."""
    return Cue(cue.start, cue.end, cue.words.replace("\u2060", ""))


@each_format
@given(chosen=many_spans)
def test_pysubs2_reads_the_same_times(name: str, chosen: list[Span]) -> None:
    text = WRITERS[name].write([timeline(*((span.start, span.end) for span in chosen))])
    read = pysubs2.SSAFile.from_string(text, format_=name) if chosen else []
    assert len(read) == len(chosen)
    for event, span in zip(read, sorted(chosen), strict=True):
        assert event.start < event.end
        assert abs(event.start - span.start * 1000) <= 0.501
        # Half a millisecond, or what is needed to show the cue at all.
        assert abs(event.end - span.end * 1000) <= 0.501 or event.end == event.start + 1
        assert event.text == "a dog"


@given(result=timelines())
def test_any_words_come_back_from_srt(result: Timeline) -> None:
    written = cues([result])
    assert len(written) == len(result.moments)
    read = read_srt(WRITERS["srt"].write([result]))
    assert [without_joiners(cue) for cue in read] == [
        without_joiners(Cue(cue.start, cue.end, re.sub("-{2,}>", "->", cue.words))) for cue in written
    ]


@given(result=timelines())
def test_any_words_come_back_from_vtt(result: Timeline) -> None:
    assert read_vtt(WRITERS["vtt"].write([result])) == cues([result])


@given(result=timelines())
def test_cues_are_in_order_and_never_blank(result: Timeline) -> None:
    written = cues([result])
    assert [cue.start for cue in written] == sorted(cue.start for cue in written)
    for cue in written:
        assert cue.start < cue.end
        assert cue.words
        assert all(
            line.strip() == line != "" for line in re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", cue.words)
        )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines", "two\nlines"),
        ("a\r\n\r\n \t\r\nb", "a\nb"),
        ("\n\n1\n00:00 text", "1\n00:00 text"),
        ("tab\tand\x00nul\x1b[31m", "tab and nul [31m"),
        ("שלום 🎬 مرحبا", "שלום 🎬 مرحبا"),
        ("   ", "a dog"),
        ("a cat\N{NO-BREAK SPACE}\n\N{IDEOGRAPHIC SPACE}\nasleep", "a cat\nasleep"),
        ("\0", "ground"),
        ("2 < 3 & 4", "2 < 3 & 4"),
    ],
)
def test_words_as_pysubs2_shows_them(said: str, shown: str) -> None:
    results = [timeline((1, 2), (3, 4), text=said)]
    for name in ("srt", "vtt"):
        read = pysubs2.SSAFile.from_string(WRITERS[name].write(results), format_=name)
        assert [html.unescape(event.plaintext) if name == "vtt" else event.plaintext for event in read] == [shown] * 2


@pytest.mark.parametrize(
    ("said", "srt_text", "vtt_text"),
    [
        ("a --> b", "a -> b", "a --&gt; b"),
        ("a ----> b", "a -> b", "a ----&gt; b"),
        ("<b>bold</b> & co", "<\u2060b>bold<\u2060/b> & co", "&lt;b&gt;bold&lt;/b&gt; &amp; co"),
        ("1 < 2, I <3 u", "1 < 2, I <3 u", "1 &lt; 2, I &lt;3 u"),
        ("00:00:09,000 --> 00:00:10,000\nx", "00:00:09,000 -> 00:00:10,000\nx", "00:00:09,000 --&gt; 00:00:10,000\nx"),
    ],
)
def test_what_means_something_to_a_player(said: str, srt_text: str, vtt_text: str) -> None:
    results = [timeline((1, 2), text=said)]
    assert WRITERS["srt"].write(results) == f"1\n00:00:01,000 --> 00:00:02,000\n{srt_text}\n\n"
    assert WRITERS["vtt"].write(results) == f"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{vtt_text}\n"


@pytest.mark.parametrize(
    "said", ["a <person> waves", "1 <2> 3", "<b>x</b>", "{\\an8}top", "if a < b > c", "I <3 u & co"]
)
@each_format
def test_ffmpeg_shows_every_word(name: str, said: str, tmp_path: Path) -> None:
    """Players that stand on FFmpeg leave out what looks like markup."""
    subtitles, shown = tmp_path / f"talk.{name}", tmp_path / "shown.ass"
    subtitles.write_text(WRITERS[name].write([timeline((1, 2), text=said)]), encoding="utf-8")
    run(["-i", file_url(subtitles), file_url(shown)])
    (event,) = [line for line in shown.read_text(encoding="utf-8").splitlines() if line.startswith("Dialogue")]
    words = event.replace("\u2060", "").split(",", 9)[9]
    assert words.replace("{{}", "{").replace("\\{", "{").replace("\\}", "}") == said  # as ffmpeg escapes them in ASS


@pytest.mark.parametrize(
    ("span", "times"),
    [
        ((0.0, 0.0001), "00:00:00,000 --> 00:00:00,001"),
        ((1.9999, 2.9999), "00:00:02,000 --> 00:00:03,000"),
        ((0.0014, 0.0016), "00:00:00,001 --> 00:00:00,002"),
        ((59.9996, 3599.9996), "00:01:00,000 --> 01:00:00,000"),
        ((359_999.5, 360_000.25), "99:59:59,500 --> 100:00:00,250"),
    ],
)
def test_times_are_rounded_and_never_empty(span: tuple[float, float], times: str) -> None:
    results = [timeline(span)]
    assert times in WRITERS["srt"].write(results)
    assert times.replace(",", ".") in WRITERS["vtt"].write(results)


def test_the_moments_of_several_queries_share_a_file_in_time_order() -> None:
    results = [timeline((5, 9), (1, 2), query="a dog"), timeline((1, 3), (6, 7), query="a cat")]
    assert [(cue.start, cue.end, cue.words) for cue in cues(results)] == [
        (1000, 2000, "a dog"),
        (1000, 3000, "a cat"),
        (5000, 9000, "a dog"),
        (6000, 7000, "a cat"),
    ]


def test_an_answer_stands_where_its_evidence_is() -> None:
    result = Timeline(Source("a.mp4", 9.0), "ask", "why?", (Moment(Span(1, 2)),), answer=Answer("It rains"))
    assert [cue.words for cue in cues([result])] == ["It rains"]


def test_a_query_with_bytes_that_are_not_utf8() -> None:
    text = WRITERS["srt"].write([timeline((1, 2), query=os.fsdecode(b"caf\xe9"))])
    assert "caf\\xe9" in text


def test_what_srt_cannot_count_says_so() -> None:
    endless = timeline((1e15, 2e15), duration=1e16)
    with pytest.raises(OutputError, match=r"talk\.mp4: a moment lies too far out for SRT"):
        WRITERS["srt"].write([endless])
