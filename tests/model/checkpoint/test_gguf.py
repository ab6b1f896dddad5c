"""GGUF files: written here by hand, number by number, and read back; and a Llama in llama.cpp's names and order."""

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from videoexpert.checkpoint.gguf import open_gguf
from videoexpert.checkpoint.llama_gguf import open_llama_gguf
from videoexpert.config import LOC
from videoexpert.errors import CheckpointError

F32, F16, Q4_1, Q8_0 = 0, 1, 3, 8


def text(words: str) -> bytes:
    return struct.pack("<Q", len(words.encode())) + words.encode()


def value(given: Any) -> bytes:
    """A value with its type before it."""
    if isinstance(given, str):
        return struct.pack("<I", 8) + text(given)
    if isinstance(given, float):
        return struct.pack("<If", 6, given)
    if isinstance(given, int):
        return struct.pack("<II", 4, given)
    inner = [value(entry) for entry in given]
    return struct.pack("<I", 9) + inner[0][:4] + struct.pack("<Q", len(inner)) + b"".join(part[4:] for part in inner)


def write_gguf(path: Path, said: Mapping[str, Any], tensors: Mapping[str, tuple[Sequence[int], int, bytes]]) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(said))
    head += b"".join(text(name) + value(given) for name, given in said.items())
    body = b""
    for name, (shape, kind, data) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape))
        head += struct.pack("<IQ", kind, len(body))
        body += data + bytes(-len(data) % 32)
    path.write_bytes(head + bytes(-len(head) % 32) + body)
    return path


def test_numbers_of_every_kind(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    nibbles = rng.integers(0, 16, 32)
    small = rng.integers(-127, 128, 32)
    packed = bytes(int(low) | int(high) << 4 for low, high in zip(nibbles[:16], nibbles[16:], strict=True))
    tensors = {
        "full": ((2, 3), F32, struct.pack("<6f", *range(6))),
        "half": ((3,), F16, struct.pack("<3e", 0.5, -2, 7)),
        "four": ((1, 32), Q4_1, struct.pack("<2e", 0.25, -1.5) + packed),
        "eight": ((32,), Q8_0, struct.pack("<e", 0.125) + struct.pack("<32b", *small)),
    }
    said, stored = open_gguf(write_gguf(tmp_path / "a.gguf", {"name": "x", "list": [1, 2], "part": 0.5}, tensors))
    assert said == {"name": "x", "list": [1, 2], "part": 0.5}
    assert stored["full"].read().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert stored["half"].read().tolist() == [0.5, -2, 7]
    assert stored["four"].read()[0].tolist() == [0.25 * int(n) - 1.5 for n in nibbles]
    assert stored["eight"].read().tolist() == [0.125 * int(n) for n in small]
    assert {name: tensor.shape for name, tensor in stored.items()} == {name: t[0] for name, t in tensors.items()}


@pytest.mark.parametrize("length", [0, 3, 20, 60, 130])
def test_a_file_that_breaks_off_is_damaged(tmp_path: Path, length: int) -> None:
    whole = write_gguf(tmp_path / "a.gguf", {"name": "x"}, {"full": ((2, 16), F32, bytes(128))}).read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole[:length])
    with pytest.raises(CheckpointError, match="damaged or incomplete"):
        open_gguf(cut)


def test_numbers_of_an_unknown_kind_are_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "a.gguf", {}, {"odd": ((256,), 14, bytes(210))})
    with pytest.raises(CheckpointError, match="type 14 are not read here"):
        open_gguf(path)


def test_a_number_of_entries_beyond_the_file_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60) + bytes(64))
    with pytest.raises(CheckpointError, match="damaged or incomplete"):
        open_gguf(path)


TOKENS = ["<end>", "<start>", "a", "b", "c", "1", "2", "ab", "\u0120", "\u0120a"]
SAID = {
    "general.architecture": "llama",
    "llama.embedding_length": 16,
    "llama.feed_forward_length": 24,
    "llama.block_count": 2,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.context_length": 128,
    "llama.attention.layer_norm_rms_epsilon": 9.999999747378752e-06,
    "llama.rope.freq_base": 10000.0,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [3, 3, *[1] * (len(TOKENS) - 2)],
    "tokenizer.ggml.merges": ["a b", "\u0120 a"],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 0,
    "tokenizer.ggml.unknown_token_id": 0,
}
PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def llama_tensors() -> dict[str, torch.Tensor]:
    """By the names of Hugging Face."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"model.embed_tokens.weight": (len(TOKENS), 16), "model.norm.weight": (16,)}
    sizes = {
        "q": (16, 16),
        "k": (8, 16),
        "v": (8, 16),
        "o": (16, 16),
        "gate": (24, 16),
        "up": (24, 16),
        "down": (16, 24),
    }
    for layer in range(2):
        for part in PARTS:
            key = part.split(".")[-1].split("_")[0]
            shapes[f"model.layers.{layer}.{part}.weight"] = sizes.get(key, (16,))
    return {name: torch.randn(shape, generator=generator).half() for name, shape in shapes.items()}


def woven(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """As llama.cpp stores queries and keys: dimensions i and i + half of a head side by side."""
    rows = []
    half = len(weight) // heads // 2
    for head in weight.reshape(heads, 2 * half, -1):
        for i in range(half):
            rows += [head[i], head[i + half]]
    return torch.stack(rows)


def write_llama(path: Path, said: Mapping[str, Any] = SAID) -> Path:
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    tensors = {}
    for name, tensor in llama_tensors().items():
        if name not in names:
            _, _, layer, *part, kind = name.split(".")
            theirs = f"blk.{layer}.{PARTS['.'.join(part)]}.{kind}"
            tensor = woven(tensor, 2) if ".q_proj." in name else woven(tensor, 1) if ".k_proj." in name else tensor
        else:
            theirs = names[name]
        tensors[theirs] = (tuple(tensor.shape), F32, tensor.float().numpy().tobytes())
    return write_gguf(path, said, tensors)


def test_a_llama_has_its_names_and_its_order_back(tmp_path: Path) -> None:
    config, tensors, _ = open_llama_gguf(write_llama(tmp_path / "a.gguf"))
    expected = llama_tensors()
    assert set(tensors) == set(expected)
    assert all(torch.equal(tensors[name].read(), expected[name]) for name in expected)
    assert (config["hidden_size"], config["num_key_value_heads"], config["tie_word_embeddings"]) == (16, 1, True)
    assert math.isclose(config["rms_norm_eps"], 1e-5, rel_tol=1e-12)
    assert config["vocab_size"] == len(TOKENS) + 1


def test_its_tokenizer_merges_and_keeps_digits_apart(tmp_path: Path) -> None:
    _, _, tokenizer = open_llama_gguf(write_llama(tmp_path / "a.gguf"))
    words = tokenizer.tokenize(f"ab ac12{LOC}<end>", add_special_tokens=False)
    assert [word.strip() for word in words] == ["ab", "\u0120a", "c", "1", "2", LOC, "<end>"]
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<start>", "<end>")
    assert tokenizer.get_vocab()[LOC] == len(TOKENS)


@pytest.mark.parametrize("missing", ["llama.block_count", "tokenizer.ggml.tokens", "llama.attention.head_count"])
def test_what_is_no_llama_is_refused(tmp_path: Path, missing: str) -> None:
    said = {name: given for name, given in SAID.items() if name != missing}
    with pytest.raises(CheckpointError, match="is no Llama"):
        open_llama_gguf(write_llama(tmp_path / "a.gguf", said))


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="tokenizer is of the kind llama-bpe"):
        open_llama_gguf(write_llama(tmp_path / "a.gguf", {**SAID, "tokenizer.ggml.pre": "llama-bpe"}))
