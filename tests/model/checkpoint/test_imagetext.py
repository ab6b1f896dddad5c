"""CLIP and SigLIP with both sides: what transformers computes, and a line that says what is wrong with a folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_image_text import random_clip, random_siglip, word_tokenizer, write_image_text
from torch.nn import functional as F
from transformers import CLIPModel, SiglipModel

from videoexpert.checkpoint.imagetext import PROMPTS, open_image_text, open_side, read_looks
from videoexpert.checkpoint.names import expected_vision
from videoexpert.checkpoint.sentences import TOKENIZER
from videoexpert.checkpoint.tensors import check_tensors
from videoexpert.config import ImageTextConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.imagetext import IMAGE_SIDE, ImageTextTower
from videoexpert.nn.pixels import prepare_pixels, squash_pixels
from videoexpert.nn.vision import build_tower

MAKERS: dict[str, Callable[[], CLIPModel | SiglipModel]] = {"clip": random_clip, "siglip": random_siglip}
PAD, END = 0, 3
TEXTS = ("red", "a Blue video", "a photo of the unknown, of green and of black and white and yellow and more of it")


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    return write_image_text(MAKERS[kind](), tmp_path / kind)


def tower_of(folder: Path) -> ImageTextTower:
    config, tensors = open_image_text(folder, classes=5)
    side = open_side(tensors, IMAGE_SIDE)
    check_tensors("image side", expected_vision(config), side)
    tower = build_tower(config, initialise=False)
    assert isinstance(tower, ImageTextTower)
    tower.network.load_state_dict({name: tensor.read() for name, tensor in side.items()})
    return tower


def of_the_library(kind: str, frames: torch.Tensor, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors of frames and of texts, as transformers computes them by itself, text by text."""
    model: Any = MAKERS[kind]()
    prepare = prepare_pixels if kind == "clip" else squash_pixels
    tokenizer, context = word_tokenizer(clip=kind == "clip"), model.config.text_config.max_position_embeddings
    read = []
    for text in texts:
        ids = tokenizer.encode(text.lower()).ids
        ids = ids if len(ids) <= context else [*ids[: context - 1], END]
        ids = ids if kind == "clip" else ids + [PAD] * (context - len(ids))
        with torch.no_grad():
            read.append(model(input_ids=torch.tensor([ids]), pixel_values=prepare(frames, 32)))
    return read[0].image_embeds, torch.cat([one.text_embeds for one in read])


def test_logits_are_those_of_the_library(folder: Path, kind: str) -> None:
    frames = torch.randint(0, 256, (4, 3, 40, 64), dtype=torch.uint8)
    config, _ = open_image_text(folder, classes=5)
    seen, _ = tower_of(folder).encode(frames, keep=[0])
    looks = read_looks(folder, folder / TOKENIZER, config)
    for text in TEXTS:
        images, texts = of_the_library(kind, frames, [prompt.format(text) for prompt in PROMPTS])
        expected = config.scale * images @ F.normalize(texts.mean(dim=0), dim=-1)
        torch.testing.assert_close((seen @ looks.rows([text]).t())[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert config.scale == pytest.approx(MAKERS[kind]().logit_scale.exp().item())


def test_words_look_the_same_whoever_is_beside_them(folder: Path) -> None:
    config, _ = open_image_text(folder, classes=5)
    looks = read_looks(folder, folder / TOKENIZER, config)
    together = looks.rows(TEXTS)
    torch.testing.assert_close(together, torch.cat([looks.rows([text]) for text in TEXTS]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(F.normalize(together, dim=-1) * config.scale, together)


def test_the_configuration_survives_json(folder: Path, kind: str) -> None:
    config, _ = open_image_text(folder, classes=5)
    assert (config.family, config.image_size, config.grid, config.patches) == (kind, 32, 2, 4)
    assert (config.features, config.context) == ((16, 20) if kind == "clip" else (24, 12))
    values = json.loads(json.dumps({"settings": config.settings, "classes": 5, "scale": config.scale, "pad": 0}))
    assert ImageTextConfig(**values) == config


def change(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | values))


def drop(folder: Path, start: str) -> None:
    file = folder / "model.safetensors"
    save_file({name: tensor for name, tensor in load_file(file).items() if not name.startswith(start)}, file)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no configuration": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
    "broken JSON": (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as the configuration"),
    "another model": (lambda folder: change(folder, model_type="bert"), "is a bert model, not a CLIP or SigLIP"),
    "one side": (lambda folder: drop(folder, "logit_scale"), "only one side of an image-text encoder"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "holds no weights"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_folder_is_said(folder: Path, case: str) -> None:
    spoil, told = BROKEN[case]
    spoil(folder)
    with pytest.raises(CheckpointError, match=told):
        open_image_text(folder, classes=5)


def test_a_tensor_that_is_missing_is_named(folder: Path) -> None:
    drop(folder, "text_model.final_layer_norm")
    config, _ = open_image_text(folder, classes=5)
    with pytest.raises(CheckpointError, match=r"missing text_model\.final_layer_norm\.weight"):
        read_looks(folder, folder / TOKENIZER, config)


def test_siglip_needs_to_know_what_fills_a_text_up(tmp_path: Path) -> None:
    folder = write_image_text(random_siglip(), tmp_path / "siglip")
    (folder / "tokenizer_config.json").write_text('{"pad_token": {"content": "<nothing>"}}')
    with pytest.raises(CheckpointError, match="'<nothing>', which its tokenizer does not know"):
        open_image_text(folder, classes=5)
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(CheckpointError, match="does not say which token fills a text up"):
        open_image_text(folder, classes=5)
