"""`vex finetune` as a user runs it: from video files to moments, killed, interrupted, in two processes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import VEX, Vex, vex_environment
from safetensors.torch import load_file
from tiny_model import write_tiny_model
from training_videos import SPANS, make_data

from videoexpert.results import read_results
from videoexpert.timeline import Span

QUICK = ("--lr", "5e-3", "--batch", "8", "--stage", "experts", "--train-projector", "--dropout", "0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight videos, train.jsonl and a tiny model."""
    folder = tmp_path_factory.mktemp("finetune")
    make_data(folder)
    write_tiny_model(folder / "tiny")
    return folder


@pytest.fixture
def environment(folder: Path) -> Iterator[dict[str, str]]:
    yield vex_environment(folder) | {"VEX_CACHE": str(folder / "cache")}


def arguments(out: str, *more: str) -> list[str]:
    return ["finetune", "train.jsonl", "-m", "tiny", "-o", out, "--device", "cpu", *more]


def start(folder: Path, environment: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*VEX, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(folder: Path, environment: dict[str, str], *words: str) -> str:
    ended = subprocess.run([*VEX, *words], cwd=folder, env=environment, capture_output=True, timeout=300)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode()


def is_newer(file: Path, than: int) -> bool:
    return file.exists() and file.stat().st_mtime_ns > than


def wait(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 120
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_from_videos_to_moments(folder: Path, environment: dict[str, str]) -> None:
    """What eight videos show is learnt by heart: the best moment of each has an IoU of 0.7 or more with the truth."""
    assert finish(folder, environment, *arguments("taught", *QUICK, "--epochs", "100")) == "taught\n"
    truths = read_results(folder / "train.jsonl")
    queries = [word for truth in truths for word in ("-q", str(truth.query))]
    videos = [truth.video.path for truth in truths]
    found = json.loads(finish(folder, environment, "ground", *videos, *queries, "-m", "taught", "--json"))["results"]
    best = {(result["video"]["path"], result["query"]): result["moments"][0] for result in found}
    assert len(best) == len(truths) ** 2
    for truth, span in zip(truths, SPANS, strict=True):
        moment = best[truth.video.path, truth.query]
        assert Span(moment["start"], moment["end"]).iou(Span(*span)) >= 0.7


def test_killed_three_times_it_ends_as_if_it_had_not_been(folder: Path, environment: dict[str, str]) -> None:
    options = ("--steps", "40", "--batch", "4", "--lr", "1e-3", "--save-every", "3", "--val", "train.jsonl")
    finish(folder, environment, *arguments("whole", *options))
    moments, state = random.Random(9), folder / "killed" / "run" / "state.safetensors"
    saved: list[int] = []
    for _ in range(3):
        process = start(folder, environment, *arguments("killed", *options, "--resume"))
        wait(partial(is_newer, state, saved[-1] if saved else 0), process)
        time.sleep(moments.uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        assert load_file(state)  # whole, whenever the run was killed
        saved.append(state.stat().st_mtime_ns)
        assert not (folder / "killed" / "config.json").exists()
    assert sorted(set(saved)) == saved
    finish(folder, environment, *arguments("killed", *options, "--resume"))
    for file in ("model.safetensors", "run/best.safetensors"):
        assert (folder / "killed" / file).read_bytes() == (folder / "whole" / file).read_bytes()
    assert not list((folder / "killed").rglob(".vex-*"))


def test_the_card_says_how_the_model_was_made(folder: Path, environment: dict[str, str]) -> None:
    finish(folder, environment, *arguments("carded", "--steps", "2", "--val", "train.jsonl"))
    card = (folder / "carded" / "README.md").read_text()
    first, rest = card.split("\n\n", 1)
    assert first == "# carded"
    assert rest.startswith("tiny, fine-tuned by vex: 8 examples, 2 steps. Trained: ")
    assert "parameters).\nBest validation loss: " in rest and "on 8 records." in rest
    assert card.endswith((folder / "tiny" / "README.md").read_text())
    assert finish(folder, environment, "models", "info", "./carded").endswith(f"{card.rstrip()}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_polite_stop_saves(folder: Path, environment: dict[str, str], number: signal.Signals) -> None:
    out = f"stopped{number}"
    process = start(folder, environment, *arguments(out, "--steps", "100000"))
    log = folder / out / "run" / "metrics.csv"
    wait(lambda: log.exists() and log.read_text().count("\n") > 3, process)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 128 + number
    assert "stopping after this step" in said and "--resume goes on" in said and "Traceback" not in said
    assert load_file(folder / out / "run" / "state.safetensors")
    assert (folder / out / "run" / "loss.png").exists() and not (folder / out / "config.json").exists()


def test_two_processes_are_one(folder: Path, environment: dict[str, str]) -> None:
    """The same global batch in one process and in two, which talk by gloo, gives the same weights but for rounding."""
    options = ("--steps", "6", "--lr", "1e-3", "--dropout", "0", "--val", "train.jsonl")
    finish(folder, environment, *arguments("one", *options, "--batch", "4"))
    # Without a GPU, too, --multi_gpu starts processes; --cpu leaves that to MPI.
    launch = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "vexcli"]
    launch = [sys.executable, "-m", "accelerate.commands.launch", *launch]
    ended = subprocess.run(
        [*launch, *arguments("two", *options, "--batch", "2")],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.decode() == "two\n"
    one, two = (load_file(folder / name / "model.safetensors") for name in ("one", "two"))
    before = load_file(folder / "tiny" / "model.safetensors")
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.allclose(value, two[name], atol=2e-5), name
    assert max(float((value - before[name]).abs().max()) for name, value in one.items()) > 1e-3


def test_what_it_would_take(folder: Path, environment: dict[str, str]) -> None:
    said = json.loads(finish(folder, environment, *arguments("dry", "--dry-run", "--json", "--batch", "2")))
    assert dict(said["groups"])["rows of [LOC]"] == 128
    trained = sum(count for _, count in said["groups"])
    assert (said["gradients"], said["optimiser"]) == (4 * trained, 8 * trained)
    assert said["steps"] == 12 and said["activations"] > 0 and said["memory"] > said["weights"] and said["step"] > 0
    assert said["stretches"] == 8 and not (folder / "dry").exists()
    assert "trained in all" in finish(folder, environment, *arguments("dry", "--dry-run"))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--lr", "-1"], 2, "error: lr must be above 0, got -1.0\n"),
        (["--weight", "1", "--weight", "2"], 2, "error: weights must be one for each of 1 data files, got 2\n"),
        (["--config", "recipe.yaml"], 2, "error: recipe.yaml:2: unknown option 'epoch'; did you mean 'epochs'?\n"),
        (["--config", "wrong.yaml"], 2, "error: wrong.yaml:1: warmup must be from 0 to 1, got 3.0\n"),
        (["--json"], 2, "error: --json goes with --dry-run\n"),
        (["--metric", "miou", "--val", "captions.jsonl"], 2, "error: metric miou: the validation data has no question"),
        (["-o", "tiny"], 1, "error: tiny: exists already; choose another one with --out\n"),
        (["-o", "tiny", "--resume"], 1, "error: tiny: holds no run to go on with; choose another one with --out\n"),
    ],
)
def test_mistakes_are_one_line(
    folder: Path, vex: Vex, environment: dict[str, str], words: list[str], code: int, message: str
) -> None:
    (folder / "recipe.yaml").write_text("lr: 1e-4\nepoch: 3\n")
    (folder / "wrong.yaml").write_text("warmup: 3\n")
    caption = '{"schema": "vex.results/1", "video": {"path": "0-red.mp4", "duration": 8}, "task": "caption", '
    (folder / "captions.jsonl").write_text(caption + '"moments": [{"start": 1, "end": 2, "text": "A square."}]}\n')
    ran = vex(*arguments("out", *words), cwd=folder, environment=environment)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(message) and ran.err.count("\n") == 1
    assert not (folder / "out").exists()
