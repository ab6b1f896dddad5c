"""Tensors of files, named and sized before they are read, and never by running what a file holds.

safetensors and PyTorch's .bin, alone or sharded with an index, as transformers names them in a folder.
"""

import json
import math
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from videoexpert.checkpoint.paths import plain_path
from videoexpert.errors import CheckpointError

Shape = tuple[int, ...]

_FOLDER_FILES = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
_WIDTHS = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_WIDTHS |= {"I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}
_SHOWN = 20
_RUNS_CODE = "it holds more than tensors ({what}), and reading it could run code"
_CONVERT = "only files of plain tensors are read; convert it to safetensors where you trust it"


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor of a file. read: brings it to the CPU, as it is stored; bytes: how many it takes there."""

    file: Path
    shape: Shape
    bytes: int
    read: Callable[[], Tensor]

    @classmethod
    def held(cls, file: Path, tensor: Tensor) -> "StoredTensor":
        """One that is in memory already, or mapped into it. file: where it came from, or will go."""
        return cls(file, tuple(tensor.shape), tensor.nbytes, lambda: tensor.detach().cpu())


Tensors = dict[str, StoredTensor]


def refuse_code(path: Path, what: str) -> CheckpointError:
    """The error for a file that asks for more than tensors."""
    return CheckpointError(f"{path}: is refused: {_RUNS_CODE.format(what=what)}", hint=_CONVERT)


def damaged(path: Path, error: BaseException) -> CheckpointError:
    """The error for a file that breaks off or is no file of tensors."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(f"{path}: is damaged or incomplete: {first}", hint="fetch or copy it again")


def weight_files(path: Path) -> list[Path]:
    """The files that hold the tensors of `path`, a file or a folder, with the index if there is one.

    Raises CheckpointError where there are none, or where the index names one that is not there.
    """
    if not path.is_dir():
        if not path.is_file():
            raise CheckpointError(f"{path}: no such file or folder")
        return [path]
    found = next((path / name for name in _FOLDER_FILES if (path / name).is_file()), None)
    if found is None:
        raise CheckpointError(f"{path}: holds no weights", hint=f"expected one of {', '.join(_FOLDER_FILES)}")
    if found.suffix != ".json":
        return [found]
    shards = sorted(set(_weight_map(found).values()))
    if absent := [name for name in shards if not (path / name).is_file()]:
        raise CheckpointError(f"{path}: shards are missing: {', '.join(absent)}", hint="fetch or copy them again")
    return [found, *(path / name for name in shards)]


def open_tensors(path: Path) -> Tensors:
    """The tensors of a file, or of the files of a folder, by name.

    Raises CheckpointError where a file is missing, damaged, or holds more than tensors.
    """
    index, *shards = weight_files(path)
    if index.suffix != ".json":
        return _open_file(index)
    tensors = {name: tensor for shard in shards for name, tensor in _open_file(shard).items()}
    if absent := sorted(set(_weight_map(index)) - set(tensors)):
        raise CheckpointError(f"{index}: tensors are not in their shards: {listed(absent)}", problems=tuple(absent))
    return tensors


def check_tensors(subject: str, expected: Mapping[str, Shape], found: Mapping[str, StoredTensor]) -> None:
    """Raise a CheckpointError that names each tensor which is missing, unexpected or of another shape."""
    missing = [f"missing {name}" for name in expected if name not in found]
    unexpected = [f"unexpected {name} in {tensor.file.name}" for name, tensor in found.items() if name not in expected]
    wrong = [
        f"{name} in {found[name].file.name} is {shape_text(found[name].shape)}, not {shape_text(shape)}"
        for name, shape in expected.items()
        if name in found and found[name].shape != tuple(shape)
    ]
    if problems := (*missing, *wrong, *unexpected):
        raise CheckpointError(f"{subject}: {listed(problems)}", problems=problems)


@torch.no_grad()
def fill(module: nn.Module, tensors: Tensors) -> None:
    """Give every parameter the tensor of its name."""
    for name, parameter in module.named_parameters():
        parameter.copy_(tensors[name].read())


def listed(names: Iterable[str]) -> str:
    """Names in one line; of very many the first ones and how many more."""
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + more


def shape_text(shape: Shape) -> str:
    """A shape as people write it: 4096x768."""
    return "x".join(map(str, shape)) or "a scalar"


def _open_file(path: Path) -> Tensors:
    return _open_safetensors(path) if path.suffix == ".safetensors" else open_pickled(path)


def _open_safetensors(path: Path) -> Tensors:
    try:
        with plain_path(path) as plain:
            file = safe_open(plain, framework="pt")
        return {name: _mapped(path, file, name) for name in sorted(file.keys())}  # type: ignore[no-untyped-call]
    except (SafetensorError, OSError, KeyError) as error:
        raise damaged(path, error) from error


def _mapped(path: Path, file: Any, name: str) -> StoredTensor:
    piece = file.get_slice(name)
    shape = tuple(piece.get_shape())
    return StoredTensor(path, shape, math.prod(shape) * _WIDTHS[piece.get_dtype()], lambda: file.get_tensor(name))


def open_pickled(path: Path) -> Tensors:
    """The tensors of a file that `torch.save` wrote from a dict."""
    try:
        with plain_path(path) as plain:
            values = torch.load(plain, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if what := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise refuse_code(path, what[1]) from error
        raise CheckpointError(f"{path}: is no file of tensors, or damaged") from error
    except (RuntimeError, EOFError, OSError) as error:
        raise damaged(path, error) from error
    except (ValueError, LookupError, AttributeError, TypeError, AssertionError, ArithmeticError, struct.error) as error:
        # What torch's unpickler lets through where bytes are not what they should be.
        raise CheckpointError(f"{path}: is no file of tensors, or damaged") from error
    if not isinstance(values, dict) or not all(isinstance(value, Tensor) for value in values.values()):
        raise CheckpointError(f"{path}: is no dictionary of tensors")
    return {str(name): StoredTensor.held(path, value) for name, value in values.items()}


def _weight_map(index: Path) -> dict[str, str]:
    """Which file holds each tensor. Files outside the folder are refused."""
    try:
        names = json.loads(index.read_bytes())["weight_map"]
        files = {str(name): str(file) for name, file in names.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{index}: is no index of shards") from error
    if strange := [file for file in files.values() if Path(file).name != file]:
        raise CheckpointError(f"{index}: names a file outside its folder: {strange[0]}")
    return files
