"""Reading video: what a file really is, which frames to look at, and those frames with their true times.

The file is opened in a worker process that can be killed, so nothing in a file can hang or crash the caller, and the
caller never loads a codec. Names are imported when they are first used: `probe` needs neither PyAV nor NumPy here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoexpert.video.checks import display_name
    from videoexpert.video.frames import FrameBatch
    from videoexpert.video.info import VideoInfo
    from videoexpert.video.limits import Limits
    from videoexpert.video.protocol import DecoderName, Interpolation
    from videoexpert.video.reader import VideoReader, frame_times, keyframe_times, probe, read_frames, sample_times
    from videoexpert.video.sampling import Rule, Sampling, sample_indices

_HOMES = {
    "DecoderName": "protocol",
    "FrameBatch": "frames",
    "Interpolation": "protocol",
    "Limits": "limits",
    "Rule": "sampling",
    "Sampling": "sampling",
    "VideoInfo": "info",
    "VideoReader": "reader",
    "display_name": "checks",
    "frame_times": "reader",
    "keyframe_times": "reader",
    "probe": "reader",
    "read_frames": "reader",
    "sample_indices": "sampling",
    "sample_times": "reader",
}

__all__ = [
    "DecoderName",
    "FrameBatch",
    "Interpolation",
    "Limits",
    "Rule",
    "Sampling",
    "VideoInfo",
    "VideoReader",
    "display_name",
    "frame_times",
    "keyframe_times",
    "probe",
    "read_frames",
    "sample_indices",
    "sample_times",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
