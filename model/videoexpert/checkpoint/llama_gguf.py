"""A Llama of a GGUF file by the names of Hugging Face: its configuration, its tensors and its tokenizer."""

from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from videoexpert.checkpoint.gguf import open_gguf
from videoexpert.checkpoint.tensors import StoredTensor, Tensors
from videoexpert.checkpoint.tokenizers import with_loc
from videoexpert.errors import CheckpointError

_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_SETTINGS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "max_position_embeddings": "context_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "rope_theta": "rope.freq_base",
}
_CONTROL = 3


def open_llama_gguf(path: Path) -> tuple[dict[str, Any], Tensors, PreTrainedTokenizerFast]:
    """The language model of a file: transformers' configuration of it, its tensors, and its tokenizer with `[LOC]`,
    which is the one token more that the configuration counts.

    Raises CheckpointError where the file is damaged, or no Llama with byte-level tokens whose digits stand alone.
    """
    said, stored = open_gguf(path)
    try:
        settings = {mine: said[f"llama.{theirs}"] for mine, theirs in _SETTINGS.items()}
        tokenizer = _tokenizer(path, said)
        heads, shared = settings["num_attention_heads"], settings["num_key_value_heads"]
        tensors = {_renamed(name): _unwoven(name, tensor, heads, shared) for name, tensor in stored.items()}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CheckpointError(f"{path}: is no Llama as llama.cpp has them: {error}") from error
    settings["rms_norm_eps"] = float(f"{settings['rms_norm_eps']:.6g}")  # it was rounded to float32
    tied = "lm_head.weight" not in tensors
    words = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = {"model_type": "llama", "vocab_size": len(tokenizer), "tie_word_embeddings": tied, **words, **settings}
    return config, tensors, tokenizer


def _renamed(name: str) -> str:
    """`blk.0.attn_q.weight` -> `model.layers.0.self_attn.q_proj.weight`."""
    *layer, part, kind = name.split(".")
    prefix = f"model.layers.{layer[1]}." if layer else ""
    return f"{prefix}{_NAMES[part]}.{kind}"


def _unwoven(name: str, tensor: StoredTensor, heads: int, shared: int) -> StoredTensor:
    """llama.cpp turns neighbouring dimensions of queries and keys, transformers those half a head apart."""
    count = heads if ".attn_q." in name else shared if ".attn_k." in name else 0
    if not count:
        return tensor
    return StoredTensor(tensor.file, tensor.shape, tensor.bytes, partial(_unweave, tensor, count))


def _unweave(tensor: StoredTensor, heads: int) -> Tensor:
    woven = tensor.read()
    return woven.reshape(heads, -1, 2, woven.shape[-1]).transpose(1, 2).reshape(woven.shape)


def _tokenizer(path: Path, said: dict[str, Any]) -> PreTrainedTokenizerFast:
    if (said["tokenizer.ggml.model"], said["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
        raise ValueError(f"its tokenizer is of the kind {said['tokenizer.ggml.pre']}")
    tokens, kinds = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    merges = [tuple(pair.split(" ")) for pair in said["tokenizer.ggml.merges"]]
    raw = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    raw.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL]
    raw.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in control])
    marks = {mark: tokens[said[f"tokenizer.ggml.{mark}_token_id"]] for mark in ("bos", "eos", "unknown")}
    plain = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, bos_token=marks["bos"], eos_token=marks["eos"], unk_token=marks["unknown"]
    )
    return with_loc(path, plain, loc_id=len(tokens))
