"""The published layout imported: faithful where it fits, one clear line for each way in which it does not."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from published import CONV_HEADS, TINY_VISION, write_clip, write_tokenizer
from safetensors.torch import save_file

from videoexpert.checkpoint import (
    PublishedFiles,
    import_published,
    load_model,
    load_tokenizer,
    load_vision,
    read_folder,
)
from videoexpert.config import LOC, VideoExpertConfig
from videoexpert.errors import CheckpointError, OutputError
from videoexpert.nn.model import build_model

VOCABULARY = 120
Tensors = dict[str, torch.Tensor]

LLM = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "torch_dtype": "float16",
    "vocab_size": VOCABULARY,
}


def published_names(name: str) -> str:
    for mine, theirs in (
        (".temporal.", ".V_Expertlora_"),
        (".spatial.", ".L_Expertlora_"),
        ("locator.mlp.", "model.text_hidden_fcs_det.0."),
        ("locator.class_head.", "model.class_embed_head."),
        ("locator.span_head.", "model.span_embed_head."),
        ("projector.", "model.mm_projector."),
        (".base.", "."),
        ("llm.", ""),
    ):
        name = name.replace(mine, theirs)
    return f"{name}.weight" if "lora_" in name else name


@pytest.fixture
def made(tmp_path: Path) -> tuple[PublishedFiles, Tensors]:
    """A published checkpoint in files, and all its tensors by their published names."""
    torch.manual_seed(0)
    model = build_model(VideoExpertConfig(llm=LLM | {"vocab_size": VOCABULARY + 1}, loc_id=VOCABULARY))
    tensors = {published_names(name): torch.randn(p.shape).bfloat16() for name, p in model.named_parameters()}
    base, expert = tmp_path / "base", tmp_path / "expert"
    base.mkdir()
    expert.mkdir()
    (base / "config.json").write_text(json.dumps(LLM))
    (expert / "config.json").write_text(json.dumps(LLM | {"model_type": "VTimeLLM", "vocab_size": VOCABULARY + 1}))
    experts = {name: tensor for name, tensor in tensors.items() if "lora_" in name}
    projector = {name: tensor for name, tensor in tensors.items() if "mm_projector" in name}
    heads = {name: tensor for name, tensor in tensors.items() if "_head." in name or "fcs_det" in name}
    vocabulary = {name: tensor for name, tensor in tensors.items() if "embed_tokens" in name or "lm_head" in name}
    plain = {
        name: tensor for name, tensor in tensors.items() if not {name} & {*experts, *projector, *heads, *vocabulary}
    }
    old = {name: torch.randn(VOCABULARY, 16).half() for name in vocabulary}
    rotary = {f"model.layers.{i}.self_attn.rotary_emb.inv_freq": torch.ones(2) for i in range(2)}
    torch.save({**{name: tensor.half() for name, tensor in plain.items()}, **old, **rotary}, base / "pytorch_model.bin")
    torch.save(experts, expert / "pytorch_model.bin")
    torch.save(heads | vocabulary, expert / "non_lora_trainables.bin")
    torch.save(projector, tmp_path / "mm_projector.bin")
    write_tokenizer(base, VOCABULARY)
    write_clip(tmp_path / "clip")
    return PublishedFiles(base, expert, tmp_path / "mm_projector.bin", tmp_path / "clip"), tensors


def edit(path: Path, change: Callable[[Tensors], object]) -> None:
    tensors = torch.load(path, weights_only=True)
    change(tensors)
    torch.save(tensors, path)


@pytest.mark.parametrize("standalone", [False, True])
def test_every_tensor_arrives(made: tuple[PublishedFiles, Tensors], standalone: bool, tmp_path: Path) -> None:
    files, tensors = made
    import_published(files, tmp_path / "out", standalone=standalone)
    model = load_model(tmp_path / "out", merge=False)
    for name, parameter in model.named_parameters():
        expected = tensors[published_names(name)]
        half = ".base." in name or "norm" in name
        assert torch.equal(parameter, (expected.half() if half else expected).float()), name
    tokenizer = load_tokenizer(tmp_path / "out", loc_id=VOCABULARY)
    assert tokenizer.convert_tokens_to_ids(LOC) == VOCABULARY
    assert load_vision(tmp_path / "out").config == TINY_VISION
    folder = read_folder(tmp_path / "out")
    assert folder.config.llm["rms_norm_eps"] == 1e-5 and "torch_dtype" not in folder.config.llm
    card = (tmp_path / "out" / "README.md").read_text()
    assert "CC BY-NC-ND 4.0" in card and "mm_projector.bin" in card


def test_only_what_differs_is_stored(made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    import_published(files, tmp_path / "small")
    import_published(files, tmp_path / "whole", standalone=True)
    stored = {out: sum(p.stat().st_size for p in (tmp_path / out).rglob("*.safetensors")) for out in ("small", "whole")}
    base = (files.base / "pytorch_model.bin").stat().st_size
    assert stored["whole"] - stored["small"] > 0.5 * base
    assert not (tmp_path / "small" / "vision").exists()
    # What is used from elsewhere is named with its hash.
    folder = read_folder(tmp_path / "small")
    assert folder.llm_base is not None and folder.vision_base is not None
    assert folder.llm_base.path == str(files.base) and set(folder.llm_base.files) == {"pytorch_model.bin"}
    whole = read_folder(tmp_path / "whole")
    assert whole.llm_base is whole.vision_base is None


def test_rows_of_the_base_are_not_stored_again(made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    """An expert that only added the [LOC] row: that row is stored, not the whole table."""
    files, _ = made
    old = torch.load(files.base / "pytorch_model.bin", weights_only=True)
    edit(
        files.expert / "non_lora_trainables.bin",
        lambda t: t.update(
            {name: torch.cat((old[name], t[name][-1:].half())) for name in t if t[name].shape[0] == 121}
        ),
    )
    import_published(files, tmp_path / "out")
    from safetensors import safe_open

    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as stored:
        tables = {name: stored.get_tensor(name).shape[0] for name in stored.keys() if "embed_tokens" in name}  # noqa: SIM118
    assert tables == {"llm.model.embed_tokens.weight:new_rows": 1}
    model = load_model(tmp_path / "out")
    expected = torch.load(files.expert / "non_lora_trainables.bin", weights_only=True)
    assert torch.equal(model.embed(torch.arange(121)), expected["model.embed_tokens.weight"].float())


@pytest.mark.parametrize("prefix", ["base_model.", "base_model.model.", "model."])
def test_prefixes_of_training_wrappers(made: tuple[PublishedFiles, Tensors], prefix: str, tmp_path: Path) -> None:
    files, tensors = made
    others = files.expert / "non_lora_trainables.bin"
    torch.save({prefix + name: tensor for name, tensor in torch.load(others, weights_only=True).items()}, others)
    import_published(files, tmp_path / "out")
    model = load_model(tmp_path / "out")
    weights = dict(model.named_parameters())
    assert torch.equal(weights["locator.mlp.0.weight"], tensors["model.text_hidden_fcs_det.0.0.weight"].float())


def test_a_projector_beside_the_heads_counts_more(made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    newer = {"model.mm_projector.weight": torch.ones(16, 768), "model.mm_projector.bias": torch.ones(16)}
    edit(files.expert / "non_lora_trainables.bin", lambda t: t.update(newer))
    import_published(replace(files, projector=tmp_path / "not_needed.bin"), tmp_path / "out")
    assert torch.equal(load_model(tmp_path / "out").projector.weight, torch.ones(16, 768))


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
def test_a_base_in_shards(made: tuple[PublishedFiles, Tensors], kind: str, tmp_path: Path) -> None:
    files, tensors = made
    whole = files.base / "pytorch_model.bin"
    base = torch.load(whole, weights_only=True)
    whole.unlink()
    stem = "pytorch_model" if kind == "bin" else "model"
    names, weight_map = sorted(base), dict[str, str]()
    for number, part in enumerate((names[::2], names[1::2])):
        file = f"{stem}-0000{number + 1}-of-00002.{kind}"
        shard = {name: base[name] for name in part}
        torch.save(shard, files.base / file) if kind == "bin" else save_file(shard, files.base / file)
        weight_map |= dict.fromkeys(part, file)
    (files.base / f"{stem}.{kind}.index.json").write_text(json.dumps({"weight_map": weight_map}))
    import_published(files, tmp_path / "out")
    model = load_model(tmp_path / "out", merge=False)
    weights = dict(model.named_parameters())
    assert torch.equal(weights["llm.model.norm.weight"], tensors["model.norm.weight"].float())
    (files.base / file).unlink()
    with pytest.raises(CheckpointError, match=f"shards are missing: {file}"):
        import_published(files, tmp_path / "again")


Change = Callable[[PublishedFiles], object]


def remove(*files: Path) -> None:
    for file in files:
        file.unlink()


WRONG: dict[str, tuple[Change, str]] = {
    "an expert is missing": (
        lambda f: edit(
            f.expert / "pytorch_model.bin", lambda t: t.pop("model.layers.1.mlp.up_proj.L_Expertlora_B.weight")
        ),
        r"expert/pytorch_model.bin: missing model.layers.1.mlp.up_proj.L_Expertlora_B.weight",
    ),
    "an expert is of another rank": (
        lambda f: edit(
            f.expert / "pytorch_model.bin",
            lambda t: t.update({"model.layers.0.self_attn.k_proj.V_Expertlora_A.weight": torch.zeros(8, 16)}),
        ),
        r"k_proj.V_Expertlora_A.weight in pytorch_model.bin is 8x16, not 32x16",
    ),
    "a tensor nobody knows": (
        lambda f: edit(
            f.expert / "non_lora_trainables.bin", lambda t: t.update({"model.new_head.weight": torch.zeros(1)})
        ),
        r"non_lora_trainables.bin: unexpected model.new_head.weight",
    ),
    "the heads are missing": (
        lambda f: edit(
            f.expert / "non_lora_trainables.bin", lambda t: [t.pop(name) for name in list(t) if CONV_HEADS in name]
        ),
        r"missing model.class_embed_head.layers.0.weight; missing model.class_embed_head.layers.0.bias",
    ),
    "a base of another size": (
        lambda f: edit(f.base / "pytorch_model.bin", lambda t: t.update({"lm_head.weight": torch.zeros(121, 16)})),
        r"lm_head.weight in pytorch_model.bin is 121x16, not 120x16",
    ),
    "a base without a norm": (
        lambda f: edit(f.base / "pytorch_model.bin", lambda t: t.pop("model.norm.weight")),
        r"base: missing model.norm.weight",
    ),
    "a projector of another CLIP": (
        lambda f: edit(f.projector, lambda t: t.update({"model.mm_projector.weight": torch.zeros(16, 512)})),
        r"mm_projector.bin: model.mm_projector.weight in mm_projector.bin is 16x512, not 16x768",
    ),
    "no projector": (lambda f: remove(f.projector), r"mm_projector.bin: no such file"),
    "no expert": (lambda f: remove(f.expert / "pytorch_model.bin"), r"pytorch_model.bin: no such file"),
    "no tokenizer": (
        lambda f: remove(*f.base.glob("token*")),
        r"base: its tokenizer cannot be read",
    ),
    "another tokenizer": (lambda f: write_tokenizer(f.base, 90), r"has \[LOC\] as token 90, the model as 120"),
    "another base": (
        lambda f: (f.base / "config.json").write_text(json.dumps(LLM | {"vocab_size": 99})),
        r"trained with a vocabulary of 121, the base has 99",
    ),
    "no configuration": (lambda f: remove(f.base / "config.json"), r"config.json: no such file"),
    "a broken configuration": (lambda f: (f.base / "config.json").write_text("{"), r"config.json: is broken JSON"),
    "another architecture": (
        lambda f: (f.base / "config.json").write_text(json.dumps({"model_type": "gpt2", "vocab_size": VOCABULARY})),
        r"config.json: no language model of the Llama family can be made of it: GPT2LMHeadModel is not",
    ),
    "no weights": (lambda f: remove(f.base / "pytorch_model.bin"), r"base: holds no weights"),
    "a CLIP of another size": (
        lambda f: write_clip(f.clip, replace(TINY_VISION, image_size=336)),
        r"clip: is a CLIP of 576 patches and 768 features, the model was trained on 256 and 768",
    ),
    "a CLIP of another width": (
        lambda f: write_clip(f.clip, replace(TINY_VISION, features=512)),
        r"clip: is a CLIP of 256 patches and 512 features",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named(case: str, made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    change, message = WRONG[case]
    change(files)
    with pytest.raises(CheckpointError, match=message) as raised:
        import_published(files, tmp_path / "out")
    assert "\n" not in raised.value.message
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".vex-*"))


def test_very_many_problems_are_counted_and_all_kept(made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    torch.save({}, files.expert / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="and 36 more") as raised:
        import_published(files, tmp_path / "out")
    assert len(raised.value.problems) == 2 * 7 * 4


class _Touch:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("file", ["expert/pytorch_model.bin", "base/pytorch_model.bin", "mm_projector.bin"])
def test_a_pickle_that_would_run_code(file: str, made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    torch.save({"model.norm.weight": _Touch(tmp_path / "ran")}, tmp_path / file)
    with pytest.raises(CheckpointError, match=r"is refused: it holds more than tensors \(\w+\.mkdir\)"):
        import_published(files, tmp_path / "out")
    assert not (tmp_path / "ran").exists()


def test_an_existing_folder_is_kept(made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        import_published(files, tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").exists()
    import_published(files, tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "mine.txt").exists()
    load_model(tmp_path / "out")
    assert not list(tmp_path.glob(".vex-*"))


def test_names_that_are_not_utf8(made: tuple[PublishedFiles, Tensors], tmp_path: Path) -> None:
    files, _ = made
    odd = tmp_path / os.fsdecode(b"b\xffse")
    files.base.rename(odd)
    import_published(replace(files, base=odd), tmp_path / "out")
    load_model(tmp_path / "out")
