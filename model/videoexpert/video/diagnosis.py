"""Why a file cannot be opened as a video, from its first bytes and its outline. Works inside the worker.

The texts do not name the file; the reader puts the name that the user gave in front.
"""

import os
import struct
from collections.abc import Iterator

from videoexpert.errors import VideoError

HEAD = 4096

PICTURE_SIGNATURES = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"\x00\x00\x00\x0cjP  ",
    b"8BPS",
)
AUDIO_SIGNATURES = (b"ID3", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xf1", b"\xff\xf9", b".snd", b"caff")
PLAYLIST_SIGNATURES = (b"#EXTM3U", b"ffconcat version", b"v=0", b"[playlist]", b"<SMIL", b"<smil")
RIFF_TYPES = {b"WEBP": "image", b"WAVE": "no_video"}

STILL_BRANDS = frozenset({"heic", "heix", "heim", "heis", "mif1", "avif"})
"""Major brands of ISO files that hold one still picture."""


def playlist() -> VideoError:
    return VideoError("is a playlist, not a video", kind="playlist", hint="name the video file that it points to")


def image() -> VideoError:
    return VideoError("is a picture, not a video", kind="image", hint="name a video file")


def no_video() -> VideoError:
    return VideoError(
        "has no video stream (audio only?)", kind="no_video", hint="name a file that has pictures, not only sound"
    )


def no_frames() -> VideoError:
    return VideoError("video stream holds no frames", kind="no_frames", hint="record or export it again")


def undecodable(why: str) -> VideoError:
    return VideoError(
        f"no frame can be decoded ({why})", kind="undecodable", hint="play it to check, or export it again as H.264"
    )


def refusal(path: str, error: Exception) -> VideoError:
    """Why FFmpeg would not open the file."""
    if isinstance(error, PermissionError):
        return VideoError("no permission to read", kind="permission", hint="give yourself read access (chmod u+r)")
    if isinstance(error, FileNotFoundError):
        return VideoError("no such file", kind="missing", hint="check the spelling and the folder")
    if isinstance(error, OSError) and not isinstance(error, ValueError):
        return VideoError(f"cannot be read: {error.strerror}", kind="not_media", hint="check the disk that it lies on")
    with open(path, "rb") as file:
        head = file.read(HEAD)
    recognised = _by_signature(head)
    if recognised is not None:
        return recognised
    outline = [kind for kind, _, _ in _boxes(path, 0, os.path.getsize(path))]
    if b"ftyp" in outline[:1] and b"moov" not in outline:
        return VideoError(
            "incomplete MP4 (index 'moov' missing): download or recording was cut off",
            kind="truncated",
            hint="download it again, or copy it again from the camera",
        )
    return VideoError(
        "not a video file that can be read", kind="not_media", hint="check that the download is what you meant"
    )


def without_streams(path: str) -> VideoError:
    """Why a file that FFmpeg opened has no stream at all: its index is empty, or damaged."""
    for kind, body, end in _boxes(path, 0, os.path.getsize(path)):
        if kind == b"moov" and b"mvhd" not in [inner for inner, _, _ in _boxes(path, body, end)]:
            return VideoError(
                "damaged MP4 (index 'moov' cannot be read)", kind="corrupt_header", hint="copy or download it again"
            )
    return no_frames()


def data_missing(frames: int) -> VideoError:
    """The index lists frames of which nothing is in the file."""
    return VideoError(
        f"incomplete file: none of its {frames} frames is there", kind="truncated", hint="download or copy it again"
    )


def _by_signature(head: bytes) -> VideoError | None:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(PLAYLIST_SIGNATURES) or (text.startswith(b"<?xml") and b"<MPD" in text):
        return playlist()
    if head.startswith(PICTURE_SIGNATURES):
        return image()
    if head.startswith(AUDIO_SIGNATURES) or (head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC")):
        return no_video()
    if head.startswith(b"RIFF") and head[8:12] in RIFF_TYPES:
        return image() if RIFF_TYPES[head[8:12]] == "image" else no_video()
    return None


def _boxes(path: str, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The ISO boxes between two offsets of a file: (type, where its body begins, where it ends)."""
    with open(path, "rb") as file:
        while start < end:
            file.seek(start)
            header = file.read(16)
            if len(header) < 8:
                return
            size, kind = struct.unpack(">I4s", header[:8])
            body = start + 8
            if size == 1 and len(header) == 16:
                size, body = struct.unpack(">Q", header[8:])[0], start + 16
            if size == 0:
                size = end - start
            if size < body - start:
                return
            yield kind, body, start + size
            start += size
