"""How the CPU's cores are used: as many as are free, and each on work of its own where there is some.

An operation is done when its last thread is. Where several threads share one, a thread that has to wait for its core
keeps all the others waiting, and a network has hundreds of operations: as soon as another process wants a core, more
threads are several times slower than fewer.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

_LOOK_SECONDS = 0.1

_T = TypeVar("_T")


def free_cores(*, seconds: float = _LOOK_SECONDS) -> int:
    """How many of the cores that this process may use were used by nobody for the next so many seconds; 1 at least."""
    import psutil  # type: ignore[import-untyped]

    busy: list[float] = psutil.cpu_percent(seconds, percpu=True)
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(busy))
    free = sum(1 - busy[core] / 100 for core in mine if core < len(busy))
    return max(1, round(free))


@contextmanager
def threads(most: int) -> Iterator[None]:
    """Share an operation among at most so many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, most))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def on_free_cores(device: torch.device) -> Iterator[None]:
    """Share an operation on the CPU among as many threads as there are free cores, unless OMP_NUM_THREADS is set."""
    if device.type != "cpu" or torch.get_num_threads() == 1 or "OMP_NUM_THREADS" in os.environ:
        yield
        return
    with threads(free_cores()):
        yield


@contextmanager
def each_core(
    work: Callable[[int], _T], items: Sequence[int], *, device: torch.device, most: int
) -> Iterator[Iterator[_T]]:
    """What `work` gives for each item, in order. On the CPU up to `most` are in work at once, each on one core."""
    cores = min(torch.get_num_threads(), len(items), most)
    if device.type != "cpu" or cores < 2:
        yield map(work, items)
        return
    with threads(1):
        pool = ThreadPoolExecutor(cores)
        try:
            yield pool.map(work, items)
        finally:
            pool.shutdown(cancel_futures=True)
