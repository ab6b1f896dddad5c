"""A file from a web server: what has arrived stays, and the next attempt goes on where the last one ended."""

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit

from videoexpert.errors import DownloadError
from videoexpert.hub.parts import HubFile

TRIES = 3
"""How often in a row nothing may arrive before this is given up."""

_SILENCE = 30.0
"""Seconds without a byte after which a connection counts as lost."""

_BLOCK = 1 << 18


def hub_url(file: HubFile) -> str:
    """The address of a file of Hugging Face, or of the mirror that HF_ENDPOINT names."""
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    return f"{endpoint.rstrip('/')}/{file.repository}/resolve/main/{quote(file.path)}"


def download(url: str, partial: Path, *, size: int, on_bytes: Callable[[int], None]) -> None:
    """Fetch a file of `size` bytes into `partial`, which may hold the beginning of it; on_bytes hears how many it has.

    Raises DownloadError where it cannot be had or is of another size, OSError where `partial` cannot be written.
    """
    host = urlsplit(url).hostname
    if urlsplit(url).scheme not in {"http", "https"} or host is None:
        raise DownloadError(f"{url}: is no web address", hint="correct HF_ENDPOINT, or unset it")
    failures = 0
    with open(partial, "ab") as file:
        while (had := file.tell()) < size:
            try:
                _append(url, file, size=size, on_bytes=on_bytes)
            except _LostError as error:
                failures = 1 if file.tell() > had else failures + 1
                if error.final or failures == TRIES:
                    raise DownloadError(f"{host}: {error}") from error
                time.sleep(0.5 * failures)


class _LostError(Exception):
    """No answer, or one that broke off. final: asking again is no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


def _append(url: str, file: BinaryIO, *, size: int, on_bytes: Callable[[int], None]) -> None:
    """Add what one answer holds; that may be less than all of it."""
    had = file.tell()
    with _ask(url, had) as answer:
        if had and not (answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {had}-")):
            file.seek(0)
            file.truncate()
            if answer.status == 206:  # another part than the one asked for
                return
            had = 0
        announced = answer.headers.get("Content-Length")
        if announced is not None and had + int(announced) != size:
            raise DownloadError(f"{url}: holds {had + int(announced)} bytes, not the {size} of the file expected")
        on_bytes(had)
        while had < size:
            block = _read(answer, min(_BLOCK, size - had))
            file.write(block)
            had += len(block)
            on_bytes(had)


def _ask(url: str, had: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "vex", "Accept-Encoding": "identity"}
    if had:
        headers["Range"] = f"bytes={had}-"
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        busy = error.code >= 500 or error.code in {408, 429}
        raise _LostError(f"{error.code} {error.reason}", final=not busy) from error
    except (OSError, http.client.HTTPException) as error:
        raise _LostError(_reason(error)) from error
    assert isinstance(answer, http.client.HTTPResponse)
    return answer


def _read(answer: http.client.HTTPResponse, count: int) -> bytes:
    try:
        block = answer.read1(count)
    except (OSError, http.client.HTTPException) as error:
        raise _LostError(_reason(error)) from error
    if not block:
        raise _LostError("the connection broke off")
    return block


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(inner, TimeoutError):
        return "no answer"
    return (inner.strerror if isinstance(inner, OSError) else None) or str(inner) or type(inner).__name__
