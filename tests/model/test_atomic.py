"""Files appear whole or not at all, and what a killed run leaves behind goes away."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from conftest import vex_environment

from videoexpert.atomic import atomic_folder, atomic_path, prepare_folder, temporary_file, temporary_folder, write_bytes
from videoexpert.errors import OutputError


def test_a_file_appears_when_its_block_ends(tmp_path: Path) -> None:
    final = tmp_path / "new" / "folder" / "out.txt"
    with atomic_path(final) as temporary:
        temporary.write_text("half")
        assert not final.exists()
        temporary.write_text("whole")
    assert final.read_text() == "whole"
    assert os.listdir(final.parent) == ["out.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_when_the_block_fails(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), atomic_path(tmp_path / "out.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert os.listdir(tmp_path) == []


def test_an_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    final = tmp_path / "out.txt"
    final.write_text("mine")
    with pytest.raises(OutputError, match=r"out.txt: exists already"):
        write_bytes(final, b"new")
    assert final.read_text() == "mine"
    write_bytes(final, b"new", overwrite=True)
    assert final.read_text() == "new"


def test_a_failed_replacement_leaves_the_old_file(tmp_path: Path) -> None:
    final = tmp_path / "out.txt"
    final.write_text("mine")
    with pytest.raises(ValueError), atomic_path(final, overwrite=True) as temporary:
        temporary.write_text("half")
        raise ValueError
    assert final.read_text() == "mine"


def test_a_link_that_leads_nowhere_is_no_free_name(tmp_path: Path) -> None:
    (tmp_path / "out.txt").symlink_to(tmp_path / "elsewhere.txt")
    with pytest.raises(OutputError):
        write_bytes(tmp_path / "out.txt", b"new")
    write_bytes(tmp_path / "out.txt", b"new", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["out.txt"]


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_bytes(tmp_path / "out.txt", b"new")
    assert (tmp_path / "out.txt").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_where_nothing_can_be_written_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"file.*: is not a folder"):
            prepare_folder(folder)
    with pytest.raises(OutputError, match=r"file/out.txt: "):
        write_bytes(tmp_path / "file" / "out.txt", b"")
    with pytest.raises(OutputError, match=r"/proc/vex: "):
        prepare_folder(Path("/proc/vex"))


def test_a_full_disk_is_one_error(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("NOT TESTED: this system has no /dev/full")
    with pytest.raises(OutputError, match=r"out.txt: No space left on device"), atomic_path(tmp_path / "out.txt") as at:
        at.unlink()
        at.symlink_to("/dev/full")
        at.write_bytes(b"x" * 100)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("temporary", [temporary_file, temporary_folder])
def test_what_a_killed_run_left_is_removed_and_what_others_write_stays(
    temporary: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path
) -> None:
    script = f"""
import os, signal
from pathlib import Path
from videoexpert.atomic import {temporary.__name__}
with {temporary.__name__}(Path({str(tmp_path)!r})) as path:
    (path / "below" if path.is_dir() else path).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], env=vex_environment(tmp_path))
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / ".vex-mine.txt").write_text("not one of ours")
    with temporary(tmp_path) as live:
        file = live / "below" if live.is_dir() else live
        file.write_text("half")
        prepare_folder(tmp_path)
        assert file.read_text() == "half"
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([live.name, ".vex-mine.txt"])
    assert [path.name for path in tmp_path.iterdir()] == [".vex-mine.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    final = tmp_path / "model"
    with pytest.raises(ZeroDivisionError), atomic_folder(final) as folder:
        (folder / "file").write_text("half")
        _ = 1 / 0
    assert os.listdir(tmp_path) == []
    with atomic_folder(final) as folder:
        (folder / "file").write_text("whole")
        assert not final.exists()
    with pytest.raises(OutputError, match="exists already"), atomic_folder(final):
        pass
    with atomic_folder(final, overwrite=True) as folder:
        (folder / "other").write_text("new")
        assert os.listdir(final) == ["file"]
    assert os.listdir(tmp_path) == ["model"] and os.listdir(final) == ["other"]


def test_a_folder_that_cannot_be_put_in_its_place_leaves_what_was_there(tmp_path: Path) -> None:
    final = tmp_path / "model"
    final.mkdir()
    (final / "file").write_text("old")
    with pytest.raises(OutputError, match="model: "), atomic_folder(final, overwrite=True) as folder:
        folder.rmdir()
    assert os.listdir(tmp_path) == ["model"] and os.listdir(final) == ["file"]
