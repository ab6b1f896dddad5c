"""The words of captions, through pycocoevalcap's Java programs: Stanford's PTB tokenizer and METEOR 1.5."""

import shutil
import subprocess
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from videoexpert.errors import ExtraMissingError, ToolMissingError
from videoexpert.metrics.meteor import meteor
from videoexpert.metrics.scores import FloatArray

_PUNCTUATION = frozenset(
    ["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
_UTF8 = "-Dfile.encoding=UTF-8"
_TOKENIZER = (
    *("-cp", "stanford-corenlp-3.4.1.jar", "edu.stanford.nlp.process.PTBTokenizer"),
    *("-preserveLines", "-lowerCase"),
)
_METEOR = ("-Xmx2G", "-jar", "meteor-1.5.jar", "-", "-", "-stdio", "-l", "en", "-norm")
_FIELDS = 23


class Texts:
    """A running METEOR, and the tokens and scores that it gave so far. Use it as a context manager.

    Raises ExtraMissingError without pycocoevalcap, ToolMissingError without a Java that runs.
    """

    def __init__(self) -> None:
        spec = find_spec("pycocoevalcap")
        if spec is None or not spec.submodule_search_locations:
            raise ExtraMissingError("scoring the words of captions", extra="captions")
        self._folder = Path(next(iter(spec.submodule_search_locations)))
        java = shutil.which("java")
        if java is None:
            raise ToolMissingError("Java is not installed", hint="install a Java runtime, such as openjdk-17-jre")
        self._java = java
        self._tokens: dict[str, str] = {}
        self._counts: dict[tuple[str, ...], FloatArray] = {}
        self._meteor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Texts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._meteor is not None:
            for pipe in (self._meteor.stdin, self._meteor.stdout):
                if pipe is not None:
                    pipe.close()
            self._meteor.kill()
            self._meteor.wait()

    def read(self, texts: Collection[str]) -> None:
        """Tokenise many texts at once, which takes hardly longer than one."""
        new = sorted(set(texts) - self._tokens.keys())
        if not new:
            return
        lines = "".join(" ".join(text.splitlines()) + "\n" for text in new)
        ended = subprocess.run(
            [self._java, _UTF8, *_TOKENIZER],
            cwd=self._folder / "tokenizer",
            input=lines.encode("utf-8", errors="replace"),
            capture_output=True,
        )
        read = ended.stdout.decode("utf-8").split("\n")[: len(new)]
        if ended.returncode or len(read) != len(new):
            raise _failed(ended.stderr)
        for text, line in zip(new, read, strict=True):
            self._tokens[text] = " ".join(token for token in line.split(" ") if token and token not in _PUNCTUATION)

    def tokens(self, text: str) -> str:
        """The lower-case tokens of a text that was read, between single spaces, without punctuation."""
        return self._tokens[text]

    def meteor(self, pairs: Sequence[tuple[str, str]]) -> float:
        """METEOR's aggregate over pairs of caption and reference that were read, 0 .. 1."""
        return meteor(np.asarray([self.counts(self.tokens(said), self.tokens(true)) for said, true in pairs]))

    def counts(self, said: str, *true: str) -> FloatArray:
        """The 23 numbers that METEOR counts for the tokens of a caption and of the reference that suits it best."""
        asked = (said, *true)
        if asked not in self._counts:
            line = ["SCORE", *true, said.replace("|||", "").replace("  ", " ")]
            answer = self._ask(" ||| ".join(line)).split()
            if len(answer) != _FIELDS:
                raise _failed(" ".join(answer).encode())
            self._counts[asked] = np.asarray(answer, dtype=np.float64)
        return self._counts[asked]

    def _ask(self, line: str) -> str:
        questions, answers = self._pipes()
        try:
            questions.write(line.encode("utf-8", errors="replace") + b"\n")
            questions.flush()
        except OSError as error:
            raise _failed(b"") from error
        return answers.readline().decode("utf-8")

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._meteor is None:
            self._meteor = subprocess.Popen(
                [self._java, _UTF8, *_METEOR],
                cwd=self._folder / "meteor",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._meteor.stdin is not None and self._meteor.stdout is not None
        return self._meteor.stdin, self._meteor.stdout


def _failed(said: bytes) -> ToolMissingError:
    lines = said.decode("utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return ToolMissingError(f"Java does not run: {last}", hint="install a Java runtime")
