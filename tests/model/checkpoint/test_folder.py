"""Model folders: what is saved comes back, and what is wrong with one is said in a line."""

import copy
import json
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from published import write_clip, write_tokenizer
from safetensors.torch import load_file, save_file
from tiny_nn import VOCABULARY, prompt_ids, tiny_config, tiny_model, visual_tokens

from videoexpert.checkpoint import load_model, load_tokenizer, load_vision, read_folder, save_model
from videoexpert.checkpoint.clip import open_clip
from videoexpert.checkpoint.names import differing, is_expert
from videoexpert.checkpoint.reference import Reference
from videoexpert.checkpoint.tensors import StoredTensor, open_tensors
from videoexpert.checkpoint.tokenizers import import_tokenizer
from videoexpert.checkpoint.writing import NewModel, write_file, write_model, write_tensors
from videoexpert.config import VideoExpertConfig, VisionConfig
from videoexpert.errors import CheckpointError, ExtraMissingError, OutputError
from videoexpert.nn.experts import hold_experts, is_merged, merge_spatial
from videoexpert.nn.model import VideoExpert

WEIGHTS = "model.safetensors"


def make_folder(place: Path, model: VideoExpert, *, standalone: bool = False) -> Path:
    """A folder of this model, on a base whose vocabulary is one smaller, and whose linear maps are the model's."""
    base, clip, out = place / "base", place / "clip", place / "model"
    weights = {
        name.removeprefix("llm.").replace(".base.", "."): parameter.detach()
        for name, parameter in model.named_parameters()
        if name.startswith("llm.") and ".temporal." not in name and ".spatial." not in name
    }
    base.mkdir()
    save_file({name: tensor[: VOCABULARY - 1].clone() for name, tensor in weights.items()}, base / WEIGHTS)
    write_tokenizer(base, VOCABULARY - 1)
    assert isinstance(model.config.vision, VisionConfig)
    write_clip(clip, model.config.vision)
    tensors = {name: StoredTensor.held(out, parameter) for name, parameter in model.named_parameters()}
    new = NewModel(
        config=model.config,
        tensors=tensors if standalone else differing(tensors, open_tensors(base)),
        vision=open_clip(clip)[1] if standalone else None,
        llm_base=None if standalone else Reference.to(base),
        vision_base=None if standalone else Reference.to(clip),
        tokenizer=import_tokenizer(base, loc_id=model.config.loc_id),
        card="# A model\n",
    )
    write_model(new, out)
    return out


@pytest.fixture(scope="module")
def model() -> VideoExpert:
    return tiny_model()


@pytest.fixture
def folder(model: VideoExpert, tmp_path: Path) -> Path:
    return make_folder(tmp_path, model)


def hidden(model: VideoExpert) -> torch.Tensor:
    with torch.no_grad():
        states: torch.Tensor = model(prompt_ids(12, 4)[None], visual_tokens(model)).hidden
    return states


def same_weights(first: VideoExpert, second: VideoExpert) -> None:
    theirs = dict(second.named_parameters())
    assert theirs.keys() == dict(first.named_parameters()).keys()
    for name, parameter in first.named_parameters():
        assert torch.equal(parameter, theirs[name]), name


@pytest.mark.parametrize("standalone", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_a_folder_gives_its_model_back(standalone: bool, tied: bool, tmp_path: Path) -> None:
    model = tiny_model(tiny_config(tie_word_embeddings=tied))
    out = make_folder(tmp_path, model, standalone=standalone)
    loaded = load_model(out, merge=False)
    same_weights(model, loaded)
    assert torch.equal(hidden(loaded), hidden(model))
    assert torch.equal(loaded.logits(hidden(loaded)), model.logits(hidden(model)))
    assert read_folder(out).config == model.config and not loaded.training
    assert load_vision(out).config == model.config.vision
    stored = load_file(out / WEIGHTS)
    assert any(name.endswith("q_proj.base.weight") for name in stored) == standalone
    if standalone:
        shutil.rmtree(tmp_path / "base")
        shutil.rmtree(tmp_path / "clip")
        same_weights(model, load_model(out, merge=False))
        load_vision(out)
    else:
        assert stored["llm.model.embed_tokens.weight:new_rows"].shape[0] == 1


def test_merged_for_inference(model: VideoExpert, folder: Path) -> None:
    merged = load_model(folder)
    assert is_merged(merged)
    torch.testing.assert_close(hidden(merged), hidden(model), rtol=1e-4, atol=1e-4)


def test_in_sixteen_bits(folder: Path) -> None:
    loaded = load_model(folder, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.bfloat16}
    tower = load_vision(folder, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in tower.parameters()} == {torch.bfloat16}


def test_experts_that_are_stored_in_sixteen_bits_stay_in_them(model: VideoExpert, tmp_path: Path) -> None:
    narrow = copy.deepcopy(model)
    hold_experts(narrow, torch.bfloat16)
    folder = make_folder(tmp_path, narrow)
    loaded, wide = load_model(folder), load_model(folder, merge=False)
    types = {name: parameter.dtype for name, parameter in loaded.named_parameters()}
    assert {kind for name, kind in types.items() if is_expert(name)} == {torch.bfloat16}
    assert {kind for name, kind in types.items() if not is_expert(name)} == {torch.float32}
    assert {parameter.dtype for parameter in wide.parameters()} == {torch.float32}
    merge_spatial(wide)
    assert torch.equal(hidden(loaded), hidden(wide))


def test_a_trained_model_is_saved_beside_the_same_base(model: VideoExpert, folder: Path, tmp_path: Path) -> None:
    trained = load_model(folder, merge=False)
    with torch.no_grad():
        trained.projector.weight.add_(1)
        dict(trained.named_parameters())["llm.model.layers.1.mlp.up_proj.base.weight"].add_(1)
    save_model(trained, tmp_path / "second", like=folder)
    save_model(load_model(tmp_path / "second", merge=False), tmp_path / "third", like=tmp_path / "second")
    for out in ("second", "third"):
        same_weights(trained, load_model(tmp_path / out, merge=False))
        stored = [name for name in load_file(tmp_path / out / WEIGHTS) if ".base." in name]
        assert stored == ["llm.model.layers.1.mlp.up_proj.base.weight"]
        assert (tmp_path / out / "README.md").read_text() == "# A model\n"
        load_vision(tmp_path / out)
        load_tokenizer(tmp_path / out, loc_id=model.config.loc_id)


def test_saved_standalone_it_needs_no_base(folder: Path, tmp_path: Path) -> None:
    trained = load_model(folder, merge=False)
    save_model(trained, tmp_path / "alone", like=folder, standalone=True)
    shutil.rmtree(tmp_path / "base")
    shutil.rmtree(tmp_path / "clip")
    same_weights(trained, load_model(tmp_path / "alone", merge=False))
    load_vision(tmp_path / "alone")


def test_merged_models_and_existing_folders_are_not_overwritten(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder, merge=False)
    with pytest.raises(OutputError, match="exists already"):
        save_model(model, folder, like=folder)
    save_model(model, folder, like=folder, overwrite=True)
    same_weights(model, load_model(folder, merge=False))
    merge_spatial(model)
    with pytest.raises(ValueError, match="merged cannot be saved"):
        save_model(model, tmp_path / "merged", like=folder)
    assert not (tmp_path / "merged").exists()


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_each_tensor_that_does_not_fit_is_named(folder: Path) -> None:
    def change(tensors: dict[str, Any]) -> None:
        del tensors["locator.mlp.2.bias"]
        tensors["projector.weight"] = torch.zeros(24, 13)
        tensors["locator.mlp.9.bias"] = torch.zeros(1)

    edit(folder / WEIGHTS, change)
    with pytest.raises(CheckpointError) as raised:
        load_model(folder)
    assert raised.value.problems == (
        "missing locator.mlp.2.bias",
        "projector.weight in model.safetensors is 24x13, not 24x12",
        "unexpected locator.mlp.9.bias in model.safetensors",
    )
    assert all(problem in raised.value.message for problem in raised.value.problems)
    assert raised.value.message.startswith(f"{folder}: ") and "\n" not in raised.value.message


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file(folder: Path, kept: float) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(CheckpointError, match=r"model.safetensors: is damaged or incomplete"):
        load_model(folder)


def test_a_base_that_changed(folder: Path, tmp_path: Path) -> None:
    weights = tmp_path / "base" / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"is not the file that the model was made with \(SHA-256"):
        load_model(folder)
    weights.write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match=r"was made with \(\d+ bytes, not \d+\)"):
        load_model(folder)
    weights.unlink()
    with pytest.raises(CheckpointError, match="a file that the model builds on is gone"):
        load_model(folder)


def test_a_base_that_moved(model: VideoExpert, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    (tmp_path / "clip").rename(tmp_path / "away")
    with pytest.raises(CheckpointError, match="the weights that the model builds on are gone") as raised:
        load_model(folder)
    assert raised.value.hint == "put them back there, or make the model again from where they are now"
    with pytest.raises(CheckpointError, match="are gone") as raised:
        load_vision(folder)
    assert raised.value.hint == "put them back there, or make the model again from where they are now"
    same_weights(model, load_model(folder, merge=False, base=tmp_path / "elsewhere"))
    load_vision(folder, clip=tmp_path / "away")


def set_model(**values: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["model"].update(values)


CONFIGS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown entry": (set_model(colour=1), "model has unknown entries: colour"),
    "unknown part": (
        lambda c: c["model"]["experts"].update(rnak=3),
        "experts has unknown entries: rnak",
    ),
    "unknown variant": (
        lambda c: c["model"]["compressor"].update(variant="best"),
        "variant must be one of class_pool, mean_pool, compress_pool, only_cls, got 'best'",
    ),
    "wrong type": (set_model(frames="many"), "frames must be a whole number above 0, got 'many'"),
    "missing": (lambda c: c["model"].pop("loc_id"), "missing 1 required positional argument: 'loc_id'"),
    "no part": (set_model(vision=None), "vision must be an object"),
    "another family": (set_model(llm={"model_type": "nothing", "vocab_size": 99}), "Unrecognized model identifier"),
    "unknown schema": (lambda c: c.update(schema="vex.model/9"), "is vex.model/9, this version of vex reads"),
    "no schema": (lambda c: c.pop("schema"), "is not the configuration of a vex model"),
    "broken reference": (lambda c: c.update(llm_base={"path": 1}), "is not the configuration of a vex model"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configurations_that_are_wrong(case: str, folder: Path) -> None:
    change, message = CONFIGS[case]
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError) as raised:
        load_model(folder)
    assert message in raised.value.message and "\n" not in raised.value.message
    assert str(folder / "config.json") in raised.value.message


def test_no_folder_and_no_json(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is no model, it has no config.json"):
        load_model(tmp_path / "nowhere")
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not the configuration of a vex model"):
        load_model(folder)


@pytest.mark.skipif(find_spec("flash_attn") is not None, reason="NOT TESTED: flash attention is installed here")
def test_flash_attention_that_is_not_installed_is_named(folder: Path) -> None:
    for load in (load_model, load_vision):
        with pytest.raises(ExtraMissingError) as raised:
            load(folder, attn="flash")
        assert raised.value.extra == "flash"


def test_large_models_are_written_in_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videoexpert.checkpoint.writing._SHARD_BYTES", 1000)
    tensors = {f"t{i}": torch.randn(40 + i) for i in range(20)}
    write_tensors({name: StoredTensor.held(tmp_path, tensor) for name, tensor in tensors.items()}, tmp_path)
    assert len(list(tmp_path.glob("model-*-of-00005.safetensors"))) == 5
    found = open_tensors(tmp_path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name].read(), tensor) for name, tensor in tensors.items())


def test_a_disk_that_takes_no_more(folder: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="NOT TESTED: this system has no limits for files")
    model = load_model(folder, merge=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match="out: "):
            save_model(model, tmp_path / "out", like=folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".vex-*"))


def test_paths_that_are_not_utf8(model: VideoExpert, folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"m\xffdel")
    folder.rename(odd)
    same_weights(model, load_model(odd, merge=False))
    load_tokenizer(odd, loc_id=model.config.loc_id)
    load_vision(odd)


def test_a_configuration_survives_json() -> None:
    config = tiny_config()
    assert VideoExpertConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_files_can_be_read_by_whoever_may_read_the_users_files(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.touch()
    write_file({"a": torch.ones(2)}, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_mode == beside.stat().st_mode
