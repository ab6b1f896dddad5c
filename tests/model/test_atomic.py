"""Files appear whole or not at all, and what a killed run leaves behind goes away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import vex_environment

from videoexpert.atomic import atomic_path, prepare_folder, temporary_file, write_bytes
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


def test_what_a_killed_run_left_is_removed_and_what_others_write_stays(tmp_path: Path) -> None:
    script = f"""
import os, signal, sys
from pathlib import Path
from videoexpert.atomic import temporary_file
with temporary_file(Path({str(tmp_path)!r})) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], env=vex_environment(tmp_path))
    assert killed.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    (tmp_path / ".vex-mine.txt").write_text("not one of ours")
    with temporary_file(tmp_path) as live:
        live.write_text("half")
        prepare_folder(tmp_path)
        assert live.read_text() == "half"
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([live.name, ".vex-mine.txt"])
    assert [path.name for path in tmp_path.iterdir()] == [".vex-mine.txt"]
