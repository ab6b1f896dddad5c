"""Model folders: load them strictly, save them, and make them of the checkpoint that VideoExpert's authors publish."""

from videoexpert.checkpoint.folder import ModelFolder, load_model, load_vision, read_folder, save_model
from videoexpert.checkpoint.published import PublishedFiles, import_published
from videoexpert.checkpoint.tokenizers import load_tokenizer

__all__ = [
    "ModelFolder",
    "PublishedFiles",
    "import_published",
    "load_model",
    "load_tokenizer",
    "load_vision",
    "read_folder",
    "save_model",
]
