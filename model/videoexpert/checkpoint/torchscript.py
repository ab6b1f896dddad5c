"""The tensors of a TorchScript archive (OpenAI's CLIP files are such archives), read without running the archive.

The archive's pickle is walked by an unpickler that knows tensors, lists and nothing else; the archive's own classes
become empty shells, and its code is not looked at.
"""

import collections
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videoexpert.checkpoint.tensors import StoredTensor, Tensors, damaged, refuse_code

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _RefusedError(Exception):
    """The pickle names something that is neither a tensor nor a list."""


class _Shell:
    """An object of one of the archive's own classes: its attributes and nothing that could run."""


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive. Raises CheckpointError where it is a damaged archive."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise damaged(path, error) from error


def open_torchscript(path: Path) -> Tensors:
    """The parameters and buffers of the archive's module, by their dotted names.

    Raises CheckpointError where the file is damaged or its pickle asks for more than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _Unpickler(archive, _folder(archive)).load()
            return {name: StoredTensor.held(path, tensor) for name, tensor in _walk(root, "", set())}
    except _RefusedError as error:
        raise refuse_code(path, str(error)) from error
    except (zipfile.BadZipFile, pickle.UnpicklingError, OSError, EOFError) as error:
        raise damaged(path, error) from error
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise damaged(path, error) from error


def _folder(archive: zipfile.ZipFile) -> str:
    """The name of the folder that everything in the archive lies in, which is the file's name when it was written."""
    return next(name for name in archive.namelist() if name.endswith("/data.pkl")).removesuffix("data.pkl")


def _walk(value: object, name: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, _Shell) and id(value) not in seen:
        seen.add(id(value))
        for part, inner in vars(value).items():
            yield from _walk(inner, f"{name}.{part}" if name else part, seen)


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(archive.open(f"{folder}data.pkl"))
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The few things that a pickle of tensors may name."""
        if module == "__torch__" or module.startswith("__torch__."):
            return _Shell
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        raise _RefusedError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """A storage: ("storage", type, key, device, number of elements) -> [elements]."""
        _, dtype, key, _, _ = pid
        if key not in self._storages:
            data = bytearray(self._archive.read(f"{self._folder}data/{key}"))
            if sys.byteorder != "little":
                raise ValueError("the archive is little-endian, this machine is not")
            self._storages[key] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self._storages[key]


def _tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: object) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _parameter(tensor: Tensor, *rest: object) -> Tensor:
    return tensor


def _list(values: list[object]) -> list[object]:
    return values


def _tagged(value: object, tag: str) -> object:
    return value


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch.jit._pickle", "build_intlist"): _list,
    ("torch.jit._pickle", "build_tensorlist"): _list,
    ("torch.jit._pickle", "build_doublelist"): _list,
    ("torch.jit._pickle", "build_boollist"): _list,
    ("torch.jit._pickle", "restore_type_tag"): _tagged,
}
