"""What this machine has of what vex needs, and the command that installs what it has not."""

import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass
from typing import Literal

from videoexpert.errors import DISTRIBUTION, ToolMissingError
from videoexpert.ffmpeg import encoders, find_ffmpeg, version

State = Literal["ok", "optional", "missing"]
"""`optional`: not there, and only what needs it will say so. `missing`: vex does not work without it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked for. found: what is there, or what is wrong. install: the command that brings it, or None."""

    name: str
    state: State
    found: str
    install: str | None = None


@dataclass(frozen=True, slots=True)
class _Package:
    distribution: str
    purpose: str
    extra: str | None = None

    @property
    def install(self) -> str:
        return f"pip install '{DISTRIBUTION}[{self.extra}]'" if self.extra else f"pip install {self.distribution}"


_PACKAGES = (
    _Package("av", "reading video"),
    _Package("numpy", "frames"),
    _Package("srt", "subtitles"),
    _Package("ffmpeg-python", "clips and reels"),
    _Package("torch", "the model"),
    _Package("transformers", "the model"),
    _Package("safetensors", "the model's weights"),
    _Package("opentimelineio", "OTIO files", extra="otio"),
    _Package("decord2", "--decoder decord", extra="decord"),
    _Package("flash-attn", "flash attention on CUDA", extra="flash"),
    _Package("bitsandbytes", "quantised models on CUDA", extra="quant"),
    _Package("ray", "batches over several machines", extra="ray"),
)


def examine() -> list[Finding]:
    """Look at the machine, at ffmpeg and at every package; nothing is changed and no connection is made."""
    return [_machine(), _python(), *_ffmpeg(), *(_package(package) for package in _PACKAGES), _device()]


def _machine() -> Finding:
    cores = os.cpu_count() or 1
    memory = ""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB of memory"
    return Finding("machine", "ok", f"{platform.system()} {platform.machine()}, {cores} cores{memory}")


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} ({sys.executable})")


def _ffmpeg() -> list[Finding]:
    try:
        program = find_ffmpeg()
        known = encoders(program)
        found = Finding("ffmpeg", "ok", f"{version(program)} ({program})")
    except ToolMissingError as error:
        return [Finding("ffmpeg", "missing", error.message, error.hint)]
    findings = [found]
    for encoder, purpose in (("libx264", "H.264 for clips and reels"), ("aac", "sound for clips and reels")):
        if encoder in known:
            findings.append(Finding(f"ffmpeg {encoder}", "ok", purpose))
        else:
            hint = "pip install imageio-ffmpeg, then unset VEX_FFMPEG or take this ffmpeg off PATH"
            findings.append(Finding(f"ffmpeg {encoder}", "optional", f"not in this ffmpeg: {purpose}", hint))
    return findings


def _package(package: _Package) -> Finding:
    try:
        installed = importlib.metadata.version(package.distribution)
    except importlib.metadata.PackageNotFoundError:
        state: State = "optional" if package.extra else "missing"
        return Finding(package.distribution, state, f"not installed: {package.purpose}", package.install)
    return Finding(package.distribution, "ok", f"{installed} ({package.purpose})")


def _device() -> Finding:
    try:
        import torch
    except ImportError as error:
        return Finding("device", "missing", f"torch does not load: {error}", "pip install torch")
    if torch.cuda.is_available():
        return Finding("device", "ok", f"cuda: {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Finding("device", "ok", "mps")
    return Finding("device", "ok", f"cpu, {torch.get_num_threads()} threads")
