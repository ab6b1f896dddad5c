"""The tokenizer of a model folder: the base's own, with `[LOC]` added, kept in one file that needs no conversion."""

import json
from pathlib import Path

from tokenizers.pre_tokenizers import Metaspace
from transformers import AddedToken, AutoTokenizer, LlamaTokenizer, PreTrainedTokenizerFast, TokenizersBackend

from videoexpert.checkpoint.paths import plain_path
from videoexpert.checkpoint.spm import read_spm
from videoexpert.config import LOC
from videoexpert.errors import CheckpointError

_FILE = "tokenizer.json"
_SPM_FILE = "tokenizer.model"


def import_tokenizer(folder: Path, *, loc_id: int) -> PreTrainedTokenizerFast:
    """The tokenizer of a base model's folder, with `[LOC]` as token `loc_id` (spec §8).

    Raises CheckpointError where there is none or where `[LOC]` would become another id.
    """
    only_spm = (folder / _SPM_FILE).is_file() and not (folder / _FILE).is_file()
    theirs = _from_spm(folder) if only_spm else _from_transformers(folder)
    return with_loc(folder, theirs, loc_id=loc_id)


def with_loc(source: Path, theirs: TokenizersBackend, *, loc_id: int) -> PreTrainedTokenizerFast:
    """A tokenizer, which comes from `source`, with `[LOC]` as token `loc_id`; raises as `import_tokenizer` does."""
    mine = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=theirs.backend_tokenizer,
        bos_token=theirs.bos_token,
        eos_token=theirs.eos_token,
        unk_token=theirs.unk_token,
        pad_token=theirs.pad_token,
        clean_up_tokenization_spaces=False,
    )
    # Not special, so that it is part of decoded text; spaces around it are its own (spec §8).
    mine.add_tokens([AddedToken(LOC, lstrip=True, rstrip=True, normalized=False, special=False)])
    check_loc(source, mine, loc_id)
    if mine.eos_token is None:
        raise CheckpointError(f"{source}: its tokenizer names no token that ends a text")
    return mine


def _from_spm(folder: Path) -> TokenizersBackend:
    """Llama's tokenizer from its SentencePiece model alone, as Vicuna is published."""
    vocabulary, merges = read_spm(folder / _SPM_FILE)
    settings = folder / "tokenizer_config.json"
    try:
        legacy = json.loads(settings.read_bytes()).get("legacy", True) if settings.is_file() else True
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{settings}: is broken JSON") from error
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges)
    # What `legacy` means: whether text after a special token begins with a space of its own (spec §8).
    scheme = "always" if legacy else "first"
    tokenizer.backend_tokenizer.pre_tokenizer = Metaspace(prepend_scheme=scheme, split=False)
    return tokenizer


def _from_transformers(folder: Path) -> TokenizersBackend:
    try:
        with plain_path(folder) as plain:
            tokenizer = AutoTokenizer.from_pretrained(plain, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # transformers lets through whatever its readers of a dozen formats raise.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder}: its tokenizer cannot be read: {reason}") from error
    if not isinstance(tokenizer, TokenizersBackend):
        raise CheckpointError(f"{folder}: its tokenizer {type(tokenizer).__name__} has no {_FILE} form")
    return tokenizer


def load_tokenizer(folder: Path, *, loc_id: int) -> PreTrainedTokenizerFast:
    """The tokenizer of a model folder. Raises CheckpointError where it is missing, damaged or has no `[LOC]`."""
    file = folder / _FILE
    if not file.is_file():
        raise CheckpointError(f"{file}: no such file", hint="import the model again")
    try:
        with plain_path(folder) as plain:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(plain, local_files_only=True)
    except Exception as error:
        # The reader of tokenizer.json raises bare Exception.
        raise CheckpointError(f"{file}: cannot be read: {error}", hint="import the model again") from error
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    check_loc(folder, tokenizer, loc_id)
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a tokenizer into a folder, for `load_tokenizer`."""
    with plain_path(folder) as plain:
        tokenizer.save_pretrained(plain)


def check_loc(folder: Path, tokenizer: PreTrainedTokenizerFast, loc_id: int) -> None:
    """Raise CheckpointError unless `[LOC]` is one token with this id."""
    found = tokenizer.get_vocab().get(LOC)
    if found is None:
        raise CheckpointError(f"{folder}: its tokenizer has no {LOC} token", hint="import the model again")
    if found != loc_id:
        raise CheckpointError(
            f"{folder}: its tokenizer has {LOC} as token {found}, the model as {loc_id}",
            hint="the tokenizer must be the one that the model was trained with",
        )
