"""Clips: one file per moment, with exactly the frames asked for, or a fast copy that starts at a key frame."""

from dataclasses import replace
from pathlib import Path

from vexcli.outputs.cuts import Cut, Footage, cut_streams, cut_timing, plan_cut
from vexcli.outputs.encoding import (
    Progress,
    VideoEncoder,
    Written,
    mp4_options,
    picture_options,
    run_graph,
    sound_options,
)
from videoexpert.atomic import atomic_path
from videoexpert.timeline import Span


def write_clip(
    footage: Footage,
    span: Span,
    final: Path,
    *,
    title: str,
    encoder: VideoEncoder,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write the frames of `span` and the sound beside them as an MP4 named `final`; an existing file is kept.

    Raises FfmpegError where ffmpeg fails and OutputError where the file cannot be written.
    """
    if final.exists() and not overwrite:
        return Written(final, kept=True)
    cut = plan_cut(footage, span)
    with atomic_path(final, overwrite=overwrite) as temporary:
        found = _encode(cut, temporary, final, title=title, encoder=encoder, progress=progress)
        if found != cut.count and cut.seek is not None:
            # Not every file can be entered in the middle: read it from the start.
            cut = replace(cut, seek=None)
            found = _encode(cut, temporary, final, title=title, encoder=encoder, progress=progress)
    damaged = (f"{found} of {cut.count} frames could be read",) if found != cut.count else ()
    return Written(final, warnings=damaged)


def _encode(
    cut: Cut, target: Path, final: Path, *, title: str, encoder: VideoEncoder, progress: Progress | None
) -> int:
    """Encode the cut into `target`; returns the number of frames that are in it."""
    from videoexpert.video import frame_times

    video, audio = cut_streams(cut)
    # H.264 in the common 4:2:0 form holds even sizes only: the last row or column goes, nothing is scaled.
    video = video.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2")
    streams = [video] if audio is None else [video, audio]
    codecs = picture_options(encoder) | sound_options(audio is not None)
    options = mp4_options(title) | codecs | cut_timing(cut, encoder)
    run_graph(streams, target, options, progress=progress, named=final)
    return len(frame_times(str(target)))
