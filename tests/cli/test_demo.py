"""`vex demo`: a video from photographs, the commands on it, and what they write."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from served import Served, part_of, serving
from tiny_model import write_tiny_model

from vexcli.app import run
from videoexpert.hub import Wheel, photos
from videoexpert.results import read_results

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An index that serves photographs of one colour each in the place of the real ones, and a model for the asking."""
    wheel = Wheel("vex-test-photos", "1.0", 20_000)
    pictures = {}
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (320, 200), colour).save(tmp_path / "photo.png")
        pictures[f"{number}.png"] = (tmp_path / "photo.png").read_bytes()
    write_tiny_model(tmp_path / "home" / "models" / "tiny")
    monkeypatch.chdir(tmp_path)
    with serving() as served:
        served.add_wheel(wheel, {f"vex_test_photos/{name}": data for name, data in pictures.items()})
        own = {"VEX_HOME": str(tmp_path / "home"), "VEX_MODEL": "tiny", "XDG_CONFIG_HOME": str(tmp_path)}
        for name, value in (served.environment() | own).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(photos, "PHOTOS", tuple(part_of(wheel, name, data) for name, data in pictures.items()))
        yield served


def test_the_demo_makes_a_video_and_shows_the_commands_on_it(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "first look"]) == 0
    told = capsys.readouterr()
    shown = [line.removeprefix("$ ") for line in told.out.splitlines() if line.startswith("$ ")]
    assert shown[0] == "vex ground 'first look/demo.mp4' -q 'a cat' -q 'a rocket' -q 'a bicycle'"
    assert [line.split()[1] for line in shown] == ["ground", "caption", "highlights", "reel"]
    assert told.err.startswith(f"photographs: downloading 0 MB once, to {tmp_path / 'home'}\n")
    written = {path.name for path in (tmp_path / "first look").iterdir()}
    assert written == {"demo.mp4", "demo.srt", "demo.json", "reel.mp4"}
    assert (tmp_path / "first look" / "demo.srt").read_text() in told.out
    (highlights,) = read_results(tmp_path / "first look" / "demo.json")
    assert highlights.video.duration == pytest.approx(30) and highlights.query == "a rocket"
    with av.open(str(tmp_path / "first look" / "demo.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24").mean((0, 1)) for frame in container.decode(video=0)]
    assert len(frames) == 750
    for colour, second in zip(COLOURS, (3, 9, 16, 23, 28), strict=True):
        assert np.abs(frames[second * 25] - colour).max() < 12


def test_a_second_demo_needs_no_network_and_keeps_what_is_there(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo"]) == 0
    before = (tmp_path / "vex-demo" / "reel.mp4").stat().st_mtime_ns
    served.server.shutdown()
    asked = list(served.asked)
    assert run(["demo", "--offline"]) == 0
    assert "exists, kept" in capsys.readouterr().err
    assert (tmp_path / "vex-demo" / "reel.mp4").stat().st_mtime_ns == before
    assert run(["demo", "--offline", "--overwrite"]) == 0
    assert (tmp_path / "vex-demo" / "reel.mp4").stat().st_mtime_ns > before and served.asked == asked


def test_offline_without_the_photographs_is_one_line(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--offline"]) == 3
    told = capsys.readouterr().err
    assert "0.png: is not here, and --offline" in told and told.count("\n") == 1
