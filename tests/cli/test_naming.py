"""Output names: safe on every file system, unique, never outside the folder."""

import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vexcli.outputs.naming import MAX_BASE_BYTES, clip_name, plan_names, safe_stem
from videoexpert.timeline import Span

# File names as a Unix system gives them: any byte but NUL and the slash; those that are not UTF-8 become surrogates.
NAMES = st.binary(min_size=1, max_size=255).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"_").replace(b"/", b"_")))
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8)
FORBIDDEN = set('/\\:*?"<>|') | {chr(code) for code in range(32)} | {"\x7f"}


def folded(name: str) -> str:
    """Names that are equal here are one file where capital letters and the form of accents do not count."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


@given(NAMES)
def test_a_base_name_is_a_plain_file_name(name: str) -> None:
    base = plan_names([name])[name]
    longest = clip_name(base, Span(0, 1e9), number=10**6, count=10**6, suffix="-copy.webm")
    assert 1 <= len(base.encode("utf-8")) <= MAX_BASE_BYTES
    assert len(longest.encode("utf-8")) <= 255
    assert not set(longest) & FORBIDDEN
    assert base[0] not in "-. " and base[-1] not in ". "
    assert os.path.basename(base) == base and os.path.normpath(os.path.join("folder", base)).startswith("folder")


@given(PATHS, st.randoms(use_true_random=False))
def test_different_videos_have_different_names_in_any_order(paths: list[str], random: object) -> None:
    names = plan_names(paths)
    assert set(names) == set(paths)
    by_file = {os.path.abspath(path): folded(names[path]) for path in paths}
    assert len(set(by_file.values())) == len(by_file)
    shuffled = list(paths)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan_names(shuffled) == names


def test_a_name_of_its_own_stays_as_it_is() -> None:
    assert plan_names(["/a/talk.mp4", "b/Über uns.mov"]) == {"/a/talk.mp4": "talk", "b/Über uns.mov": "Über uns"}


@pytest.mark.parametrize(
    "paths",
    [
        ("monday/talk.mp4", "tuesday/talk.mp4"),
        ("talk.mp4", "talk.mkv"),
        ("talk.mp4", "TALK.mov"),
        ("\u00e9.mp4", "x/e\u0301.mp4"),  # one letter, or a letter and an accent
        ("a:b.mp4", "a?b.mp4"),
    ],
)
def test_videos_of_one_name_are_told_apart_by_their_path(paths: tuple[str, str]) -> None:
    names = plan_names(paths)
    assert len({folded(name) for name in names.values()}) == 2
    alone = {path: plan_names([path])[path] for path in paths}
    assert all(names[path].startswith(f"{alone[path]}-") for path in paths)


def test_a_name_that_looks_like_a_digest_does_not_collide_with_it() -> None:
    taken = plan_names(["a/talk.mp4", "b/talk.mp4"])["a/talk.mp4"]
    names = plan_names(["a/talk.mp4", "b/talk.mp4", f"c/{taken}.mp4"])
    assert len({folded(name) for name in names.values()}) == 3


def test_paths_of_one_file_share_its_name() -> None:
    assert plan_names(["talk.mp4", "x/../talk.mp4", "./talk.mp4"]) == dict.fromkeys(
        ["talk.mp4", "x/../talk.mp4", "./talk.mp4"], "talk"
    )


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("new\nline.mp4", "new_line"),
        ("-dash.mp4", "_dash"),
        (".hidden.mp4", "_hidden"),
        ("concat:a.mp4", "concat_a"),
        ("pipe:", "pipe_"),
        ("CON.mp4", "_CON"),
        ("con.v1.mp4", "_con.v1"),
        ("console.mp4", "console"),
        ("ends with dot..mp4", "ends with dot_"),
        ("space .mp4", "space_"),
        ("talk.v1.mp4", "talk.v1"),
        ("not utf-8 \udcff.mp4", "not utf-8 _"),
        ("right\u202eto left.mp4", "right_to left"),
        ("back\\slash.mp4", "back_slash"),
        ("/", "_"),
    ],
)
def test_what_a_file_name_should_not_hold_becomes_an_underscore(path: str, stem: str) -> None:
    assert safe_stem(path) == stem


def test_clips_are_numbered_so_that_they_sort() -> None:
    names = [clip_name("talk", Span(n, n + 1.5), number=n, count=120, suffix=".mp4") for n in range(1, 121)]
    assert names[0] == "talk-001-0001.000-0002.500.mp4"
    assert names == sorted(names)
