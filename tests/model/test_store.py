"""The feature store: the same look is answered from disk, any other is not, and nothing that lies there can do harm."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Corpus, vex_environment
from tiny_model import Parts, tiny_parts

from videoexpert.config import CompressorConfig
from videoexpert.errors import RequestError, VideoError
from videoexpert.features import EncodedVideo, FrameFeatures
from videoexpert.options import WindowOptions
from videoexpert.progress import Step
from videoexpert.store import FeatureStore, Look, Seen, VideoEncoder, clear, entries_in, usual_store
from videoexpert.timeline import Span
from videoexpert.video import Sampling, VideoReader

WINDOWS = WindowOptions(4, 1)


def fail(problem: str) -> None:
    raise AssertionError(problem)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "store", on_problem=fail)


@pytest.fixture
def video(corpus: Corpus, tmp_path: Path) -> Path:
    return Path(shutil.copy(corpus.path("h264.mkv"), tmp_path / "video.mkv"))


def a_look(number: int = 0) -> Look:
    return Look("video.mp4", f"/videos/{number}.mp4", 1000, 1, "encoder", Sampling(4), "auto")


def something_seen(number: int = 0) -> Seen:
    tokens = torch.arange(number, number + 48).reshape(6, 8).half()
    return Seen(FrameFeatures(Span(0, 2.5), (0.0, 0.1, 1 / 3, 2.4), tokens), ("video.mp4: is odd",))


def same(first: Seen, second: Seen | None) -> bool:
    return (
        second is not None
        and first.warnings == second.warnings
        and (first.features.looked_at, first.features.times) == (second.features.looked_at, second.features.times)
        and torch.equal(first.features.tokens, second.features.tokens)
    )


def same_video(first: EncodedVideo, second: EncodedVideo) -> bool:
    pairs = zip(first.features, second.features, strict=True)
    return (first.source, first.plan, first.warnings) == (second.source, second.plan, second.warnings) and all(
        same(Seen(mine), Seen(theirs)) for mine, theirs in pairs
    )


def test_what_was_kept_comes_back(store: FeatureStore) -> None:
    assert store.get(a_look()) is None
    store.put(a_look(), something_seen())
    assert same(something_seen(), store.get(a_look()))
    assert store.get(a_look(1)) is None


def test_a_second_question_decodes_nothing(parts: Parts, corpus: Corpus, store: FeatureStore) -> None:
    heard: list[Step] = []
    path = corpus.path("corrupt_mid.mp4")
    plain = parts.predictor().encode(path, windows=WINDOWS)
    first = parts.predictor().encode(path, windows=WINDOWS, store=store)
    second = parts.predictor().encode(path, windows=WINDOWS, store=store, on_step=heard.append)
    assert same_video(plain, first) and same_video(first, second)
    assert second.warnings and len(second.features) > 3
    assert not heard


def look(encoder: VideoEncoder, path: Path, store: FeatureStore, *, span: Span | None = None) -> tuple[Seen, bool]:
    """What is seen, and whether the file was opened for it."""
    with VideoReader() as reader:
        seen = encoder.look(path, reader=reader, span=span, store=store)
        return seen, reader.pid is not None


def encoder_of(parts: Parts, *, frames: int = 8, compressor: CompressorConfig | None = None) -> VideoEncoder:
    return VideoEncoder(parts.tower, compressor or parts.model.config.compressor, frames=frames)


def test_what_is_stored_is_found_without_opening_the_video(parts: Parts, video: Path, store: FeatureStore) -> None:
    encoder = encoder_of(parts)
    first, opened = look(encoder, video, store)
    assert opened
    again, opened = look(encoder_of(tiny_parts()), video, store)
    assert same(first, again) and not opened


def test_another_encoder_stretch_or_number_of_frames_looks_anew(parts: Parts, video: Path, store: FeatureStore) -> None:
    other = tiny_parts()
    with torch.no_grad():
        next(iter(other.tower.parameters())).add_(1e-3)
    half = tiny_parts()
    half.tower.to(torch.bfloat16)
    encoders = [encoder_of(each) for each in (parts, other, half)]
    encoders += [encoder_of(parts, frames=9), encoder_of(parts, compressor=CompressorConfig(salient=4, uniform=4))]
    assert all(look(encoder, video, store)[1] for encoder in encoders)
    assert all(look(encoders[0], video, store, span=span)[1] for span in (Span(0, 2), Span(1, 2)))
    assert len(entries_in(store.folder)) == 7
    assert not any(look(encoder, video, store)[1] for encoder in encoders)


def test_a_video_that_changed_is_looked_at_again(
    parts: Parts, corpus: Corpus, video: Path, store: FeatureStore
) -> None:
    encoder = encoder_of(parts)
    first, _ = look(encoder, video, store)
    status = video.stat()
    os.utime(video, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert look(encoder, video, store)[1]
    shutil.copy(corpus.path("rot90.mov"), video)
    other, opened = look(encoder, video, store)
    assert opened and not same(first, other)
    video.unlink()
    with pytest.raises(VideoError, match="no such file"):
        look(encoder, video, store)


def test_a_link_is_the_same_video_and_warnings_name_it_as_it_was_given(
    parts: Parts, corpus: Corpus, store: FeatureStore, tmp_path: Path
) -> None:
    encoder, link = encoder_of(parts), tmp_path / os.fsdecode(b"link-\xff.mp4")
    link.symlink_to(corpus.path("corrupt_mid.mp4"))
    first, _ = look(encoder, Path(corpus.path("corrupt_mid.mp4")), store)
    again, opened = look(encoder, link, store)
    assert not opened
    assert [text.partition("corrupt_mid.mp4: ")[2] for text in first.warnings] == [
        text.partition("link-\\xff.mp4: ")[2] for text in again.warnings
    ]
    assert all(first.warnings)


def truncated(file: Path, data: bytes) -> None:
    file.write_bytes(data[:-10])


def of_changed_numbers(file: Path, data: bytes) -> None:
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def no_safetensors(file: Path, data: bytes) -> None:
    file.write_bytes(b"\xff" * 200)


def empty(file: Path, data: bytes) -> None:
    file.write_bytes(b"")


def a_pickle(file: Path, data: bytes) -> None:
    file.write_bytes(pickle.dumps({"tokens": torch.zeros(6, 8)}))


def of_another_version(file: Path, data: bytes) -> None:
    file.write_bytes(data.replace(b"vex.features/1", b"vex.features/9"))


@pytest.mark.parametrize("damage", [truncated, of_changed_numbers, no_safetensors, empty, a_pickle, of_another_version])
def test_entries_that_are_not_right_are_told_of_and_written_again(
    damage: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    problems: list[str] = []
    store = FeatureStore(tmp_path, on_problem=problems.append)
    store.put(a_look(), something_seen())
    (entry,) = entries_in(store.folder)
    damage(entry.file, entry.file.read_bytes())
    assert store.get(a_look()) is None
    assert len(problems) == 1
    assert problems[0].startswith(f"{entry.file}: cannot be used (") and "\n" not in problems[0]
    store.put(a_look(), something_seen())
    assert same(something_seen(), store.get(a_look()))
    assert len(problems) == 1


def test_the_longest_unused_goes_first(tmp_path: Path) -> None:
    roomy = FeatureStore(tmp_path, on_problem=fail)
    for number in range(4):
        roomy.put(a_look(number), something_seen(number))
        os.utime(entries_in(roomy.folder)[-1].file, (number, number))
    assert roomy.get(a_look(0))
    (tmp_path / "mine.safetensors").write_bytes(b"x" * 10_000)
    limit = sum(entry.size for entry in entries_in(roomy.folder)[:3])
    FeatureStore(tmp_path, limit=limit, on_problem=fail).put(a_look(4), something_seen())
    kept = [number for number in range(5) if roomy.get(a_look(number))]
    assert kept == [0, 3, 4]
    assert (tmp_path / "mine.safetensors").exists()


def test_clearing_by_age(store: FeatureStore) -> None:
    for number in range(3):
        store.put(a_look(number), something_seen())
        os.utime(entries_in(store.folder)[-1].file, (number, number))
    assert len(clear(store.folder, unused_since=1.5)) == 2
    assert [entry.video() for entry in entries_in(store.folder)] == ["/videos/2.mp4"]
    assert len(clear(store.folder)) == 1 and entries_in(store.folder) == []


def test_where_nothing_can_be_written_that_is_told_once_and_work_goes_on(
    parts: Parts, video: Path, tmp_path: Path
) -> None:
    problems: list[str] = []
    (tmp_path / "file").write_text("")
    store = FeatureStore(tmp_path / "file" / "store", on_problem=problems.append)
    seen = [look(encoder_of(parts), video, store)[0] for _ in range(2)]
    assert same(*seen)
    assert len(problems) == 1 and problems[0].endswith("is not a folder; what is seen of videos is not kept")


WORKER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_store import a_look, fail, same, something_seen
from videoexpert.store import FeatureStore
store = FeatureStore(Path(sys.argv[1]), limit=int(sys.argv[2]), on_problem=fail)
for number in [*range(30), *range(30)]:
    seen = store.get(a_look(number))
    assert seen is None or same(something_seen(number), seen)
    store.put(a_look(number), something_seen(number))
"""


def test_several_processes_at_once(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store", on_problem=fail)
    store.put(a_look(), something_seen())
    limit = 10 * entries_in(store.folder)[0].size
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-P", "-c", WORKER, str(store.folder), str(limit), str(tests), str(tests / "model")]
    running = [subprocess.Popen(command, env=vex_environment(tmp_path), stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        assert process.communicate()[1] == b"" and process.returncode == 0
    assert sum(entry.size for entry in entries_in(store.folder)) <= limit
    assert 1 <= len(entries_in(store.folder)) == len(list(store.folder.iterdir()))


def test_what_a_killed_run_left_is_removed(store: FeatureStore, tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from videoexpert.atomic import atomic_path
with atomic_path(Path({str(store.folder)!r}, "entry")):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], env=vex_environment(tmp_path))
    assert killed.returncode == -signal.SIGKILL and len(os.listdir(store.folder)) == 1
    store.put(a_look(), something_seen())
    assert os.listdir(store.folder) == [entries_in(store.folder)[0].file.name]


def test_folders_that_are_not_utf8(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / os.fsdecode(b"caf\xe9"), on_problem=fail)
    odd = replace(a_look(), path=os.fsdecode(b"/videos/\xe9.mp4"))
    store.put(odd, something_seen())
    assert same(something_seen(), store.get(odd))
    assert [entry.video() for entry in entries_in(store.folder)] == [odd.path]


def test_the_usual_store_is_where_and_as_large_as_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("VEX_CACHE", raising=False)
    monkeypatch.delenv("VEX_CACHE_SIZE", raising=False)
    assert usual_store(on_problem=fail).limit == 4_000_000_000
    monkeypatch.setenv("VEX_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("VEX_CACHE_SIZE", "0.5")
    store = usual_store(on_problem=fail)
    assert (store.folder, store.limit) == (tmp_path / "here" / "features", 500_000_000)
    for wrong in ("much", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("VEX_CACHE_SIZE", wrong)
        with pytest.raises(RequestError, match="VEX_CACHE_SIZE: must be a number of gigabytes above 0"):
            usual_store(on_problem=fail)
