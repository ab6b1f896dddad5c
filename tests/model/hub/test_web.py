"""A file from a web server: broken connections go on, wrong answers are told."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving

from videoexpert.errors import DownloadError
from videoexpert.hub.parts import HubFile
from videoexpert.hub.web import download, hub_url

DATA = random.Random(0).randbytes(1_000_000)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as served:
        served.files["/file"] = DATA
        yield served


def fetch(served: Served, target: Path, *, size: int = len(DATA)) -> list[int]:
    """Download the file; returns what was heard about how far it was."""
    heard: list[int] = []
    download(f"{served.url}/file", target, size=size, on_bytes=heard.append)
    return heard


def test_a_file_arrives_and_tells_how_far_it_is(served: Served, tmp_path: Path) -> None:
    heard = fetch(served, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert heard[0] == 0 and heard[-1] == len(DATA) and heard == sorted(heard) and len(heard) > 3


def test_a_broken_connection_goes_on_where_it_ended(served: Served, tmp_path: Path) -> None:
    served.faults.breaks = [300_000, 200_000]
    fetch(served, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA
    assert served.asked == [("/file", None), ("/file", "bytes=300000-"), ("/file", "bytes=500000-")]


def test_what_an_earlier_run_left_is_not_fetched_again(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA[:600_000])
    assert fetch(served, tmp_path / "file")[0] == 600_000
    assert (tmp_path / "file").read_bytes() == DATA
    assert served.asked == [("/file", "bytes=600000-")]


def test_a_whole_file_is_not_asked_for(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    fetch(served, tmp_path / "file")
    assert served.asked == []


def test_a_server_that_sends_no_parts_sends_it_all(served: Served, tmp_path: Path) -> None:
    served.faults.ranges, served.faults.breaks = False, [300_000]
    fetch(served, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_busy_server_is_asked_again(served: Served, tmp_path: Path) -> None:
    served.faults.busy = 1
    fetch(served, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_connection_that_always_breaks_is_given_up_and_what_came_is_kept(served: Served, tmp_path: Path) -> None:
    served.faults.breaks = [300_000, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"^127.0.0.1: the connection broke off$"):
        fetch(served, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA[:300_000]


def test_a_file_that_is_not_there_is_told_at_once(served: Served, tmp_path: Path) -> None:
    served.faults.missing = True
    with pytest.raises(DownloadError, match=r"^127.0.0.1: 404 Not Found$"):
        fetch(served, tmp_path / "file")
    assert len(served.asked) == 1


def test_a_file_of_another_size_is_not_taken(served: Served, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="holds 1000000 bytes, not the 999999 of the file expected"):
        fetch(served, tmp_path / "file", size=len(DATA) - 1)
    assert (tmp_path / "file").read_bytes() == b""


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with serving() as gone:
        pass
    with pytest.raises(DownloadError, match=r"^127.0.0.1: Connection refused$"):
        fetch(gone, tmp_path / "file")


@pytest.mark.parametrize("endpoint", ["file:///etc", "nowhere"])
def test_only_the_web_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(DownloadError, match="is no web address"):
        download(hub_url(HubFile("a/b", "c")), tmp_path / "file", size=1, on_bytes=lambda count: None)
