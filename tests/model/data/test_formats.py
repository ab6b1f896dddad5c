"""What stands in each format becomes which record."""

import json
import shutil
from pathlib import Path

import pytest
import srt
from annotations import CHARADES, DURATIONS, EXCERPTS, GSUB, NEXTGQA, conversation, native, qvhighlights, read, write
from conftest import SHARED, Corpus

from videoexpert.data.durations import read_durations
from videoexpert.data.problems import Problem
from videoexpert.data.reading import read_records
from videoexpert.data.records import Record, queries_of
from videoexpert.errors import DataError, ResultsError
from videoexpert.timeline import Answer, Moment, Saliency, Span

BY_FORMAT = {excerpt.format: excerpt for excerpt in EXCERPTS}


def only(path: Path) -> Record:
    (record,) = read(path).records
    return record


def test_qvhighlights(tmp_path: Path) -> None:
    timeline = only(write(tmp_path, BY_FORMAT["qvhighlights"])).timeline
    assert (timeline.id, timeline.query, timeline.video.path) == ("8737", "A family plays.", "bP5K_660.0_810.0")
    assert timeline.moments == (Moment(Span(0, 4)),)
    assert timeline.saliency == Saliency(tuple(2.0 * clip for clip in range(63)), (2.0, 2.0, *[0.0] * 61))


def test_qvhighlights_without_labels_is_read_and_said(tmp_path: Path) -> None:
    line = json.loads(qvhighlights())
    text = json.dumps({key: line[key] for key in ("qid", "query", "duration", "vid")})
    found = read(write(tmp_path, BY_FORMAT["qvhighlights"], text))
    assert found.records[0].timeline.moments == ()
    assert [problem.kind for problem in found.warnings] == ["unlabelled"]


def test_charades_spans_that_end_late_are_cut_and_counted(tmp_path: Path) -> None:
    text = CHARADES + "AKO6M 12.7 19.9##the person takes a bag.\n"
    path = write(tmp_path, BY_FORMAT["charades-sta"], text)
    found = read(path)
    assert [record.timeline.moments[0].span for record in found.records] == [Span(24.3, 30.4), Span(12.7, 18.58)]
    message = "the span 12.7 .. 19.9 is cut by 1.32 s: the video has 18.58 s"
    assert found.problems == (Problem(f"{path}:2", message, "overhang", "warning"),)


def test_captions_are_tidied_and_in_time_order(tmp_path: Path) -> None:
    record = only(write(tmp_path, BY_FORMAT["activitynet"]))
    assert record.lesson == "caption" and record.timeline.id == "v_uqi"
    assert record.timeline.moments == (
        Moment(Span(0.28, 55.15), text="Café."),
        Moment(Span(13.79, 54.32), text="He lifts it."),
    )
    queries = [(query.timeline.id, query.timeline.query, query.timeline.moments) for query in queries_of(record)]
    assert queries == [
        ("v_uqi_0", "Café.", (Moment(Span(0.28, 55.15)),)),
        ("v_uqi_1", "He lifts it.", (Moment(Span(13.79, 54.32)),)),
    ]
    assert {query.lesson for query in queries_of(record)} == {"ground"}


def test_of_two_equal_options_the_first_is_right(tmp_path: Path) -> None:
    timeline = only(write(tmp_path, BY_FORMAT["nextgqa"])).timeline
    assert timeline.answer == Answer("lay, on floor", "B", ("clap", "lay, on floor", "lay, on floor"))
    assert (timeline.id, timeline.query, timeline.video.duration) == ("257_8", "what did the baby do", 35.0)
    assert [moment.span for moment in timeline.moments] == [Span(0.0, 12.6), Span(29.1, 34.8)]


def test_nextqa_csv_gives_the_number_of_the_answer(tmp_path: Path) -> None:
    text = "video,question,answer,qid,type,a0,a1\n257,why,1,0,CW,0,because\n"
    timeline = only(write(tmp_path, BY_FORMAT["nextgqa"], text)).timeline
    assert timeline.answer == Answer("because", "B", ("0", "because"))


def test_a_row_on_two_lines_is_one_row(tmp_path: Path) -> None:
    text = NEXTGQA.replace("the baby", '"the\nbaby"').replace('what did "the\nbaby" do', '"what did the\nbaby do"')
    bad = text + "257,719,320,240,why,what,9,TN,a,b,c\n"
    path = write(tmp_path, BY_FORMAT["nextgqa"], bad)
    found = read(path)
    assert found.records[0].timeline.query == "what did the baby do"
    assert found.records[0].origin == f"{path}:2"
    assert [error.where for error in found.errors] == [f"{path}:4"]


def test_the_spans_alone_are_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "gsub.json").write_text(GSUB)
    with pytest.raises(DataError, match="not its questions"):
        read_records([tmp_path / "gsub.json"])


def test_conversations_are_those_of_the_authors(tmp_path: Path) -> None:
    vectors = SHARED / "conformance" / "videoexpert" / "datasets.json"
    if not vectors.exists():
        pytest.skip("NOT TESTED: ../shared is missing, so conversations were not compared with the reference")
    for case in json.loads(vectors.read_text())["pretrain"]:
        item = {"meta": {"duration": 1.0, "token": {}}} | case["input"]
        path = write(tmp_path, BY_FORMAT["conversation"], json.dumps([item]))
        record = only(path)
        told = [{"from": who, "value": text} for turn in record.turns for who, text in _spoken(turn)]
        assert told == case["output"]["conversations"]
        assert len(record.timeline.moments) == case["output"]["n_loc_targets"]
        assert record.lesson == "dialogue"


def _spoken(turn) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    return [("human", turn.question), ("gpt", turn.answer)]


def test_a_conversation_of_nothing_but_times_is_refused(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "What from <s0> to <e0>?"}, {"from": "gpt", "value": "A cat."}]
    found = read(write(tmp_path, BY_FORMAT["conversation"], conversation(conversations=turns)))
    assert "every question holds a time" in found.errors[0].message


@pytest.fixture
def beside_a_video(tmp_path: Path, corpus: Corpus) -> Path:
    shutil.copy(corpus.path("hevc.mp4"), tmp_path / "clip.mp4")
    return tmp_path


def test_subtitles_as_they_are_found(beside_a_video: Path) -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:04,000\n<i>A &amp; B</i> {\\an8}x < 3\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\nfirst\n\nsecond\n"
        "3\n0:00:05.5 --> 0:00:06.25 X1:1\n- 7\n- 8\n"
        "00:00:09,000 --> 00:00:11,500\nlate"
    )
    found = read(write(beside_a_video, BY_FORMAT["srt"], text))
    assert [(m.span.start, m.span.end, m.text) for m in found.records[0].timeline.moments] == [
        (1.0, 4.0, "A &amp; B x < 3"),
        (2.0, 3.0, "first second"),
        (5.5, 6.25, "- 7 - 8"),
        (9.0, 10.0, "late"),
    ]
    assert [problem.kind for problem in found.problems] == ["overhang"]


def test_srt_is_read_as_the_srt_package_reads_it(beside_a_video: Path) -> None:
    record = only(write(beside_a_video, BY_FORMAT["srt"]))
    expected = [
        (cue.start.total_seconds(), cue.end.total_seconds(), " ".join(cue.content.split()))
        for cue in srt.parse(BY_FORMAT["srt"].text.replace("<i>", "").replace("</i>", ""))
    ]
    assert [(m.span.start, m.span.end, m.text) for m in record.timeline.moments] == expected


def test_vtt_markup_is_not_read_aloud(beside_a_video: Path) -> None:
    record = only(write(beside_a_video, BY_FORMAT["vtt"]))
    assert [moment.text for moment in record.timeline.moments] == ["Tom & Jerry", "Yes"]


@pytest.mark.parametrize("codec", ["utf-16", "cp1252"])
def test_subtitles_older_than_utf8_are_read(codec: str, beside_a_video: Path) -> None:
    text = BY_FORMAT["srt"].text.replace("Yes", "Café")
    found = read(write(beside_a_video, BY_FORMAT["srt"], text.encode(codec)))
    assert found.records[0].timeline.moments[1].text == "Café"
    assert [problem.kind for problem in found.problems] == (["encoding"] if codec == "cp1252" else [])


def test_a_language_may_stand_before_the_suffix(beside_a_video: Path) -> None:
    path = write(beside_a_video, BY_FORMAT["srt"]).rename(beside_a_video / "clip.pt-BR.srt")
    assert only_path(path) == str(beside_a_video / "clip.mp4")


def only_path(path: Path) -> str:
    return read_records([path]).records[0].timeline.video.path


def test_native_paths_count_from_the_working_folder_then_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "clip.mp4").touch()
    path = write(tmp_path / "set", BY_FORMAT["native"])
    monkeypatch.chdir(tmp_path)
    assert only_path(path) == str(tmp_path / "set" / "clip.mp4")
    (tmp_path / "clip.mp4").touch()
    assert only_path(path) == "clip.mp4"


def test_videos_are_found_by_name_in_folders_below(tmp_path: Path) -> None:
    (tmp_path / "videos" / "a").mkdir(parents=True)
    (tmp_path / "videos" / "a" / "bP5K_660.0_810.0.mkv").touch()
    (tmp_path / "videos" / "a" / "loop").symlink_to(tmp_path / "videos")
    path = write(tmp_path, BY_FORMAT["qvhighlights"])
    found = read_records([path], videos=tmp_path / "videos")
    assert found.records[0].timeline.video.path == str(tmp_path / "videos" / "a" / "bP5K_660.0_810.0.mkv")


def test_a_document_is_as_good_as_lines(tmp_path: Path) -> None:
    document = {"schema": "vex.results/1", "results": [json.loads(native()), {"task": "ground"}]}
    for indent in (None, 1):
        path = tmp_path / "talk.json"
        path.write_text(json.dumps(document, indent=indent))
        found = read_records([path])
        assert len(found.records) == 1
        (error,) = found.errors
        assert 'no "video"' in error.message and error.where == f"{path}:{1 if indent is None else 19}"


@pytest.mark.parametrize("text", [DURATIONS, '{"3MSZA": 30.96, "AKO6M": {"duration": 18.58}}'])
def test_durations(text: str, tmp_path: Path) -> None:
    (tmp_path / "d").write_text(text)
    assert read_durations(tmp_path / "d") == {"3MSZA": 30.96, "AKO6M": 18.58}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", ":1: no durations"),
        ("id,length\nX,long\n", ":2: the duration must be a number, not 'long'"),
        ("id,length\nX,-1\n", ':2: the duration of "X" must be positive'),
        ('{"a": "b"}', ":1: "),
    ],
)
def test_durations_that_are_none_say_where(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "d").write_text(text)
    with pytest.raises((DataError, ResultsError)) as caught:
        read_durations(tmp_path / "d")
    assert f"{tmp_path / 'd'}{says}" in caught.value.message


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(DataError, match="unknown format") as caught:
        read_records([tmp_path / "notes.txt"])
    assert "charades-sta" in (caught.value.hint or "")
