"""Results as JSON: what is read is what was written, and a file that a person broke says where."""

import io
import json
import os
import sys
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import Corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_timelines import timeline, timelines

from videoexpert.errors import ResultsError
from videoexpert.results import dumps_document, dumps_line, read_results
from videoexpert.timeline import TASKS, Timeline

SCHEMA = json.loads(files("vexcli").joinpath("schema/results-1.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

each_into_one_file = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def read(folder: Path, data: str | bytes, name: str = "talk.json") -> list[Timeline]:
    file = folder / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_results(file)


def complaint(folder: Path, data: str | bytes, name: str = "talk.json") -> str:
    """What reading the data says, without the folder; the hint in brackets."""
    with pytest.raises(ResultsError) as caught:
        read(folder, data, name)
    error = caught.value
    assert "\n" not in error.message
    said = error.message.replace(f"{folder}{os.sep}", "")
    return said + (f" [{error.hint}]" if error.hint else "")


def document(**changes: Any) -> str:
    """A document with one result, a value on each line, with some members of the result changed."""
    result: dict[str, Any] = {
        "video": {"path": "talk.mp4", "duration": 60.0},
        "task": "annotation",
        "moments": [{"start": 1.0, "end": 2.5}, {"start": 5.0, "end": 7.0}],
    }
    return json.dumps({"schema": "vex.results/1", "results": [result | changes]}, indent=2)


def line_of(text: str, part: str) -> int:
    """The line on which `part`, which stands there once, begins."""
    assert text.count(part) == 1
    return text[: text.index(part)].count("\n") + 1


@each_into_one_file
@given(results=st.lists(timelines(), max_size=3))
def test_a_document_reads_back_the_same(results: list[Timeline], tmp_path: Path) -> None:
    text = dumps_document(results)
    assert read(tmp_path, text) == results
    VALIDATOR.validate(json.loads(text))


@each_into_one_file
@given(results=st.lists(timelines(), min_size=1, max_size=3), end=st.sampled_from(["\n", "\r\n", "\n\n", "\n  \n"]))
def test_lines_read_back_the_same(results: list[Timeline], end: str, tmp_path: Path) -> None:
    lines = [dumps_line(result) for result in results]
    assert not any(len(line.splitlines()) > 1 for line in lines)
    assert read(tmp_path, end.join(lines)) == results
    assert read(tmp_path, b"\xef\xbb\xbf" + end.join([*lines, ""]).encode()) == results
    for line in lines:
        VALIDATOR.validate(json.loads(line))


def test_a_name_that_is_not_utf8_keeps_its_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xff.mp4")
    text = dumps_line(timeline((1, 2), path=name))
    assert "caf\\udce9 \\udcff.mp4" in text
    assert os.fsencode(read(tmp_path, text)[0].video.path) == b"caf\xe9 \xff.mp4"


def test_what_is_not_there_is_left_out() -> None:
    assert json.loads(dumps_line(timeline(query=None, fps=None, duration=2.0))) == {
        "schema": "vex.results/1",
        "video": {"path": "talk.mp4", "duration": 2.0},
        "task": "ground",
        "moments": [],
    }


def test_a_document_has_a_line_for_each_moment() -> None:
    lines = dumps_document([timeline((1, 2), (3, 4), query="é\n", fps=Fraction(30000, 1001), duration=60.0)]).split(
        "\n"
    )
    assert lines == [
        "{",
        '  "schema": "vex.results/1",',
        '  "results": [',
        "    {",
        '      "video": {"path": "talk.mp4", "duration": 60.0, "fps": "30000/1001"},',
        '      "task": "ground",',
        '      "query": "é\\n",',
        '      "moments": [',
        '        {"start": 1, "end": 2},',
        '        {"start": 3, "end": 4}',
        "      ]",
        "    }",
        "  ]",
        "}",
    ]


def test_stdin_is_read_for_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(dumps_line(timeline((1, 2))).encode())))
    assert read_results("-") == [timeline((1, 2))]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    with pytest.raises(ResultsError, match=r"^<stdin>:1: broken JSON"):
        read_results("-")


def test_null_is_as_good_as_absent(tmp_path: Path) -> None:
    text = document(
        video={"path": "talk.mp4", "duration": 60, "fps": None, "width": None, "height": 720.0},
        query=None,
        moments=[{"start": 0, "end": 1, "score": None, "text": None}],
        saliency=None,
        answer=None,
        provenance={"model": "me", "prompt": None, "windows": None, "seed": None},
        warnings=None,
    )
    VALIDATOR.validate(json.loads(text))
    (result,) = read(tmp_path, text)
    assert result.video.height == 720
    assert result.moments[0].score is None


# What a person may write into a result, by the member of the result that it changes: each time the value to blame,
# which stands once in the file, and what is said of it.
MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    ({"moments": [{"start": 5.0, "end": 3.2}]}, "3.2", '"end" (3.2) lies before "start" (5.0)'),
    ({"moments": [{"start": 5.0, "end": 5}]}, "5\n", '"end" (5.0) must lie after "start" (5.0)'),
    ({"moments": [{"start": -5.5, "end": 3}]}, "-5.5", '"start" (-5.5) must not be negative'),
    ({"moments": [{"start": 5.0, "end": 61.5}]}, "61.5", '"end" (61.5) lies after the end of the video (60.0)'),
    ({"moments": [{"start": 1, "end": "3.2"}]}, '"3.2"', '"end" must be a number, not "3.2" [write it without quotes]'),
    ({"moments": [{"start": True, "end": 3}]}, "true", '"start" must be a number, not true'),
    ({"moments": [{"start": None, "end": 3}]}, "null", '"start" must be a number, not null'),
    ({"moments": [{"start": 1, "end": float("nan")}]}, "NaN", '"end" must be a finite number, not NaN'),
    (
        {"moments": [{"start": 1, "end": 2, "score": float("inf")}]},
        "Inf",
        '"score" must be a finite number, not Infinity',
    ),
    (
        {"moments": [{"start": 1, "end": 2}, {"start": 8}]},
        '{\n          "start": 8',
        'item 2 of "moments" has no "end"',
    ),
    ({"moments": [{"strat": 7, "end": 8}]}, "7,", 'unknown key "strat" [did you mean "start"?]'),
    ({"moments": [[1, 2]]}, "[\n          1", 'item 1 of "moments" must be an object, not a list'),
    ({"moments": {"start": 1}}, '{\n        "start"', '"moments" must be a list, not an object'),
    ({"moments": [{"start": 1, "end": 2, "text": 7}]}, "7\n", '"text" must be a text in quotes, not 7'),
    ({"task": "grond"}, '"grond"', 'unknown task "grond" [did you mean "ground"?]'),
    ({"task": "x"}, '"x"', 'unknown task "x" [tasks: ground, highlights, caption, ask, annotation]'),
    ({"qurey": "dog"}, '"dog"', 'unknown key "qurey" [did you mean "query"?]'),
    (
        {"schema": "vex.results/2"},
        '/2"',
        "written by a newer vex (vex.results/2); this one reads vex.results/1 [update vex]",
    ),
    ({"video": {"path": "", "duration": 1}}, '""', '"path" must not be empty'),
    ({"video": {"path": "a", "duration": 0}}, "0\n", '"duration" must be positive, not 0.0'),
    ({"video": {"path": "a", "duration": 10**400}}, "1000", '"duration" must be a finite number, not Infinity'),
    ({"video": {"path": "a", "duration": 90, "width": 1.5}}, "1.5", '"width" must be a whole number, not 1.5'),
    ({"video": {"path": "a", "duration": 90, "height": -4}}, "-4", '"height" must be positive, not -4.0'),
    ({"saliency": {"times": [0, 2, 1.25], "scores": [1, 1, 1]}}, "1.25", '"times" must rise, but 1.25 follows 2.0'),
    ({"saliency": {"times": [-1.25], "scores": [1]}}, "-1.25", '"times" must not be negative, got -1.25'),
    ({"saliency": {"times": [0], "scores": []}}, "[]\n      }", '"scores" holds 0 numbers but "times" 1'),
    (
        {"saliency": {"times": ["0"], "scores": [1]}},
        '"0"',
        'item 1 of "times" must be a number, not "0" [write it without quotes]',
    ),
    ({"answer": {"option": "A"}}, '{\n        "option"', '"answer" has no "text"'),
    (
        {"answer": {"text": "in", "option": "C", "options": ["in", "out"]}},
        '"C"',
        '"option" must be one of the letters A, B',
    ),
    ({"answer": {"text": "in", "options": ["in"]}}, '[\n          "in"', '"option" must be one of the letters A'),
    ({"id": 8737}, "8737", '"id" must be a text in quotes, not 8737'),
    ({"provenance": {"model": "m", "seed": 1.5}}, "1.5", '"seed" must be a whole number, not 1.5'),
    (
        {"provenance": {"model": "m", "windows": [[0, 9], [8]]}},
        "[\n            8",
        'item 2 of "windows" must hold two numbers, start and end, not 1',
    ),
    (
        {"provenance": {"model": "m", "windows": [[9.5, 8.5]]}},
        "8.5",
        'item 2 of item 1 of "windows" (8.5) lies before item 1 of item 1 of "windows" (9.5)',
    ),
    ({"warnings": ["a", 17]}, "17", 'item 2 of "warnings" must be a text in quotes, not 17'),
]


@pytest.mark.parametrize(("change", "blamed", "says"), MISTAKES, ids=[says[:40] for _, _, says in MISTAKES])
def test_a_mistake_is_named_with_its_line(change: dict[str, Any], blamed: str, says: str, tmp_path: Path) -> None:
    text = document(**({"moments": []} | change))
    assert complaint(tmp_path, text) == f"talk.json:{line_of(text, blamed)}: {says}"


@pytest.mark.parametrize("fps", [25, 29.97, "0", "25/0", "29.97", "", "-25", "25\n", "٢٥", "1" * 5000])
def test_a_frame_rate_is_an_exact_fraction(fps: object, tmp_path: Path) -> None:
    text = document(video={"path": "a", "duration": 90, "fps": fps})
    assert '"fps" must be a whole number or a fraction, in quotes [such as "25" or' in complaint(tmp_path, text)
    assert not VALIDATOR.is_valid(json.loads(text)) or fps == "25\n"  # Python's `$` allows it, JSON Schema's does not


def test_a_mistake_in_a_line_names_the_line_of_the_file(tmp_path: Path) -> None:
    good, bad = dumps_line(timeline((1, 2))), dumps_line(timeline((1, 2))).replace('"end": 2', '"end": 0.5')
    text = f"{good}\r\n\r\n{good}\n{bad}\n{good}\n"
    assert complaint(tmp_path, text, "all.jsonl") == 'all.jsonl:4: "end" (0.5) lies before "start" (1.0)'
    assert complaint(tmp_path, f"{good}\n{good[:-1]}\n{good}").startswith("talk.json:2: broken JSON")
    assert complaint(tmp_path, f"{good[:-1]}\n{good}\n{good}").startswith("talk.json:1: broken JSON")


@pytest.mark.parametrize(
    ("before", "after", "blamed", "says"),
    [
        ('"end": 2.5', '"end": 2.5,', '"end": 2.5,', "broken JSON: a comma too many before the closing bracket"),
        ('"start": 5.0,', '"start": 5.0', '"start": 5.0', "broken JSON: Expecting ',' delimiter after this"),
        ('"end": 2.5', "end: 2.5", "end: 2.5", "broken JSON: Expecting property name enclosed in double quotes"),
        ('"end": 2.5', '"end": 2,5', '"end": 2,5', "broken JSON: Expecting property name enclosed in double quotes"),
        ('"end": 2.5', '"end": ', '"end": \n', "broken JSON: Expecting value after this"),
        ('"end": 2.5', '"end": 2.5 // ?', '"end": 2.5', "broken JSON: Expecting ',' delimiter after this"),
        ('"end": 2.5', '"end": 2.5, "end": 2.5', '"end": 2.5, "end"', '"end" is given twice [keep one of the two]'),
        ('"task": ', '"task": "ask",\n"task": ', '"task": "annotation"', '"task" is given twice [keep one of the two]'),
    ],
)
def test_broken_json_is_named_with_its_line(before: str, after: str, blamed: str, says: str, tmp_path: Path) -> None:
    text = document().replace(before, after)
    assert complaint(tmp_path, text).startswith(f"talk.json:{line_of(text, blamed)}: {says}")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "talk.json: is empty [the run that should have written it may have been stopped]"),
        (b"\xef\xbb\xbf \n\n", "talk.json: is empty [the run that should have written it may have been stopped]"),
        (b"hello\n", "talk.json:1: not JSON [give a .json or .jsonl file that vex wrote]"),
        (
            b"1\n00:00:01,000 --> 00:00:02,000\nhi\n",
            "talk.json:1: not JSON [give a .json or .jsonl file that vex wrote]",
        ),
        (b'{"schema": "vex.results/1",\n "x": "caf\xe9"}', "talk.json:2: not UTF-8 [save it as UTF-8]"),
        (document().encode("utf-16"), "talk.json: is UTF-16 [save it as UTF-8]"),
        (b"\n{}", 'talk.json:2: not a results file: "schema" is missing [results state "schema": "vex.results/1"]'),
        (b"[]", 'talk.json:1: not a results file: "schema" is missing [results state "schema": "vex.results/1"]'),
        (b'{"schema": 1}', 'talk.json:1: "schema" must be a text in quotes, not 1'),
        (b'{"schema": "x"}', 'talk.json:1: "schema" must be "vex.results/1", not "x"'),
        (
            b'{"schema":\n"vex.results/2", "new": 1}',
            "talk.json:2: written by a newer vex (vex.results/2); this one reads vex.results/1 [update vex]",
        ),
        (b'{"schema": "vex.results/1"}', 'talk.json:1: the object has no "video"'),
        (b'{"schema": "vex.results/1", "results": null}', 'talk.json:1: "results" must be a list, not null'),
        (
            b'{"schema": "vex.results/1",\n "results": [], "result": 1}',
            'talk.json:2: unknown key "result" [did you mean "results"?]',
        ),
        (b"[" * 200_000, "talk.json:1: nested too deeply to be results"),
        (b'{"a":\n' * 50_000, "talk.json:1: nested too deeply to be results"),
        (document()[:-30].encode(), "talk.json:17: broken JSON: it ends in the middle"),
    ],
)
def test_what_is_no_results_file_says_so(data: bytes, says: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, data) == says


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"nope\.json: no such file$"):
        read_results(tmp_path / "nope.json")
    with pytest.raises(ResultsError, match=r": is a directory$"):
        read_results(tmp_path)
    with pytest.raises(ResultsError, match="x" * 300):
        read_results(tmp_path / ("x" * 300))


@pytest.mark.parametrize("name", ["h264_360p_60s.mp4", "h264.mkv", "h264.ts", "raw.h264", "mpeg4.avi", "anim.gif"])
def test_a_video_given_by_mistake_says_so(name: str, corpus: Corpus) -> None:
    with pytest.raises(ResultsError, match="is not a results file but binary data"):
        read_results(corpus.path(name))


@each_into_one_file
@given(data=st.data())
def test_nothing_but_a_results_error_comes_of_a_bad_file(data: st.DataObject, tmp_path: Path) -> None:
    """Values of every kind, put anywhere into a result, are read or refused by name; so are cut and spoiled files."""
    value = json.loads(dumps_document([data.draw(timelines())]))
    places = list(_places(value))
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(st.sampled_from([None, True, -1, 0, 1e999, 10**310, "1", "", [], [[]], {}, {"text": 1}]))
    raw = json.dumps(value, indent=data.draw(st.sampled_from([None, 1]))).encode()
    cut = data.draw(st.integers(0, len(raw)))
    for text in (raw, raw[:cut], raw[:cut] + data.draw(st.binary(max_size=3)) + raw[cut + 1 :]):
        try:
            read(tmp_path, text)
        except ResultsError as error:
            assert error.message.startswith(str(tmp_path / "talk.json"))


def _places(value: Any) -> Any:
    """Every (container, key) of a JSON value."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def test_the_schema_is_valid_and_knows_the_tasks() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert tuple(SCHEMA["$defs"]["timeline"]["properties"]["task"]["enum"]) == TASKS


# The mistakes that need two values to be seen; a schema cannot say them.
BEYOND_THE_SCHEMA = ("one of the letters", "lies", "must lie after", "must rise", "holds", "not Infinity", "not NaN")


@pytest.mark.parametrize(("change", "says"), [(change, says) for change, _, says in MISTAKES])
def test_the_schema_refuses_what_reading_refuses(change: dict[str, Any], says: str) -> None:
    beyond = any(words in says for words in BEYOND_THE_SCHEMA)
    assert VALIDATOR.is_valid(json.loads(document(**change))) == beyond
