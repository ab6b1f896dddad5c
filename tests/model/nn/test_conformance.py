"""The numbers of the published model, through the code that the commands use."""

import pytest
import torch
from conformance_videoexpert import PUBLIC, run


def test_the_published_models_numbers() -> None:
    if not PUBLIC.exists():
        pytest.skip("NOT TESTED: ../shared/conformance/videoexpert is missing, so nothing was compared with the model")
    torch.set_num_threads(1)
    cases = list(run(PUBLIC))
    missed = [f"{case.name}: {case.error:.1e} above {case.tolerance:.0e}" for case in cases if not case.good]
    assert not missed
    parts = {case.name.partition(":")[0] for case in cases}
    assert parts == {"compress", "targets", "losses", "datasets", "prompts", "forward", "generate"}
