"""What every reader promises: good files become records, and each bad part is named with its line and left out."""

import shutil
from pathlib import Path

import pytest
from annotations import EXCERPTS, Excerpt, captions, read, write
from conftest import Corpus

from videoexpert.data.files import AnnotationFile
from videoexpert.data.formats import detect_format
from videoexpert.errors import ResultsError

every_format = pytest.mark.parametrize("excerpt", EXCERPTS, ids=lambda excerpt: excerpt.format)
MISTAKES = [
    pytest.param(excerpt, *mistake, id=f"{excerpt.format}-{name}")
    for excerpt in EXCERPTS
    for name, mistake in excerpt.bad.items()
]


@pytest.fixture
def folder(tmp_path: Path, corpus: Corpus) -> Path:
    """A folder with a video of ten seconds, beside which subtitles may lie."""
    shutil.copy(corpus.path("hevc.mp4"), tmp_path / "clip.mp4")
    return tmp_path


@every_format
def test_a_good_file_is_read_without_a_word(excerpt: Excerpt, folder: Path) -> None:
    path = write(folder, excerpt)
    found = read(path)
    assert found.errors == ()
    assert [problem.kind for problem in found.warnings] == (["overhang"] if excerpt.format == "nextgqa" else [])
    (record,) = found.records
    assert record.timeline.moments
    assert record.origin.startswith(f"{path}:")
    assert read(path, format=excerpt.format) == found
    if excerpt.format != "nextqa":
        assert detect_format(AnnotationFile.read(path)) == excerpt.format


@every_format
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="BOM"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n\r\n", id="both"),
    ],
)
def test_byte_order_marks_and_line_ends_do_not_matter(excerpt: Excerpt, spoil, folder: Path) -> None:  # type: ignore[no-untyped-def]
    plain = read(write(folder, excerpt))
    assert read(write(folder, excerpt, spoil(excerpt.text))) == plain


@pytest.mark.parametrize(("excerpt", "text", "line", "says"), MISTAKES)
def test_a_mistake_is_an_error_with_its_line(excerpt: Excerpt, text: str, line: int, says: str, folder: Path) -> None:
    path = write(folder, excerpt, text)
    found = read(path, format=excerpt.format)
    (error,) = found.errors
    assert error.where == f"{path}:{line}"
    assert says in error.message
    assert str(error).startswith(f"{path}:{line}: ")
    assert sum(len(record.timeline.moments) for record in found.records) <= 2


@every_format
def test_a_missing_video_is_an_error_where_videos_are_needed(excerpt: Excerpt, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    path = write(tmp_path, excerpt)
    found = read(path, videos=tmp_path / "none")
    assert found.records == ()
    assert ("video", True) in {(error.kind, error.where.startswith(f"{path}:")) for error in found.errors}
    assert read(path, need_videos=True).records == ()


@every_format
def test_the_same_twice_is_a_warning(excerpt: Excerpt, folder: Path) -> None:
    if excerpt.format in ("srt", "vtt"):
        found = read(write(folder, excerpt))
        assert len(found.records) == 1  # a file is one record
        return
    text = excerpt.text.rstrip("\n")
    if excerpt.format == "nextgqa":
        text += "\n" + text.split("\n", 1)[1]
    elif text.startswith("[") or excerpt.format == "activitynet":
        text = f"{text[:-1]},{text[1:]}"
    else:
        text = f"{text}\n{text}"
    found = read(write(folder, excerpt, text))
    assert len(found.records) == 2
    assert [warning.kind for warning in found.warnings if warning.kind != "overhang"] == ["duplicate"]


@every_format
def test_a_line_of_100_mb_is_refused(excerpt: Excerpt, folder: Path) -> None:
    long = b"x" * 100_000_000
    if excerpt.format in ("srt", "vtt"):
        path = write(folder, excerpt, excerpt.text.encode() + b"\n00:00:08,000 --> 00:00:09,000\n" + long)
    elif excerpt.text.startswith("["):
        path = write(folder, excerpt, excerpt.text.encode()[:-1] + b',{"x":"' + long + b'"}]')
    elif excerpt.format == "activitynet":
        path = write(folder, excerpt, excerpt.text.encode()[:-1] + b',"v_2":{"x":"' + long + b'"}}')
    else:
        path = write(folder, excerpt, excerpt.text.encode().rstrip(b"\n") + b"\n" + long + b"\n")
    found = read(path)
    (error,) = found.errors
    assert error.kind == "broken" and error.where.startswith(f"{path}:")
    assert len(found.records) == 1


@every_format
def test_cut_and_spoiled_files_never_crash(excerpt: Excerpt, folder: Path) -> None:
    raw = excerpt.text.encode()
    for cut in range(0, len(raw), 7):
        for data in (raw[:cut], raw[:cut] + b"\xff\x00" + raw[cut:], raw[:cut] + b'"' + raw[cut + 1 :]):
            path = write(folder, excerpt, data)
            try:
                found = read(path, format=excerpt.format)
            except ResultsError as error:
                assert error.message.startswith(str(path))
            else:
                assert found.records or found.problems or not data.strip()


def test_only_the_sentence_that_is_wrong_is_left_out(tmp_path: Path) -> None:
    found = read(write(tmp_path, EXCERPTS[3], captions(timestamps=[[5, 4], [0.28, 55.151]])))
    assert [moment.text for moment in found.records[0].timeline.moments] == ["Café."]
    assert len(found.errors) == 1
