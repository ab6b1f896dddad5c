"""The trained model as it is stored: on its base where it had one, in the types that it had."""

from pathlib import Path

import pytest
import torch
from conftest import SHARED
from published import complete
from safetensors.torch import load_file, save_file
from tiny_model import write_tiny_model

from videoexpert.checkpoint import import_published, load_model, save_trained
from videoexpert.checkpoint.names import stored_rows
from videoexpert.checkpoint.tensors import StoredTensor

EXPERT = "llm.model.layers.0.mlp.up_proj.spatial.B"
TABLE = "llm.lm_head.weight"


def test_values_keep_the_type_that_they_were_stored_in(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    halved = {name: value.half() for name, value in load_file(model / "model.safetensors").items()}
    save_file(halved, model / "model.safetensors", {"format": "pt"})
    row = torch.linspace(0, 1, 64)
    save_trained(tmp_path / "out", like=model, tensors={EXPERT: torch.ones(96, 4)}, loc_rows={TABLE: row})
    after, loc = load_file(tmp_path / "out" / "model.safetensors"), load_model(model).config.loc_id
    assert after.keys() == halved.keys()
    for name, value in after.items():
        expected = halved[name]
        if name == EXPERT:
            expected = torch.ones(96, 4).half()
        elif name == TABLE:
            expected = expected.clone()
            expected[loc] = row.half()
        assert value.dtype == torch.float16 and torch.equal(value, expected), name


def test_a_model_on_a_base_stays_on_it(tmp_path: Path) -> None:
    published = SHARED / "conformance" / "videoexpert" / "ckpt_mha"
    if not published.exists():
        pytest.skip("NOT TESTED: ../shared/conformance is missing, so no published checkpoint was trained on")
    model = tmp_path / "model"
    import_published(complete(published, tmp_path / "parts"), model)
    before = load_model(model, merge=False)
    row = torch.linspace(0, 1, before.projector.out_features)
    save_trained(tmp_path / "out", like=model, tensors={}, loc_rows={TABLE: row})
    after = load_model(tmp_path / "out", merge=False)
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        changed = (old != new).flatten(1).any(dim=1).nonzero().flatten().tolist() if old.ndim > 1 else []
        assert changed == ([before.config.loc_id] if name == TABLE else []), name
    stored = dict(after.named_parameters())[TABLE][before.config.loc_id]
    assert torch.equal(stored, row.bfloat16().float())  # as the published files are
    kept = {file.name: (tmp_path / "out" / file.name).stat().st_size - file.stat().st_size for file in model.iterdir()}
    assert abs(kept["model.safetensors"]) <= 4 * before.llm.config.vocab_size * before.projector.out_features + 999


def test_of_a_table_of_the_base_only_the_added_rows_are_stored() -> None:
    base = {"lm_head.weight": StoredTensor.held(Path("base"), torch.zeros(5, 2))}
    tail = {f"{TABLE}:new_rows": StoredTensor.held(Path("new"), torch.ones(1, 2))}
    name, rows, first = stored_rows(TABLE, tail, base)
    assert (name, rows.tolist(), first) == (f"{TABLE}:new_rows", [[1.0, 1.0]], 5)
    name, rows, first = stored_rows(TABLE, {}, base)
    assert (name, rows.shape, first) == (TABLE, (5, 2), 0)
