"""What the tests of downloads share: parts that are served."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Shelf, serving_parts


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    with serving_parts(tmp_path / "home", monkeypatch) as shelf:
        yield shelf
