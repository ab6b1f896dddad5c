"""A model folder, read back: what it says of the model, and the parts that look and match, without its language model.

Strict: what is missing, unexpected or of another shape is an error. Importing this loads no language model either.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from videoexpert.checkpoint.clip import open_clip
from videoexpert.checkpoint.imagetext import open_side, open_sides, read_looks
from videoexpert.checkpoint.names import expected_vision, shapes_of
from videoexpert.checkpoint.reference import Reference
from videoexpert.checkpoint.sentences import TOKENIZER, WEIGHTS, Sentences, read_sentences
from videoexpert.checkpoint.tensors import Tensors, check_tensors, fill, open_tensors
from videoexpert.checkpoint.writing import CARD, CONFIG, LOOKS_TOKENIZER, SCHEMA, SENTENCES, VISION
from videoexpert.config import Attention, ImageTextConfig, VideoExpertConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.finder import Finder
from videoexpert.nn.imagetext import IMAGE_SIDE
from videoexpert.nn.vision import VisionTower, build_tower


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What config.json says of a model. llm_base and vision_base: where parts lie that the folder does not hold."""

    path: Path
    config: VideoExpertConfig
    llm_base: Reference | None
    vision_base: Reference | None

    @property
    def sentences(self) -> dict[str, Path]:
        """What reads words for a match channel: files, by their names; empty without one."""
        names = (WEIGHTS, TOKENIZER) if self.config.sentences is not None else ()
        looks = (LOOKS_TOKENIZER,) if isinstance(self.config.vision, ImageTextConfig) else ()
        return {name: self.path / SENTENCES / name for name in (*names, *looks)}

    def card(self) -> str:
        """What the folder says of the model, for people; empty where it says nothing."""
        file = self.path / CARD
        return file.read_text(encoding="utf-8", errors="surrogateescape") if file.is_file() else ""


def read_folder(path: Path) -> ModelFolder:
    """Read a model's config.json. Raises CheckpointError where it is missing or is not vex's."""
    file = path / CONFIG
    try:
        values = json.loads(file.read_bytes())
        schema = values["schema"]
        references = [values[key] and Reference.from_dict(values[key]) for key in ("llm_base", "vision_base")]
        model = values["model"]
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: is no model, it has no {CONFIG}", hint="vex models list") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "vex models import makes a model folder of a published checkpoint"
        raise CheckpointError(f"{file}: is not the configuration of a vex model", hint=hint) from error
    if schema != SCHEMA:
        raise CheckpointError(f"{file}: is {schema}, this version of vex reads {SCHEMA}", hint="pip install -U vex")
    placed = [reference and reference.beside(path) for reference in references]
    try:
        return ModelFolder(path, VideoExpertConfig.from_dict(model), *placed)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error.message}", hint=error.hint) from error


def load_finder(path: Path, *, device: torch.device | str = "cpu") -> Finder | None:
    """The part of a model that locates by sight alone; None where the model has to read to locate.

    The other tensors are not looked at. Raises CheckpointError where the file is missing or damaged, or naming each
    tensor of this part that is not as expected.
    """
    config = read_folder(path).config
    if config.match is None or not config.match.alone:
        return None
    with torch.random.fork_rng(devices=[]):
        finder = Finder(config)  # not on the meta device: what this does there has torch import its compiler
    expected = shapes_of(finder)
    parts = {name.partition(".")[0] for name in expected}
    tensors = {name: tensor for name, tensor in open_tensors(path).items() if name.partition(".")[0] in parts}
    check_tensors(str(path), expected, tensors)
    fill(finder, tensors)
    return finder.eval().to(device)


def load_vision(
    path: Path,
    *,
    attn: Attention = "sdpa",
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    clip: Path | None = None,
) -> VisionTower:
    """The vision tower of a model folder. clip: where CLIP lies now, if it was moved. Raises as `load_model` does."""
    folder = read_folder(path)
    config = folder.config.vision
    tensors = open_vision(folder, clip)
    if isinstance(config, ImageTextConfig):
        tensors = open_side(tensors, IMAGE_SIDE)
    check_tensors(f"{path}: vision tower", expected_vision(config), tensors)
    tower = build_tower(config, attn=attn, device=device, dtype=dtype, initialise=False)
    fill(tower.network, tensors)
    return tower


def load_sentences(path: Path, *, device: torch.device | str = "cpu") -> Sentences | None:
    """What reads a model's queries for its match channel; None where it has none. Raises CheckpointError."""
    folder = read_folder(path)
    config, vision = folder.config.sentences, folder.config.vision
    if config is None:
        return None
    sentences = read_sentences(path / SENTENCES, config, device=device)
    if isinstance(vision, ImageTextConfig):
        place = _find_vision(folder, None)
        sentences.looks = read_looks(place, folder.sentences[LOOKS_TOKENIZER], vision, device=device).rows
    return sentences


def open_vision(folder: ModelFolder, moved_to: Path | None) -> Tensors:
    """The tensors of the tower, by its names; of an image-text encoder those of both sides.

    moved_to: where CLIP lies now, if it was moved.
    """
    place = _find_vision(folder, moved_to)
    if isinstance(folder.config.vision, ImageTextConfig):
        return open_sides(open_tensors(place))
    return open_tensors(place) if folder.vision_base is None else open_clip(place)[1]


def _find_vision(folder: ModelFolder, moved_to: Path | None) -> Path:
    """Where the tensors of the tower lie."""
    return folder.path / VISION if folder.vision_base is None else folder.vision_base.find(moved_to=moved_to)
