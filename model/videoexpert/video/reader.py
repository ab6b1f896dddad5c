"""Read videos through a worker process: what a file is, when its frames appear, and the frames themselves.

Nothing in a file can hang or crash the caller: what is not a regular file is refused before it is opened, and the
worker that opens the others is killed when it takes too long.
"""

import os
import time
from array import array
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, get_args

from videoexpert.errors import ExtraMissingError, VideoError
from videoexpert.ffmpeg import find_ffmpeg
from videoexpert.video.checks import check_file, display_name
from videoexpert.video.info import VideoInfo
from videoexpert.video.limits import Limits
from videoexpert.video.process import WorkerDiedError, WorkerProcess, WorkerTimeoutError
from videoexpert.video.protocol import (
    DecoderName,
    Failed,
    Finished,
    Interpolation,
    Message,
    Opened,
    OpenVideo,
    Picture,
    Request,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from videoexpert.video.frames import FrameBatch
    from videoexpert.video.sampling import Sampling

USUAL_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class _OpenedVideo:
    """The video that the worker has open. file: what tells it from others, one that replaced it included."""

    file: tuple[str | int, ...]
    info: VideoInfo
    times: "array[float]"
    keyframe_times: "array[float]"


class VideoReader:
    """Reads any number of videos, one after the other, through one worker process.

    A context manager; the worker starts at first use. Not to be shared by threads: each takes its own.
    """

    def __init__(self, *, limits: Limits = USUAL_LIMITS) -> None:
        self._limits = limits
        self._worker: WorkerProcess | None = None
        self._opened: _OpenedVideo | None = None

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker. The reader can be used again: a new worker starts then."""
        worker, self._worker, self._opened = self._worker, None, None
        if worker is not None:
            worker.kill()

    @property
    def pid(self) -> int | None:
        """Process id of the worker, None where none was started."""
        return self._worker.pid if self._worker is not None else None

    def probe(self, path: str | os.PathLike[str]) -> VideoInfo:
        """What the file really is; nothing but its first frame is decoded. Raises VideoError where it is no video."""
        return self._open(path, time.monotonic()).info

    def frame_times(self, path: str | os.PathLike[str]) -> "NDArray[np.float64]":
        """When each frame appears: float64 [n], seconds from the start of the file, rising, n >= 1."""
        opened = self._open(path, time.monotonic())
        import numpy as np

        return np.array(opened.times)

    def keyframe_times(self, path: str | os.PathLike[str]) -> "NDArray[np.float64]":
        """When each frame that decoding can start at appears: float64 [k], seconds, rising; those of `frame_times`."""
        opened = self._open(path, time.monotonic())
        import numpy as np

        return np.array(opened.keyframe_times)

    def sample_times(self, path: str | os.PathLike[str], sampling: "Sampling") -> "NDArray[np.float64]":
        """When the frames that `sampling` picks appear: float64 [count], seconds; nothing is decoded."""
        opened = self._open(path, time.monotonic())
        import numpy as np

        from videoexpert.video.sampling import sample_indices

        times = np.array(opened.times)
        return times[sample_indices(times, opened.info.duration, sampling)]

    def read_frames(
        self,
        path: str | os.PathLike[str],
        sampling: "Sampling",
        *,
        short_side: int | None = 224,
        interpolation: Interpolation = "area",
        decoder: DecoderName = "auto",
        on_frame: Callable[[int], None] | None = None,
    ) -> "FrameBatch":
        """The frames that `sampling` picks, upright, resized so that the shorter side has `short_side` pixels.

        short_side: None for the size as shown. on_frame: called with how many different frames are there. A frame that
        is damaged is replaced by the nearest one that is not, with that one's time; a warning says how many were.
        Raises VideoError, ToolMissingError where ffmpeg is asked for but missing, and ExtraMissingError where decord
        is.
        """
        started = time.monotonic()
        _check_choices(interpolation, decoder)
        check_file(path)
        self._start()
        # While the worker starts: NumPy takes as long to import as the codecs do there.
        from videoexpert.video.frames import BatchBuilder

        name, opened = display_name(path), self._open(path, started)
        builder = BatchBuilder(name, opened.info, opened.times, sampling, short_side=short_side)
        with closing(self._ask(name, builder.request(interpolation, decoder), started)) as replies:
            for done, (reply, payload) in enumerate(replies, start=1):
                if isinstance(reply, Picture):
                    builder.add(reply, payload)
                    if on_frame is not None:
                        on_frame(done)
        assert isinstance(reply, Finished)
        return builder.batch(reply)

    def _start(self) -> None:
        """Make sure that a worker runs."""
        if self._worker is None or not self._worker.running:
            self.close()
            self._worker = WorkerProcess()

    def _open(self, path: str | os.PathLike[str], started: float) -> _OpenedVideo:
        """Have the worker open the file, unless that is the one it has open."""
        name, status = display_name(path), check_file(path)
        file = (
            os.fspath(path),
            os.path.abspath(path),
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
        )
        self._start()
        if self._opened is None or self._opened.file != file:
            self._opened = None
            with closing(self._ask(name, OpenVideo(os.path.abspath(path)), started)) as replies:
                for reply, payload in replies:
                    if isinstance(reply, Opened):
                        self._opened = _opened_video(file, name, reply.info, array("d", payload))
        assert self._opened is not None
        return self._opened

    def _ask(self, name: str, request: Request, started: float) -> Generator[tuple[Message, bytes], None, None]:
        """The worker's replies to a request, its failures raised as VideoError. Left early, the worker is ended."""
        assert self._worker is not None
        try:
            for reply, payload in self._worker.ask(request, self._limits, started=started):
                if isinstance(reply, Failed):
                    raise VideoError(f"{name}: {reply.text}", kind=reply.kind, hint=reply.hint)
                yield reply, payload
        except VideoError:
            raise
        except WorkerTimeoutError as error:
            self.close()
            raise _timeout(name, error) from None
        except WorkerDiedError as error:
            self.close()
            hint = f"it said: {display_name(error.said)}" if error.said else "try --decoder ffmpeg"
            raise VideoError(f"{name}: reading it crashed ({error.how})", kind="crashed", hint=hint) from None
        except BaseException:
            self.close()
            raise


def _opened_video(file: tuple[str | int, ...], name: str, info: VideoInfo, times: "array[float]") -> _OpenedVideo:
    """What the worker found, in the words of the one who asked. times: of all frames, then of the keyframes."""
    warnings = tuple(f"{name}: {display_name(warning)}" for warning in info.warnings)
    info = replace(info, path=str(file[0]), warnings=warnings)
    return _OpenedVideo(file, info, times[: info.frame_count], times[info.frame_count :])


def _timeout(name: str, error: WorkerTimeoutError) -> VideoError:
    if error.total:
        text, hint = f"not read within {error.limit:g} s", "give it more time with --timeout"
    else:
        text, hint = f"no progress for {error.limit:g} s", "check the disk or network drive that it lies on"
    return VideoError(f"{name}: {text}", kind="timeout", hint=hint)


def _check_choices(interpolation: Interpolation, decoder: DecoderName) -> None:
    """Raise where a choice does not exist, or needs what is not installed."""
    for name, value, choices in (
        ("interpolation", interpolation, get_args(Interpolation)),
        ("decoder", decoder, get_args(DecoderName)),
    ):
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    if decoder == "ffmpeg":
        find_ffmpeg()
    if decoder == "decord" and find_spec("decord") is None:
        raise ExtraMissingError("--decoder decord", extra="decord")


def probe(path: str | os.PathLike[str], *, limits: Limits = USUAL_LIMITS) -> VideoInfo:
    """`VideoReader.probe` for one file."""
    with VideoReader(limits=limits) as reader:
        return reader.probe(path)


def frame_times(path: str | os.PathLike[str], *, limits: Limits = USUAL_LIMITS) -> "NDArray[np.float64]":
    """`VideoReader.frame_times` for one file."""
    with VideoReader(limits=limits) as reader:
        return reader.frame_times(path)


def keyframe_times(path: str | os.PathLike[str], *, limits: Limits = USUAL_LIMITS) -> "NDArray[np.float64]":
    """`VideoReader.keyframe_times` for one file."""
    with VideoReader(limits=limits) as reader:
        return reader.keyframe_times(path)


def sample_times(
    path: str | os.PathLike[str], sampling: "Sampling", *, limits: Limits = USUAL_LIMITS
) -> "NDArray[np.float64]":
    """`VideoReader.sample_times` for one file."""
    with VideoReader(limits=limits) as reader:
        return reader.sample_times(path, sampling)


def read_frames(
    path: str | os.PathLike[str],
    sampling: "Sampling",
    *,
    short_side: int | None = 224,
    interpolation: Interpolation = "area",
    decoder: DecoderName = "auto",
    limits: Limits = USUAL_LIMITS,
) -> "FrameBatch":
    """`VideoReader.read_frames` for one file."""
    with VideoReader(limits=limits) as reader:
        return reader.read_frames(path, sampling, short_side=short_side, interpolation=interpolation, decoder=decoder)
