"""A tiny model, eight small videos with their annotations, and a store of what was seen of them."""

import pytest
from training_videos import School, make_school


@pytest.fixture(scope="session")
def school(tmp_path_factory: pytest.TempPathFactory) -> School:
    return make_school(tmp_path_factory.mktemp("school"))
