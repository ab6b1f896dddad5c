"""The tokenizer of a base: as it was, with [LOC] added, whatever files the base has it in."""

import io
import json
import random
from pathlib import Path

import pytest
from published import write_tokenizer
from transformers import AddedToken, PreTrainedTokenizerFast

from videoexpert.checkpoint.spm import read_spm
from videoexpert.checkpoint.tokenizers import import_tokenizer, load_tokenizer, save_tokenizer
from videoexpert.config import LOC
from videoexpert.errors import CheckpointError
from videoexpert.prompts import SYSTEM

SIZE = 400
WORDS = ["the", "quick", "fox", "over", "a", "lazy", "dog", "When", "From", "man", "?", ".", ",", "ASSISTANT:", "USER:"]


def sentences(count: int) -> list[str]:
    choice = random.Random(0)
    return [" ".join(choice.choices(WORDS, k=9)) for _ in range(count)]


@pytest.fixture(scope="module")
def spm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer.model of Llama's kind and nothing else."""
    sentencepiece = pytest.importorskip("sentencepiece", reason="NOT TESTED: no sentencepiece to make a model with")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*sentences(300), *[SYSTEM] * 5]),
        model_writer=model,
        vocab_size=SIZE,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    folder = tmp_path_factory.mktemp("spm")
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    return folder


def ids(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return found


def test_a_sentencepiece_model_alone(spm: Path) -> None:
    import sentencepiece

    theirs = sentencepiece.SentencePieceProcessor(model_file=str(spm / "tokenizer.model"))
    mine = import_tokenizer(spm, loc_id=SIZE)
    for text in [*sentences(50), SYSTEM, "two  spaces\nand a line", "Ünïcode 猫 🐈", "\nDuring which frames?"]:
        assert ids(mine, text) == theirs.encode(text), text
    assert (mine.bos_token_id, mine.eos_token_id) == (1, 2)


@pytest.mark.parametrize(("legacy", "after"), [(True, "▁."), (False, "."), (None, "▁.")])
def test_what_follows_a_loc_is_as_the_base_has_it(spm: Path, legacy: bool | None, after: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes((spm / "tokenizer.model").read_bytes())
    settings = {} if legacy is None else {"legacy": legacy}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", **settings}))
    tokenizer = import_tokenizer(tmp_path, loc_id=SIZE)
    pieces = tokenizer.convert_ids_to_tokens(ids(tokenizer, f"From  {LOC} .</s>"))
    assert pieces == ["▁From", LOC, after, "</s>"]


def test_saved_and_loaded_it_is_the_same(spm: Path, tmp_path: Path) -> None:
    tokenizer = import_tokenizer(spm, loc_id=SIZE)
    save_tokenizer(tokenizer, tmp_path)
    again = load_tokenizer(tmp_path, loc_id=SIZE)
    for text in [*sentences(50), f"From {LOC}, a fox.</s>USER: a  dog?"]:
        assert ids(again, text) == ids(tokenizer, text)
        assert again.decode(ids(again, text)) == tokenizer.decode(ids(tokenizer, text))
    assert (again.bos_token, again.eos_token) == ("<s>", "</s>")


def test_a_base_that_has_loc_already(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, 100)
    tokenizer = load_plain(tmp_path)
    tokenizer.add_tokens([AddedToken(LOC, lstrip=True, rstrip=True, normalized=False, special=False)])
    tokenizer.save_pretrained(tmp_path)
    assert len(import_tokenizer(tmp_path, loc_id=100)) == 101


def load_plain(folder: Path) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


def test_a_tokenizer_without_loc_is_refused(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, 100)
    with pytest.raises(CheckpointError, match=r"its tokenizer has no \[LOC\] token"):
        load_tokenizer(tmp_path, loc_id=100)
    with pytest.raises(CheckpointError, match=r"has \[LOC\] as token 100, the model as 99"):
        import_tokenizer(tmp_path, loc_id=99)


@pytest.mark.parametrize("damage", [b"", b"\x0a\xff", b"hello", b"{"])
def test_damaged_files(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"SentencePiece model, or damaged|is no BPE model"):
        read_spm(tmp_path / "tokenizer.model")
    (tmp_path / "tokenizer.json").write_bytes(damage)
    with pytest.raises(CheckpointError, match=r"tokenizer.json: cannot be read"):
        load_tokenizer(tmp_path, loc_id=1)
    with pytest.raises(CheckpointError, match="its tokenizer cannot be read"):
        import_tokenizer(tmp_path, loc_id=1)
    with pytest.raises(CheckpointError, match="no such file"):
        load_tokenizer(tmp_path / "nowhere", loc_id=1)
