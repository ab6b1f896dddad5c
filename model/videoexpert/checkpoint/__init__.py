"""Model folders: load them strictly, save them, and make them of the checkpoint that VideoExpert's authors publish."""

from videoexpert.checkpoint.folder import (
    ModelFolder,
    load_model,
    load_sentences,
    load_vision,
    read_folder,
    save_model,
    save_trained,
)
from videoexpert.checkpoint.published import PublishedFiles, import_published
from videoexpert.checkpoint.sentences import Sentences
from videoexpert.checkpoint.tokenizers import load_tokenizer

__all__ = [
    "ModelFolder",
    "PublishedFiles",
    "Sentences",
    "import_published",
    "load_model",
    "load_sentences",
    "load_tokenizer",
    "load_vision",
    "read_folder",
    "save_model",
    "save_trained",
]
