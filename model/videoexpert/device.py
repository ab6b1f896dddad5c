"""Where a model runs and with which numbers, chosen or checked; and what to do when memory runs out."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from videoexpert.config import Attention
from videoexpert.errors import DeviceError
from videoexpert.options import DeviceName, DtypeName

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def choose_device(name: DeviceName) -> torch.device:
    """The device of that name; `auto`: CUDA, else Apple's MPS, else the CPU. Raises DeviceError if it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, usable in there.items() if usable))
    if not there[name]:
        usable = ", ".join(kind for kind, found in there.items() if found)
        raise DeviceError(f"device {name} is not available", hint=f"available here: {usable}; or take auto")
    return torch.device(name)


def choose_dtype(name: DtypeName, device: torch.device, *, attn: Attention) -> torch.dtype:
    """The number format of that name; `auto`: float32 on the CPU; on a GPU bfloat16, or float16 where it has none.

    Raises DeviceError where flash attention runs neither on the device nor in the format.
    """
    has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    fitting = torch.float32 if device.type == "cpu" else torch.bfloat16 if has_bfloat16 else torch.float16
    dtype = _DTYPES.get(name, fitting)
    if attn == "flash" and (device.type != "cuda" or dtype == torch.float32):
        raise DeviceError(
            f"flash attention does not run on {device.type} in {dtype}".replace("torch.", ""),
            hint="it needs cuda and 16-bit numbers; sdpa runs everywhere",
        )
    return dtype


@contextmanager
def memory_on(device: torch.device) -> Iterator[None]:
    """Turn running out of the device's memory within the block into a DeviceError that says what helps."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            f"out of memory on {device}",
            hint="fewer questions at once, a smaller model, 16-bit numbers, or device cpu need less",
        ) from error
