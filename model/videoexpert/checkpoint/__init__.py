"""Model folders: load them strictly, save them, and make them of the checkpoint that VideoExpert's authors publish.

Names are imported when they are first used: what only looks at a video never loads a language model's code.
"""

from typing import TYPE_CHECKING

from videoexpert.lazy import lazily

if TYPE_CHECKING:
    from videoexpert.checkpoint.folder import ModelFolder, load_finder, load_sentences, load_vision, read_folder
    from videoexpert.checkpoint.published import PublishedFiles, import_published
    from videoexpert.checkpoint.sentences import Sentences
    from videoexpert.checkpoint.tokenizers import load_tokenizer
    from videoexpert.checkpoint.whole import load_model, save_model, save_trained

_HOMES = {
    "ModelFolder": "folder",
    "PublishedFiles": "published",
    "Sentences": "sentences",
    "import_published": "published",
    "load_finder": "folder",
    "load_model": "whole",
    "load_sentences": "folder",
    "load_tokenizer": "tokenizers",
    "load_vision": "folder",
    "read_folder": "folder",
    "save_model": "whole",
    "save_trained": "whole",
}

__all__ = [
    "ModelFolder",
    "PublishedFiles",
    "Sentences",
    "import_published",
    "load_finder",
    "load_model",
    "load_sentences",
    "load_tokenizer",
    "load_vision",
    "read_folder",
    "save_model",
    "save_trained",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)
