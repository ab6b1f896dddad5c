"""The official evaluators' numbers, through the code of `vex evaluate`."""

import shutil
from importlib.util import find_spec

import pytest
from conformance_metrics import PUBLIC, run


def test_the_official_evaluators_numbers() -> None:
    if not PUBLIC.exists():
        pytest.skip("NOT TESTED: ../shared/conformance/metrics is missing, so nothing was compared with the evaluators")
    if find_spec("pycocoevalcap") is None or shutil.which("java") is None:
        pytest.skip("NOT TESTED: pycocoevalcap or Java is missing, so nothing was compared with the evaluators")
    cases = list(run(PUBLIC))
    assert not [f"{case.name}: {case.got}, not {case.expected}" for case in cases if not case.good]
    sets = {case.name.partition("/")[0] for case in cases if not case.note}
    assert sets == {
        *("qvhighlights", "charades_sta", "activitynet_grounding", "dense_captioning", "nextgqa", "text_metrics")
    }
