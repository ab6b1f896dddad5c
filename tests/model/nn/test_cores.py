"""How many threads compute: as many as there are free cores, and none that wait for each other."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest
import torch

from videoexpert.nn.cores import each_core, free_cores, on_free_cores, threads

CPU = torch.device("cpu")


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def busy() -> Iterator[None]:
    """A process for every core that has nothing better to do."""
    code = "print('on', flush=True)\nwhile True: pass"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(psutil.cpu_count() or 1)
    ]
    for process in started:
        assert process.stdout is not None and process.stdout.readline()
    yield
    for process in started:
        process.kill()
        process.communicate()


def test_there_is_always_a_core_and_never_more_than_there_are() -> None:
    assert 1 <= free_cores() <= (psutil.cpu_count() or 1)


@pytest.mark.usefixtures("busy")
def test_cores_that_became_busy_just_now_are_not_free() -> None:
    assert free_cores(seconds=0.5) == 1


@pytest.mark.usefixtures("two_threads", "busy")
def test_on_a_busy_machine_one_thread_computes_and_as_many_as_before_afterwards() -> None:
    with on_free_cores(CPU):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads", "busy")
def test_who_says_how_many_threads_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with on_free_cores(CPU):
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_are_never_more_than_before() -> None:
    with threads(64):
        assert torch.get_num_threads() == 2
    with pytest.raises(KeyError), threads(1):
        raise KeyError
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_each_core_has_work_of_its_own() -> None:
    both = threading.Barrier(2, timeout=10)

    def work(item: int) -> tuple[int, int]:
        both.wait()  # ends only when the other core is there too
        return item, torch.get_num_threads()

    with each_core(work, range(10), device=CPU, most=4) as done:
        assert list(done) == [(item, 1) for item in range(10)]
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_what_goes_wrong_in_work_is_raised_and_ends_it() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise MemoryError
        return item

    seen = []
    with pytest.raises(MemoryError), each_core(work, range(100), device=CPU, most=4) as done:
        for item in done:
            seen.append(item)
    assert seen == [0, 1, 2] and torch.get_num_threads() == 2


def test_one_core_takes_one_after_the_other() -> None:
    with each_core(lambda item: -item, range(3), device=CPU, most=1) as done:
        assert next(done) == 0 and list(done) == [-1, -2]
