"""`vex probe` from the outside, over the whole corpus."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from conftest import Corpus, Vex


def test_every_good_video_is_what_it_is(vex: Vex, corpus: Corpus) -> None:
    good = {name: entry for name, entry in corpus.entries.items() if entry["outcome"] == "ok"}
    listed = b"\0".join(corpus.path(name).encode("utf-8", "surrogateescape") for name in good)
    ran = vex("probe", "-0", "--jsonl", "-", stdin=listed)
    assert (ran.code, ran.err) == (0, "")
    reports = {Path(report["path"]).name: report for report in map(json.loads, ran.out.splitlines())}
    # The link names a file that is in the list too.
    assert reports.keys() | {"symlink_ok.mp4"} == good.keys()
    for name, report in reports.items():
        entry = good[name]
        assert report["frame_count"] == entry["frames"], name
        # How long the last frame of a varying rate stays is not always stored.
        assert report["duration"] == pytest.approx(entry["duration"], abs=0.1 if "vfr" in name else 0.05), name
        assert [report["width"], report["height"]] == entry["display"], name
        assert report["rotation"] == entry["rotation"], name
        assert Fraction(report["sar"]) == Fraction(entry["sar"].replace(":", "/")), name
        assert report["has_audio"] == entry["audio"], name
        assert report["variable_frame_rate"] == name.startswith("vfr"), name
        if entry["start"] is not None:
            assert report["start"] == pytest.approx(entry["start"], abs=0.07), name
        if not name.startswith("vfr"):
            assert float(Fraction(report["fps"])) == pytest.approx(float(Fraction(entry["fps"])), rel=1e-3), name


def test_every_bad_video_is_one_line_and_nothing_hangs(vex: Vex, corpus: Corpus) -> None:
    bad = [name for name, entry in corpus.entries.items() if entry["outcome"] == "error" and name != "noperm.mp4"]
    for name in bad:
        ran = vex("probe", corpus.path(name), "--check", "--timeout", "60")
        if name == "directory.mp4":
            assert "no videos in this folder" in ran.err
        assert ran.code == 1, name
        assert ran.out == "", name
        assert ran.err.startswith(f"error: {corpus.path(name)}: ") and ran.err.count("\n") == 1, name


def test_damaged_videos_give_what_can_be_read_and_a_warning(vex: Vex, corpus: Corpus) -> None:
    partial = [name for name, entry in corpus.entries.items() if entry["outcome"] == "partial"]
    for name in partial:
        ran = vex("probe", corpus.path(name), "--check", "--json")
        assert ran.code == 0, ran.err
        (report,) = json.loads(ran.out)["videos"]
        assert len(report["sampled_times"]) == 100 and report["decoder"] == "pyav"
        assert report["warnings"] and ran.err.startswith("warning: ")
        assert all(line.startswith(f"warning: {corpus.path(name)}: ") for line in ran.err.splitlines())


def test_the_times_sampled(vex: Vex, corpus: Corpus) -> None:
    path = corpus.path("fps10_slow.mp4")
    first_to_last = json.loads(vex("probe", path, "-n", "4", "--json").out)["videos"][0]
    middles = json.loads(vex("probe", path, "-n", "4", "--sampling", "uniform", "--json").out)["videos"][0]
    assert first_to_last["sampled_times"] == [0.0, 9.5, 19.5, 29.5]
    assert middles["sampled_times"] == [3.5, 11.0, 18.5, 26.0]


def test_for_people(vex: Vex, corpus: Corpus) -> None:
    said = vex("probe", corpus.path("rot90.mov"), "-n", "3").out
    assert "360x640 (stored 640x360, turned 90 degrees clockwise)" in said
    assert "0.000 4.967 9.967" in said
    assert "starts at 5.000 s" in vex("probe", corpus.path("start5.mkv")).out


def test_json_and_jsonl_exclude_each_other(vex: Vex) -> None:
    ran = vex("probe", "x.mp4", "--json", "--jsonl")
    assert (ran.code, ran.err) == (2, "error: --json and --jsonl cannot go together\n")


def test_the_timeout_bounds_reading(vex: Vex, corpus: Corpus) -> None:
    ran = vex("probe", corpus.path("long_10min.mp4"), corpus.path("frames3.mp4"), "--check", "--timeout", "0.001")
    assert ran.code == 1
    assert "long_10min.mp4: not read within 0.001 s; give it more time with --timeout" in ran.err
