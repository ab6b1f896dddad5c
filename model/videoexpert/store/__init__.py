"""What was seen of videos, kept on disk: a second look at the same stretch of the same file decodes nothing.

Names are imported when they are first used: what looks at the files alone needs no torch.
"""

from typing import TYPE_CHECKING

from videoexpert.lazy import lazily

if TYPE_CHECKING:
    from videoexpert.store.encoder import VideoEncoder
    from videoexpert.store.files import Entry, cache_size, clear, entries_in, features_folder
    from videoexpert.store.folder import FeatureStore, Look, Seen, usual_store

_HOMES = {
    "Entry": "files",
    "FeatureStore": "folder",
    "Look": "folder",
    "Seen": "folder",
    "VideoEncoder": "encoder",
    "cache_size": "files",
    "clear": "files",
    "entries_in": "files",
    "features_folder": "files",
    "usual_store": "folder",
}

__all__ = [
    "Entry",
    "FeatureStore",
    "Look",
    "Seen",
    "VideoEncoder",
    "cache_size",
    "clear",
    "entries_in",
    "features_folder",
    "usual_store",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
