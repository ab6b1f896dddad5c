"""What output files are called: names made from the video's, that every file system takes and that never collide.

A base name has no folder in it and no suffix; what derives from it (`clip_name`, or a format's suffix) fits into 255
bytes. Nothing here looks at the disk.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence

from videoexpert.timeline import Span

MAX_BASE_BYTES = 180
"""Longest base name, in bytes of UTF-8. File systems allow 255 for the whole name; numbers, times and suffix follow."""

_DIGEST_LENGTHS = (0, 8, 16, 64)
"""Hexadecimal digits that tell apart videos of one name: none, few, and as many as there are."""

# What Windows refuses, what terminals obey, and what reverses the direction of the text around it.
_UNSAFE = re.compile(
    '[\x00-\x1f\x7f-\x9f/\\\\:*?"<>|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]'
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)


def plan_names(paths: Sequence[str]) -> dict[str, str]:
    """The base name of each video: from its own name, unique also where capital letters and accents are not told apart.

    Videos that would share a name each get digits made from their absolute path, so the names do not depend on the
    order. Paths that mean the same file (`a/../b.mp4`) share one name; links are not followed.
    """
    identities = {path: os.path.abspath(path) for path in paths}
    lengths = dict.fromkeys(identities.values(), 0)
    while clashing := _clashing(lengths):
        for identity in clashing:
            lengths[identity] = min(lengths[identity] + 1, len(_DIGEST_LENGTHS) - 1)
    return {path: _base_name(identity, _DIGEST_LENGTHS[lengths[identity]]) for path, identity in identities.items()}


def safe_stem(path: str) -> str:
    """The name of a file without folder and suffix, with `_` for everything that a file name should not hold."""
    stem = os.path.splitext(os.path.basename(path))[0]
    stem = _UNSAFE.sub("_", unicodedata.normalize("NFC", stem))
    # A leading dash would be an option, a leading dot would hide the file; Windows drops dots and spaces at the end.
    stem = re.sub(r"^[-.~\s]|[.\s]$", "_", stem)
    return _RESERVED.sub(r"_\1", stem, count=1) if _RESERVED.match(stem) else stem or "_"


def clip_name(base: str, span: Span, *, number: int, count: int, suffix: str) -> str:
    """The name of clip `number` (from 1) of `count`; the names of a video's clips sort by number.

    Example: `talk-01-0012.500-0020.000.mp4`, times in seconds.
    """
    digits = max(2, len(str(count)))
    return f"{base}-{number:0{digits}d}-{span.start:08.3f}-{span.end:08.3f}{suffix}"


def _clashing(lengths: dict[str, int]) -> list[str]:
    """The videos whose name, with so many digits, another one has too."""
    groups: dict[str, list[str]] = {}
    for identity, length in lengths.items():
        groups.setdefault(_same_file_key(_base_name(identity, _DIGEST_LENGTHS[length])), []).append(identity)
    return [identity for group in groups.values() if len(group) > 1 for identity in group]


def _same_file_key(name: str) -> str:
    """Equal for names that some file system takes for one (canonical caseless matching of Unicode)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _base_name(identity: str, digest_length: int) -> str:
    """The safe stem; with digits of the absolute path where asked for, or where it had to be cut short."""
    stem = safe_stem(identity)
    too_long = len(stem.encode()) > MAX_BASE_BYTES
    length = max(digest_length, _DIGEST_LENGTHS[1] if too_long else 0)
    if not length:
        return stem
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:length]
    room = MAX_BASE_BYTES - len(digest) - 1
    return f"{stem.encode()[:room].decode('utf-8', 'ignore')}-{digest}"
