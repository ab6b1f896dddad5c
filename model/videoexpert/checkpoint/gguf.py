"""GGUF files, the format of llama.cpp: what is said of a model, and its tensors, which become float16 when read."""

import math
import mmap
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from videoexpert.checkpoint.tensors import Shape, StoredTensor, Tensors, damaged
from videoexpert.errors import CheckpointError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_DEEPEST = 8


def open_gguf(path: Path) -> tuple[dict[str, Any], Tensors]:
    """What the file says, and its tensors by its own names, shaped as torch has them.

    Raises CheckpointError where it is no GGUF, is damaged, or holds numbers of a kind that is not read here.
    """
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(path, _Cursor(data))
    except (OSError, struct.error, ValueError, UnicodeDecodeError, RecursionError, MemoryError) as error:
        raise damaged(path, error) from error


class _Cursor:
    """Reads on from where it is."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data, self.at = data, 0

    def __len__(self) -> int:
        return len(self._data)

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self._data):
            raise ValueError("it ends too early")
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(kind)))[0]

    def text(self) -> str:
        return self.take(self.number("Q")).decode()

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind == _LIST and depth < _DEEPEST:
            inner, count = self.number("I"), self.number("Q")
            return [self.value(inner, depth + 1) for _ in range(count)]
        if kind not in _NUMBERS:
            raise ValueError(f"values of type {kind} are not known")
        return self.number(_NUMBERS[kind])


def _read(path: Path, cursor: _Cursor) -> tuple[dict[str, Any], Tensors]:
    if cursor.take(4) != _MAGIC:
        raise ValueError("it is no GGUF")
    version, tensors, entries = cursor.number("I"), cursor.number("Q"), cursor.number("Q")
    if version not in _VERSIONS:
        raise ValueError(f"it is of version {version}")
    said: dict[str, Any] = {}
    for _ in range(entries):
        name = cursor.text()
        said[name] = cursor.value(cursor.number("I"))
    listed = []
    for _ in range(tensors):
        name, dimensions = cursor.text(), cursor.number("I")
        shape = tuple(cursor.number("Q") for _ in range(dimensions))[::-1]  # the fastest one comes first there
        listed.append((name, shape, cursor.number("I"), cursor.number("Q")))
    alignment = int(said.get("general.alignment", 32))
    start = -(-cursor.at // alignment) * alignment
    return said, {name: _stored(path, start + offset, shape, kind, len(cursor)) for name, shape, kind, offset in listed}


def _stored(path: Path, offset: int, shape: Shape, kind: int, size: int) -> StoredTensor:
    if kind not in _KINDS:
        raise CheckpointError(
            f"{path}: its numbers of type {kind} are not read here", hint="give another variant of it"
        )
    per_block, bytes_per_block, widen = _KINDS[kind]
    blocks, rest = divmod(math.prod(shape), per_block)
    if rest or offset + blocks * bytes_per_block > size:
        raise ValueError("a tensor does not fit into it")

    def read() -> Tensor:
        with open(path, "rb") as file:
            file.seek(offset)
            raw = bytearray(file.read(blocks * bytes_per_block))
        rows = torch.frombuffer(raw, dtype=torch.uint8).reshape(blocks, bytes_per_block)
        return widen(rows).to(torch.float16).reshape(shape)

    return StoredTensor(path, shape, 2 * math.prod(shape), read)


def _half(column: Tensor) -> Tensor:
    """Bytes [n, 2] as the half-precision numbers that they are, in float32: [n, 1]."""
    return column.contiguous().view(torch.float16).float()


def _floats(rows: Tensor) -> Tensor:
    return rows.contiguous().view(torch.float32)


def _halves(rows: Tensor) -> Tensor:
    return rows.contiguous().view(torch.float16)


def _q4_1(rows: Tensor) -> Tensor:
    """32 numbers: a scale, a minimum, and 4 bits each; the low halves of the bytes come first."""
    steps = torch.cat((rows[:, 4:] & 15, rows[:, 4:] >> 4), dim=1).float()
    return steps * _half(rows[:, :2]) + _half(rows[:, 2:4])


def _q8_0(rows: Tensor) -> Tensor:
    """32 numbers: a scale, and 8 bits each."""
    return rows[:, 2:].contiguous().view(torch.int8).float() * _half(rows[:, :2])


_KINDS: Mapping[int, tuple[int, int, Callable[[Tensor], Tensor]]] = {
    0: (1, 4, _floats),
    1: (1, 2, _halves),
    3: (32, 20, _q4_1),
    8: (32, 34, _q8_0),
}
"""By the type's number: numbers in a block, bytes of a block, and how blocks [n, bytes] become numbers."""
