"""Which file a name in an annotation means, and how long it lasts. Nothing is decoded; probing is the last resort."""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import TracebackType

from videoexpert.errors import VideoError
from videoexpert.video import VideoReader
from videoexpert.video.suffixes import VIDEO_SUFFIXES


class VideoFolder:
    """The videos in a folder by name. deep: with the folders below it. It is read once, when the first is asked for."""

    def __init__(self, folder: str, *, deep: bool) -> None:
        self._folder, self._deep = folder, deep

    def find(self, name: str) -> str | None:
        """The video called `name`, which may lack its suffix or have another video's; None where there is none."""
        base = os.path.basename(name)
        stem, suffix = os.path.splitext(base)
        found = self._videos.get(base) or self._stems.get(base)
        return found or (self._stems.get(stem) if suffix.lower() in VIDEO_SUFFIXES else None)

    @cached_property
    def _videos(self) -> dict[str, str]:
        """Paths by file name. Of several with one name, the first in order counts."""
        found: dict[str, str] = {}
        for path in self._walk():
            found.setdefault(os.path.basename(path), path)
        return found

    @cached_property
    def _stems(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, path in self._videos.items():
            found.setdefault(os.path.splitext(name)[0], path)
        return found

    def _walk(self) -> Iterator[str]:
        seen: set[str] = set()
        for folder, below, names in os.walk(self._folder or os.curdir, followlinks=True):
            real = os.path.realpath(folder)
            # Links may lead back up; a folder is read once.
            below[:] = sorted(below) if self._deep and real not in seen else []
            if real not in seen:
                seen.add(real)
                shown = os.path.join(self._folder, os.path.relpath(folder, self._folder or os.curdir))
                yield from (
                    os.path.normpath(os.path.join(shown, name))
                    for name in sorted(names)
                    if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES
                )


class Videos:
    """The videos that annotations speak of.

    folder: where they lie; by default, beside the annotations. needed: whether a record without its video is of no
    use. durations: seconds by name, for annotations that do not say. A context manager: it may start a reader.
    """

    def __init__(self, folder: str | None, *, needed: bool, durations: Mapping[str, float]) -> None:
        self.folder, self.needed, self.durations = folder, needed, durations
        self._folders: dict[str, VideoFolder] = {}
        self._reader: VideoReader | None = None
        self._probed: dict[str, float | VideoError] = {}
        self._paths: dict[tuple[str, str], str | None] = {}

    def __enter__(self) -> "Videos":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._reader is not None:
            self._reader.close()

    def find(self, name: str, *, beside: str, as_path: bool) -> str | None:
        """The path of the video `name`, or None. beside: the folder of the annotations.

        as_path: the name is a path, from the working folder or from `beside`, before it is looked for by name.
        """
        key = (name, beside)
        if key not in self._paths:
            self._paths[key] = (self._at_path(name, beside) if as_path else None) or self._by_name(name, beside)
        return self._paths[key]

    def probe(self, path: str) -> float:
        """How long a file lasts, in seconds. Raises VideoError where it cannot be read."""
        if path not in self._probed:
            if self._reader is None:
                self._reader = VideoReader()
            try:
                self._probed[path] = self._reader.probe(path).duration
            except VideoError as error:
                self._probed[path] = error
        found = self._probed[path]
        if isinstance(found, VideoError):
            raise found
        return found

    def _at_path(self, name: str, beside: str) -> str | None:
        return next((path for path in (name, os.path.join(beside, name)) if os.path.isfile(path)), None)

    def _by_name(self, name: str, beside: str) -> str | None:
        folder = beside if self.folder is None else self.folder
        if folder not in self._folders:
            self._folders[folder] = VideoFolder(folder, deep=self.folder is not None)
        return self._folders[folder].find(name)
