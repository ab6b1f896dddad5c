"""CLIP from OpenAI's file and from a folder of Hugging Face: the same features, nothing run, clear lines otherwise."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from openai_clip import Clip, save_torchscript, tiny_clip
from published import write_clip
from transformers import CLIPConfig, CLIPModel

from videoexpert.checkpoint.clip import open_clip
from videoexpert.checkpoint.names import expected_vision
from videoexpert.checkpoint.tensors import Tensors, check_tensors
from videoexpert.config import VisionConfig
from videoexpert.errors import CheckpointError
from videoexpert.nn.vision import ClipTower, build_tower


@pytest.fixture(scope="module")
def clip() -> Clip:
    return tiny_clip()


@pytest.fixture(scope="module")
def archive(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "ViT.pt"
    save_torchscript(clip, path)
    return path


def tower_of(config: VisionConfig, tensors: Tensors) -> ClipTower:
    check_tensors("clip", expected_vision(config), tensors)
    tower = build_tower(config)
    tower.clip.load_state_dict({name: tensor.read() for name, tensor in tensors.items()})
    return tower


def same_features(clip: Clip, tower: ClipTower) -> None:
    pixels = torch.randn(3, 3, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(tower(pixels), clip(pixels), rtol=1e-4, atol=1e-4)


def test_openais_archive(clip: Clip, archive: Path) -> None:
    config, tensors = open_clip(archive)
    assert (config.image_size, config.patch_size, config.layers, config.features) == (28, 14, 2, 12)
    same_features(clip, tower_of(config, tensors))


def test_openais_archive_in_half_precision(clip: Clip, tmp_path: Path) -> None:
    save_torchscript(tiny_clip().half(), tmp_path / "half.pt")
    config, tensors = open_clip(tmp_path / "half.pt")
    assert all(tensor.read().dtype == torch.float16 for tensor in tensors.values())
    pixels = torch.randn(3, 3, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(tower_of(config, tensors)(pixels), clip(pixels), rtol=0.05, atol=0.05)


def test_a_plain_dictionary_with_openais_names(clip: Clip, tmp_path: Path) -> None:
    torch.save(clip.state_dict(), tmp_path / "clip.pt")
    same_features(clip, tower_of(*open_clip(tmp_path / "clip.pt")))


@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_of_hugging_face(tmp_path: Path, whole: bool) -> None:
    """The vision tower alone, or with the text tower."""
    config = VisionConfig(image_size=28, patch_size=14, hidden=16, layers=2, heads=2, intermediate=20, features=12)
    if whole:
        vision = {"image_size": 28, "patch_size": 14, "hidden_size": 16, "num_hidden_layers": 2}
        vision |= {"num_attention_heads": 2, "intermediate_size": 20}
        text = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
        model = CLIPModel(CLIPConfig(vision_config=vision, text_config=text | {"vocab_size": 9}, projection_dim=12))
        model.save_pretrained(tmp_path)
        expected = model.visual_projection.weight.detach()
    else:
        write_clip(tmp_path, config)
        expected = open_clip(tmp_path)[1]["visual_projection.weight"].read()
    read, tensors = open_clip(tmp_path)
    assert read == config
    assert torch.equal(tower_of(read, tensors).clip.visual_projection.weight, expected)


class _Touch:
    """What a hostile pickle looks like."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("kind", ["archive", "dictionary"])
def test_a_file_that_would_run_code_is_refused(kind: str, archive: Path, tmp_path: Path) -> None:
    hostile, mark = tmp_path / "hostile.pt", tmp_path / "ran"
    if kind == "dictionary":
        torch.save({"visual.proj": _Touch(mark)}, hostile)
    else:
        with zipfile.ZipFile(archive) as source, zipfile.ZipFile(hostile, "w") as target:
            for name in source.namelist():
                data = pickle.dumps(_Touch(mark), 2) if name.endswith("data.pkl") else source.read(name)
                target.writestr(name, data)
    with pytest.raises(CheckpointError, match=r"is refused: it holds more than tensors \((posix|os|nt)\.mkdir\)"):
        open_clip(hostile)
    assert not mark.exists()


def test_a_tensor_outside_its_storage_is_refused(archive: Path, tmp_path: Path) -> None:
    """A storage that is shorter than the tensors in it say."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(tmp_path / "short.pt", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data[:8] if "/data/" in name else data)
    with pytest.raises(CheckpointError, match="is damaged or incomplete"):
        open_clip(tmp_path / "short.pt")


def test_what_is_no_clip(archive: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.pt"
    half.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    torch.save({"visual.layer1.weight": torch.zeros(2)}, tmp_path / "resnet.pt")
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    for name, message in [
        ("half.pt", "damaged"),
        ("resnet.pt", "holds no CLIP vision transformer"),
        ("text.pt", "is no file of tensors"),
        ("bert", "is a bert model, not CLIP"),
        ("broken", "cannot be read as CLIP's configuration"),
        ("nowhere.pt", "no such file or folder"),
    ]:
        with pytest.raises(CheckpointError, match=message) as raised:
            open_clip(tmp_path / name)
        assert "\n" not in raised.value.message and name in raised.value.message


def test_each_tensor_that_does_not_fit_is_named(clip: Clip, tmp_path: Path) -> None:
    state = clip.state_dict()
    del state["visual.ln_post.bias"]
    state["visual.extra"] = torch.zeros(1)
    state["visual.transformer.resblocks.1.attn.in_proj_bias"] = torch.zeros(9)
    torch.save(state, tmp_path / "clip.pt")
    config, tensors = open_clip(tmp_path / "clip.pt")
    with pytest.raises(CheckpointError) as raised:
        check_tensors("clip.pt", expected_vision(config), tensors)
    assert set(raised.value.problems) == {
        "missing vision_model.post_layernorm.bias",
        "unexpected extra in clip.pt",
        *(f"vision_model.encoder.layers.1.self_attn.{part}_proj.bias in clip.pt is 3, not 64" for part in "qkv"),
    }


def test_the_archive_is_read_without_importing_its_code(archive: Path) -> None:
    """An archive whose code is nonsense reads as well as any."""
    changed = io.BytesIO()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"nonsense(" if name.endswith(".py") else source.read(name))
    path = archive.with_name("nonsense.pt")
    path.write_bytes(changed.getvalue())
    first, second = open_clip(archive)[1], open_clip(path)[1]
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name].read(), second[name].read()) for name in first)
