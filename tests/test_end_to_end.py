"""From the published files to what people use: import a checkpoint, ask it about a video, open everything it writes.

The checkpoint is tiny and its weights are random, so what it says is noise; that it is well formed is not.
"""

import csv
import json
import subprocess
from importlib.resources import files
from pathlib import Path

import av
import jsonschema
import pysubs2
import pytest
from conftest import SHARED, VEX, Corpus, Ran, Vex, vex_environment
from published import complete

from videoexpert.results import read_results

VIDEO = "h264.mkv"
DURATION = 10.0


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of vex with the model `tiny`, imported by the command from a published checkpoint."""
    published = SHARED / "conformance" / "videoexpert" / "ckpt_mha"
    if not published.exists():
        pytest.skip("NOT TESTED: ../shared/conformance is missing, so no published checkpoint was imported")
    home = tmp_path_factory.mktemp("home")
    parts = complete(published, home / "parts")
    sources = ("--base", parts.base, "--expert", parts.expert, "--projector", parts.projector, "--clip", parts.clip)
    command = [*VEX, "models", "import", "--name", "tiny", *map(str, sources)]
    ran = subprocess.run(command, env=vex_environment(home) | {"VEX_HOME": str(home)}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(home / "models" / "tiny")
    return home


def ask(vex: Vex, home: Path, *arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> Ran:
    ran = vex(*arguments, stdin=stdin, cwd=cwd, environment={"VEX_HOME": str(home), "VEX_MODEL": "tiny"})
    assert "Traceback" not in ran.err
    return ran


def check(text: str, task: str, count: int) -> list[dict[str, object]]:
    """A JSON document of `count` timelines that keeps the schema, all times inside the video."""
    document = json.loads(text)
    jsonschema.validate(document, json.loads((files("vexcli") / "schema" / "results-1.json").read_text()))
    results = document["results"]
    assert [result["task"] for result in results] == [task] * count
    for result in results:
        assert result["provenance"]["model"] == "tiny" and result["provenance"]["prompt"]
        for moment in result["moments"]:
            assert 0 <= moment["start"] < moment["end"] <= DURATION + 1e-6
    return list(results)


def test_ground_many_queries(vex: Vex, imported: Path, corpus: Corpus) -> None:
    ran = ask(vex, imported, "ground", corpus.path(VIDEO), "-q", "a dog", "-q", "a cat", "--json")
    results = check(ran.out, "ground", 2)
    assert [result["query"] for result in results] == ["a dog", "a cat"]
    for result in results:
        scores = [moment["score"] for moment in result["moments"]]  # type: ignore[attr-defined]
        assert scores and scores == sorted(scores, reverse=True)


def test_highlights_have_a_score_for_every_two_seconds(vex: Vex, imported: Path, corpus: Corpus) -> None:
    (result,) = check(ask(vex, imported, "highlights", corpus.path(VIDEO), "a dog", "--json").out, "highlights", 1)
    assert result["query"] == "a dog"
    assert result["saliency"]["times"] == [0, 2, 4, 6, 8]  # type: ignore[index]


def test_captions_become_subtitles(vex: Vex, imported: Path, corpus: Corpus, tmp_path: Path) -> None:
    arguments = ("--max-tokens", "24", "-f", "srt", "-f", "vtt", "-f", "json", "-o", "out")
    ran = ask(vex, imported, "caption", corpus.path(VIDEO), *arguments, cwd=tmp_path)
    assert ran.code == 0, ran.err
    said = check((tmp_path / "out" / "h264.json").read_text(), "caption", 1)[0]
    for suffix in ("srt", "vtt"):
        cues = pysubs2.load(str(tmp_path / "out" / f"h264.{suffix}"))
        assert len(cues) == len(said["moments"])  # type: ignore[arg-type]


def test_ask_chooses_an_option(vex: Vex, imported: Path, corpus: Corpus) -> None:
    options = ("--option", "red", "--option", "green", "--option", "blue")
    ran = ask(vex, imported, "ask", corpus.path(VIDEO), "Which colour is it?", *options, "--json")
    (result,) = check(ran.out, "ask", 1)
    answer = result["answer"]
    assert {"A": "red", "B": "green", "C": "blue"}[answer["option"]] == answer["text"]  # type: ignore[index]
    free = ask(vex, imported, "ask", corpus.path(VIDEO), "What is it?", "--max-tokens", "8", "--json")
    assert "answer" in check(free.out, "ask", 1)[0]


def test_found_moments_become_clips_and_a_reel(vex: Vex, imported: Path, corpus: Corpus, tmp_path: Path) -> None:
    found = ask(vex, imported, "ground", corpus.path(VIDEO), "a dog", "--jsonl", "-k", "2")
    (tmp_path / "found.jsonl").write_text(found.out)
    (timeline,) = read_results(tmp_path / "found.jsonl")
    clips = ask(vex, imported, "clip", "-", stdin=found.out.encode(), cwd=tmp_path).out.splitlines()
    assert len(clips) == len(timeline.moments)
    for clip in (*clips, ask(vex, imported, "reel", "found.jsonl", cwd=tmp_path).out.strip()):
        with av.open(str(tmp_path / clip)) as container:
            assert next(container.decode(video=0)).width == 640


def test_what_was_found_is_cut_at_once(vex: Vex, imported: Path, corpus: Corpus, tmp_path: Path) -> None:
    videos = [corpus.path(name) for name in (VIDEO, "bad_zero.mp4", "rot90.mov")]
    arguments = ("a dog", "-k", "2", "-f", "clips", "-f", "reel", "-f", "json", "-o", "films", "--jsonl")
    ran = ask(vex, imported, "ground", *videos, *arguments, cwd=tmp_path)
    assert ran.code == 1 and ran.err.count("error: ") == 1  # the bad one alone
    moments = sum(len(json.loads(line)["moments"]) for line in ran.out.splitlines())
    written = {path.name for path in (tmp_path / "films").iterdir()}
    reels = {name for name in written if name.endswith("-reel.mp4")}
    assert len(reels) == 1 and sum(name.endswith(".mp4") for name in written - reels) == moments > 2
    assert ran.err.count("wrote ") == len(written) == moments + 1 + 2
    for name in written - {path.name for path in (tmp_path / "films").glob("*.json")}:
        with av.open(str(tmp_path / "films" / name)) as container:
            next(container.decode(video=0))


def test_many_videos_one_of_them_bad(vex: Vex, imported: Path, corpus: Corpus, tmp_path: Path) -> None:
    videos = [corpus.path(name) for name in ("frames50.mp4", "bad_zero.mp4", "rot90.mov")]
    ran = ask(vex, imported, "ground", *videos, "a dog", "-f", "csv", "-o", "out", cwd=tmp_path)
    assert ran.code == 1
    assert ran.err.count("error: ") == 1 and "empty file" in ran.err
    for name in ("frames50", "rot90"):
        with open(tmp_path / "out" / f"{name}.csv", newline="", encoding="utf-8") as file:
            assert {row["query"] for row in csv.DictReader(file)} == {"a dog"}


def test_windows_cover_a_long_video(vex: Vex, imported: Path, corpus: Corpus) -> None:
    ran = ask(vex, imported, "ground", corpus.path(VIDEO), "a dog", "--window", "4", "--overlap", "1", "--json")
    (result,) = check(ran.out, "ground", 1)
    windows = result["provenance"]["windows"]  # type: ignore[index]
    assert windows[0][0] == 0 and windows[-1][1] == pytest.approx(DURATION) and len(windows) == 3


def test_models_are_listed_and_described(vex: Vex, imported: Path) -> None:
    listed = json.loads(ask(vex, imported, "models", "list", "--json").out)
    assert {row["name"]: row["state"] for row in listed} == {
        "tiny": "installed",
        "nano": "can be pulled",
        "videoexpert-7b": "can be imported",
    }
    assert "100 frames" in ask(vex, imported, "models", "info", "tiny").out
    assert ask(vex, imported, "models", "path", "tiny").out.strip() == str(imported / "models" / "tiny")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ground", "x.mp4", "a dog", "-m", "tny"], 3, "error: tny: no such model; did you mean 'tiny'?\n"),
        (["ground", "x.mp4"], 2, "error: a video and a question are needed; such as: vex ground talk.mp4 'a dog'\n"),
        (["ground", "x.mp4", "q", "--overlap", "9", "--window", "4"], 1, "error: x.mp4: no such file\n"),
        (["models", "path", "/nowhere/at/all"], 3, "error: /nowhere/at/all: no such folder; vex models list"),
    ],
)
def test_mistakes_are_one_line(vex: Vex, imported: Path, arguments: list[str], code: int, message: str) -> None:
    ran = ask(vex, imported, *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(message) and ran.err.count("\n") == 1
