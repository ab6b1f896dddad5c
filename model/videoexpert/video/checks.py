"""What can be said about a video file without opening it: opening a FIFO or a device may never return."""

import errno
import os
import stat
from pathlib import Path

from videoexpert.errors import VideoError


def display_name(path: str | os.PathLike[str]) -> str:
    """The path, or other text from outside, as it may stand in one line: what cannot be printed is escaped."""
    return "".join(character if character.isprintable() else _escaped(character) for character in os.fspath(path))


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        # A byte of a name that is not in the file system's encoding.
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def check_file(path: str | os.PathLike[str]) -> os.stat_result:
    """Raise VideoError unless `path` is a regular file that holds something and may be read."""
    name = display_name(path)
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise _stat_error(Path(path), name, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise VideoError(f"{name}: is a directory", kind="is_directory", hint="name the video files in it")
    if not stat.S_ISREG(status.st_mode):
        raise VideoError(
            f"{name}: not a regular file", kind="not_regular", hint="write the video to a file first, then name that"
        )
    if status.st_size == 0:
        raise VideoError(f"{name}: empty file (0 bytes)", kind="empty", hint="download or record it again")
    if not os.access(path, os.R_OK):
        raise _no_permission(name)
    return status


def _stat_error(path: Path, name: str, error: OSError | ValueError) -> VideoError:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EACCES:
        return _no_permission(name)
    if code == errno.ELOOP or (code == errno.ENOENT and path.is_symlink()):
        return VideoError(f"{name}: broken or circular link", kind="missing", hint="point the link at a video")
    return VideoError(f"{name}: no such file", kind="missing", hint="check the spelling and the folder")


def _no_permission(name: str) -> VideoError:
    return VideoError(f"{name}: no permission to read", kind="permission", hint="give yourself read access (chmod u+r)")
