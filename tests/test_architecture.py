"""The shape of the code: who may import whom, what starting the program may load, how large things may be."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, vex_environment

import videoexpert

SOURCES = sorted([*ROOT.glob("vexcli/**/*.py"), *ROOT.glob("model/videoexpert/**/*.py")])
EVERYTHING = sorted([*SOURCES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")])

# Lower may never import higher. Each name is a module of videoexpert, or a package that stands for all its modules.
LAYERS = (
    {"errors", "lazy"},
    {"timeline", "atomic", "ffmpeg", "config", "jsonfile", "progress", "options"},
    {"results", "video", "environment", "hub", "device", "captions", "decode", "nn", "metrics"},
    {"windows", "prompts", "checkpoint", "choice"},
    {"features", "wording"},
    {"store", "matching"},
    {"data", "viewing"},
    {"answering", "describing"},
    {"predictor"},
    {"evaluation"},
    {"train"},
    {"models"},
)
CHEAP = {"errors", "timeline"}
# What writes files is loaded by the commands that write some; what needs torch never is.
FOR_OUTPUTS = CHEAP | {"atomic", "ffmpeg", "results", "video"}
HEAVY = {"numpy", "av", "torch", "transformers", "ffmpeg", "srt", "yaml", "rich", "opentimelineio", "asyncio"}


def module_name(path: Path) -> str:
    relative = path.relative_to(ROOT / "model" if "model" in path.parts else ROOT).with_suffix("")
    return ".".join(part for part in relative.parts if part != "__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a tree names in an import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


def imports_at_start(tree: ast.Module) -> Iterator[str]:
    """The modules that importing this one loads: imports outside functions, and not only for type checking."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield from imports(node)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_arrows_never_point_upwards(path: Path) -> None:
    name, tree = module_name(path), ast.parse(path.read_text())
    if name.startswith("vexcli"):
        loaded = [other for other in imports_at_start(tree) if within(other, "videoexpert")]
        allowed = FOR_OUTPUTS if within(name, "vexcli.outputs") else CHEAP
        assert {other.split(".")[1] for other in loaded} <= allowed, f"{name} loads the model side when it is imported"
        return
    assert not [other for other in imports(tree) if other.split(".")[0] in {"vexcli", "typer", "rich"}]
    ranks = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}
    if name == "videoexpert":
        return
    own = name.split(".")[1]
    assert own in ranks, f"give {own} a place in LAYERS"
    for other in imports(tree):
        if within(other, "videoexpert") and other != "videoexpert" and other.split(".")[1] != own:
            assert ranks[other.split(".")[1]] < ranks[own], f"{name} imports {other}, which stands beside or above it"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_only_four_places_start_processes(path: Path) -> None:
    """ffmpeg, the worker that decodes, the Java programs that read captions, and pip, which downloads."""
    starters = {"videoexpert.ffmpeg", "videoexpert.video.process", "videoexpert.metrics.java", "videoexpert.hub.pip"}
    if "subprocess" in imports(ast.parse(path.read_text())):
        assert module_name(path) in starters


def test_starting_the_program_loads_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys; import vexcli.app; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", code], env=vex_environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(loaded.stdout.split())


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            length = (node.end_lineno or 0) - first.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"
            command = "commands" in path.parts or path.name in {"app.py", "base.py", "asking.py"}
            arguments = len(node.args.args) + len(node.args.kwonlyargs)
            assert arguments <= 8 or command, f"{node.name} takes {arguments} arguments"


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_its_one_job(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "a module starts with a docstring"


def test_the_public_names_are_there() -> None:
    assert set(videoexpert.__all__) == set(videoexpert._HOMES)
    for name, home in videoexpert._HOMES.items():
        assert getattr(videoexpert, name) is getattr(importlib.import_module(f"videoexpert.{home}"), name)
    with pytest.raises(AttributeError, match="no attribute 'Moments'"):
        _ = videoexpert.Moments


@pytest.mark.parametrize("path", [path for path in SOURCES if "__all__" in path.read_text()], ids=module_name)
def test_all_lists_only_what_exists(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name)
