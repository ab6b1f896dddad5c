"""Clips: one file per moment, with exactly the frames asked for, or a fast copy that starts at a key frame."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vexcli.outputs.cuts import PREROLL, Cut, Footage, cut_streams, cut_timing, plan_cut, read_options
from vexcli.outputs.encoding import (
    FileArgument,
    Progress,
    VideoEncoder,
    Written,
    mp4_options,
    picture_options,
    run_graph,
    sound_options,
)
from vexcli.outputs.naming import clip_name, plan_names
from vexcli.outputs.selection import Part
from videoexpert.atomic import atomic_path, prepare_folder
from videoexpert.errors import VideoExpertError
from videoexpert.timeline import Span

if TYPE_CHECKING:
    from videoexpert.video import VideoReader

CLIP_SUFFIX = ".mp4"
COPY_MARK = "-copy"
"""In the names of copies, so that none is kept where the exact clip is asked for."""

_QUICKTIME = {".mov": "mov", ".3gp": "3gp", ".3g2": "3g2", ".m4v": "mp4"}
_OTHERS = {"mpegts": (".ts", "mpegts"), "flv": (".flv", "flv"), "asf": (".wmv", "asf"), "gif": (".gif", "gif")}

_LONG_BEFORE = -1e9
"""Seconds, before everything in a file."""

_NOTABLE = 0.001
"""Seconds by which a copy may miss before it is said."""


class ClipFolder:
    """A folder that clips of any number of videos go to. It names and numbers them by video, in the order written."""

    def __init__(
        self,
        folder: Path,
        parts: Sequence[Part],
        *,
        reader: "VideoReader",
        encoder: VideoEncoder | None,
        overwrite: bool,
    ) -> None:
        """parts: all that will be written. encoder: None to copy. reader: measures what was written.

        Raises OutputError where the folder cannot be written to.
        """
        prepare_folder(folder)
        self._folder = folder
        self._names = plan_names([part.video for part in parts])
        self._totals = Counter(part.video for part in parts)
        self._numbers: Counter[str] = Counter()
        self._reader = reader
        self._encoder = encoder
        self._overwrite = overwrite

    def write(self, footage: Footage, part: Part, *, progress: Progress | None = None) -> Written:
        """Write the clip of a part, whose video is `footage`. Raises as `write_clip` and `copy_clip` do."""
        self._numbers[part.video] += 1
        suffix = CLIP_SUFFIX if self._encoder is not None else COPY_MARK + _copy_format(footage)[0]
        base, number, count = self._names[part.video], self._numbers[part.video], self._totals[part.video]
        final = self._folder / clip_name(base, part.span, number=number, count=count, suffix=suffix)
        reader, overwrite = self._reader, self._overwrite
        if self._encoder is None:
            return copy_clip(footage, part.span, final, title=part.title, reader=reader, overwrite=overwrite)
        return write_clip(
            footage,
            part.span,
            final,
            title=part.title,
            encoder=self._encoder,
            reader=reader,
            overwrite=overwrite,
            progress=progress,
        )


def write_clip(
    footage: Footage,
    span: Span,
    final: Path,
    *,
    title: str,
    encoder: VideoEncoder,
    reader: "VideoReader",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the frames of `span` and the sound beside them as an MP4 named `final`; an existing file is kept.

    reader: counts the frames that were written. Raises FfmpegError where ffmpeg fails and OutputError where the file
    cannot be written.
    """
    if final.exists() and not overwrite:
        return Written(final, kept=True)
    cut = plan_cut(footage, span)
    with atomic_path(final, overwrite=overwrite) as temporary:
        _encode(cut, temporary, final, title=title, encoder=encoder, progress=progress)
        found = reader.probe(temporary).frame_count
        if found != cut.count and cut.seek is not None:
            # Not every file can be entered in the middle: read it from the start.
            cut = replace(cut, seek=None)
            _encode(cut, temporary, final, title=title, encoder=encoder, progress=progress)
            found = reader.probe(temporary).frame_count
    damaged = (f"{found} of {cut.count} frames could be read",) if found != cut.count else ()
    return Written(final, warnings=damaged)


def copy_clip(
    footage: Footage, span: Span, final: Path, *, title: str, reader: "VideoReader", overwrite: bool = False
) -> Written:
    """Copy the packets that hold `span` to `final`, without decoding; an existing file is kept.

    The copy starts at the last key frame before the span and may hold a few frames after it; `warnings` says how far
    it is off, measured by `reader`. Raises VideoExpertError where the video has no times to cut by, and FfmpegError
    and OutputError as `write_clip` does.
    """
    if final.exists() and not overwrite:
        return Written(final, kept=True)
    if footage.info.approximate_times:
        raise VideoExpertError(
            f"{footage.info.path}: cannot be cut by copying, it does not say when its frames are shown",
            hint="leave --copy out",
        )
    cut = plan_cut(footage, span)
    key = footage.key_before(cut.first)
    with atomic_path(final, overwrite=overwrite) as temporary:
        _copy(cut, key, temporary, final, title=title)
        times = reader.frame_times(temporary)
    if key is None:
        return Written(final, warnings=("starts early, at a key frame that the source hides",))
    early = cut.begin - key
    late = float(times[-1] - times[0]) + footage.step - early - cut.duration
    return Written(final, warnings=_distances(early, late))


def _encode(
    cut: Cut, target: Path, final: Path, *, title: str, encoder: VideoEncoder, progress: Progress | None
) -> None:
    """Encode the cut into `target`."""
    video, audio = cut_streams(cut)
    # H.264 in the common 4:2:0 form holds even sizes only: the last row or column goes, nothing is scaled.
    video = video.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2")
    streams = [video] if audio is None else [video, audio]
    codecs = picture_options(encoder) | sound_options(audio is not None)
    options = mp4_options(title) | codecs | cut_timing(cut, encoder)
    run_graph(streams, target, options, progress=progress, named=final)


def _copy(cut: Cut, key: float | None, target: Path, final: Path, *, title: str) -> None:
    """Copy the packets from the key frame at `key`, or from the start of the file, to the end of the cut."""
    import ffmpeg

    footage, start = cut.footage, cut.footage.info.start
    end = start + cut.end - footage.step / 2
    first = start + key - footage.step / 2 if key is not None else _LONG_BEFORE
    seek = key - PREROLL if key is not None and cut.seek is not None and key > PREROLL else None
    source = ffmpeg.input(FileArgument.of(footage.info.path), **read_options(footage.info, seek))
    early = rf"lt(pts*tb\,{first:.6f})"
    options: dict[str, Any] = {
        "format": _copy_format(footage)[1],
        "c": "copy",
        "to": f"{end:.6f}",
        "bsf:v": f"noise=drop={early}",
        "avoid_negative_ts": "make_zero",
    }
    streams = [source["V:0"]]
    if footage.info.has_audio:
        streams.append(source["a:0"])
        options["bsf:a"] = rf"noise=drop={early}+gte(pts*tb\,{end:.6f})"
    run_graph(streams, target, mp4_options(title) | options, named=final)


def _copy_format(footage: Footage) -> tuple[str, str]:
    """Suffix and ffmpeg's name of the kind of file that takes the packets of a video as they are."""
    kinds = set(footage.info.container.split(","))
    suffix = os.path.splitext(footage.info.path)[1].lower()
    if "mov" in kinds:
        return (suffix, _QUICKTIME[suffix]) if suffix in _QUICKTIME else (".mp4", "mp4")
    if "matroska" in kinds and suffix == ".webm":
        return ".webm", "webm"
    return next((known for kind, known in _OTHERS.items() if kind in kinds), (".mkv", "matroska"))


def _distances(early: float, late: float) -> tuple[str, ...]:
    """What a copy shows before and after what was asked for."""
    parts = []
    if early > _NOTABLE:
        parts.append(f"starts {early:.2f} s early, at the key frame")
    if late > _NOTABLE:
        parts.append(f"ends {late:.2f} s late")
    return (", and ".join(parts),) if parts else ()
