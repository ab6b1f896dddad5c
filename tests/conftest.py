"""Fixtures that several test folders use: the corpus of good and nasty videos, and runs of the real program."""

import fcntl
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

from videoexpert.ffmpeg import find_ffmpeg

# No test depends on how busy the machine is.
settings.register_profile("vex", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vex")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
VEX = (sys.executable, "-P", "-m", "vexcli")


def vex_environment(home: Path) -> dict[str, str]:
    """The environment for a run of vex: no settings but the test's own, importable from the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VEX_") and name != "NO_COLOR"}
    sources = os.pathsep.join([str(ROOT), str(ROOT / "model")])
    own = {"XDG_CONFIG_HOME": str(home / ".config"), "XDG_CACHE_HOME": str(home / ".cache")}
    return kept | own | {"PYTHONPATH": sources, "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Corpus:
    """The corpus folder, the manifest's entries by name, and the reader of the number strip."""

    folder: Path
    entries: dict[str, dict[str, Any]]
    read_code: Callable[..., tuple[int, int] | None]

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def number(self, name: str, index: int) -> int:
        """The number that frame `index` (presentation order) of `name` shows."""
        for first, step, count in self.entries[name]["runs"]:
            if index < count:
                return int(first + step * index)
            index -= count
        raise IndexError(f"{name} has no such frame")


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _build(script: Path, folder: Path) -> None:
    """Build the corpus once per version of its script and of ffmpeg; a finished one is kept for the next run."""
    if (folder / "manifest.json").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, str(script), str(folder), "--ffmpeg", find_ffmpeg()]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    """The 97 videos of ../shared/corpus, built at first use. Skips, loudly, where ../shared is missing."""
    script = SHARED / "corpus" / "make_corpus.py"
    if not script.exists():
        pytest.skip("NOT TESTED: ../shared/corpus is missing, so no real video was read")
    kept = os.environ.get("VEX_TEST_CORPUS")
    folder = Path(kept) if kept else tmp_path_factory.getbasetemp() / "corpus"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "corpus.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build(script, folder)
    _load("make_corpus", script)
    strip = _load("strip", script.with_name("strip.py"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8", errors="surrogateescape"))
    yield Corpus(folder, {entry["name"]: entry for entry in manifest["files"]}, strip.read_code)


@dataclass(frozen=True)
class Ran:
    """How a run of `vex` ended. out and err are decoded as file names are, so that odd bytes survive."""

    code: int
    out: str
    err: str


class Vex(Protocol):
    def __call__(
        self, *arguments: str, cwd: Path | None = None, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> Ran: ...


@pytest.fixture
def vex(tmp_path: Path) -> Vex:
    """Run the real program in a process of its own, away from the settings of whoever runs the tests."""

    def run(
        *arguments: str, cwd: Path | None = None, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> Ran:
        ended = subprocess.run(
            [*VEX, *arguments],
            cwd=cwd or tmp_path,
            input=stdin,
            capture_output=True,
            env=vex_environment(tmp_path) | dict(environment or {}),
            timeout=300,
        )
        return Ran(ended.returncode, os.fsdecode(ended.stdout), os.fsdecode(ended.stderr))

    return run
