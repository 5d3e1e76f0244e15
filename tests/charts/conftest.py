"""Helm without a cluster."""

from pathlib import Path

import pytest

from tests.support.helm import Helm


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(Path(tmp_path_factory.mktemp("helm")))
