"""Llama's `tokenizer.model`, a SentencePiece file, as a vocabulary and merges; nothing beside this code is needed."""

import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from videoexpert.errors import CheckpointError

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_PIECES, _TRAINER = 1, 2  # fields of the file
_PIECE, _SCORE, _TYPE = 1, 2, 3  # fields of a piece
_MODEL_TYPE = 3  # a field of the trainer's settings
_BPE = 2
_NORMAL, _USER_DEFINED = 1, 4

Field = tuple[int, int | bytes]


def read_spm(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The ids of all pieces, and the pairs that are joined, first ones first.

    Raises CheckpointError where the file is damaged or is no BPE model.
    """
    try:
        fields = list(_fields(path.read_bytes()))
        pieces = [dict(_fields(_data(value))) for field, value in fields if field == _PIECES]
        trainer = dict(chain.from_iterable(_fields(_data(value)) for field, value in fields if field == _TRAINER))
        words = [_data(piece[_PIECE]).decode() for piece in pieces]
        scores = [struct.unpack("<f", _data(piece.get(_SCORE, b"\0\0\0\0")))[0] for piece in pieces]
    except (OSError, ValueError, LookupError, struct.error) as error:
        raise CheckpointError(
            f"{path}: is no SentencePiece model, or damaged", hint="fetch or copy it again"
        ) from error
    if trainer.get(_MODEL_TYPE, 1) != _BPE or not words:
        raise CheckpointError(f"{path}: is no BPE model", hint="give a base folder that has a tokenizer.json")
    vocabulary = {word: index for index, word in enumerate(words)}
    joined = [i for i, piece in enumerate(pieces) if piece.get(_TYPE, _NORMAL) in (_NORMAL, _USER_DEFINED)]
    # SentencePiece joins the pair whose whole has the highest score; a list of merges says the same by its order.
    joined.sort(key=lambda i: (-scores[i], i))
    return vocabulary, [pair for i in joined for pair in _splits(words[i], vocabulary)]


def _splits(word: str, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """All ways to make a piece of two others."""
    pairs = [(word[:cut], word[cut:]) for cut in range(1, len(word))]
    return [(left, right) for left, right in pairs if left in vocabulary and right in vocabulary]


def _fields(data: bytes) -> Iterator[Field]:
    """The fields of a protocol buffer message. Raises ValueError or IndexError where it is damaged."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            size, place = _varint(data, place)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"unknown kind of field {kind}")
        if place + size > len(data):
            raise ValueError("a field ends after the file")
        yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """The number at `place`, seven bits a byte, and where the next thing begins."""
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place


def _data(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes were expected")
    return value
