"""An annotation file in memory: its bytes, its lines, its JSON parts."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from videoexpert.data.problems import UnusableError
from videoexpert.jsonfile import STDIN, Node, decode_text, iterate_parts, name_of, read_bytes

LONGEST_LINE = 8 << 20
"""Bytes of one line, or characters of one part of a JSON file."""

LARGEST_FILE = 1 << 30

_BOM = b"\xef\xbb\xbf"
_HINT = "give annotations: JSON, JSON lines, CSV, Charades-STA text or subtitles"


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """name: as messages call it. folder: where it lies, "" for the working folder. data: all of it."""

    name: str
    folder: str
    data: bytes

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "AnnotationFile":
        """Read a file; `-` is stdin. Raises ResultsError where that cannot be done, or where it is empty."""
        data = read_bytes(path, kind="an annotation file", hint=_HINT, limit=LARGEST_FILE)
        name = name_of(path)
        if data.startswith((b"\xff\xfe", b"\xfe\xff")) and not name.lower().endswith((".srt", ".vtt")):
            decode_text(name, data)
        return cls(name, "" if path == STDIN else os.path.dirname(os.fspath(path)), data)

    def where(self, line: int) -> str:
        """`file:line`."""
        return f"{self.name}:{line}"

    def raw_lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines that are not blank, with their numbers and without their ends or a byte order mark."""
        start, number = (len(_BOM) if self.data.startswith(_BOM) else 0), 0
        while start < len(self.data):
            end = self.data.find(b"\n", start)
            end = len(self.data) if end < 0 else end
            number += 1
            line = self.data[start:end].rstrip(b"\r")
            if line and not line.isspace():
                yield number, line
            start = end + 1

    def text(self) -> str:
        """All of it. Raises ResultsError at the line that is not UTF-8."""
        return decode_text(self.name, self.data)

    def parts(self) -> Iterator[tuple[str, Node]]:
        """The parts of the JSON object or list that the file is; see `jsonfile.iterate_parts`."""
        return iterate_parts(self.name, self.text())

    def decode(self, number: int, line: bytes) -> str:
        """One of `raw_lines` as text. Raises UnusableError where it is too long or not UTF-8."""
        where = self.where(number)
        if len(line) > LONGEST_LINE:
            raise UnusableError(f"a line of {len(line) / 1e6:.0f} MB is no record", where=where, kind="broken")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            hint = "save the file as UTF-8"
            raise UnusableError("not UTF-8", where=where, kind="encoding", hint=hint) from error
