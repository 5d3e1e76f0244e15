"""Fixtures of the tests on a real cluster."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devworkspace.kube import config
from devworkspace.kube.client import Client
from tests.support.environment import Surroundings, find_surroundings
from tests.support.live import Live, live_namespace
from tests.support.witness import REPORT, Witness, witnessing


@pytest.fixture(scope="session")
def surroundings() -> Surroundings:
    return find_surroundings()


@pytest.fixture
async def client(surroundings: Surroundings) -> AsyncIterator[Client]:
    endpoint = config.from_kubeconfig(surroundings.kubeconfig)
    async with Client(endpoint, field_manager="devworkspace-tests") as client:
        yield client


@pytest.fixture
async def live(client: Client, surroundings: Surroundings) -> AsyncIterator[Live]:
    async with live_namespace(client, surroundings, f"test-{secrets.token_hex(3)}") as live:
        yield live


@pytest.fixture(scope="session")
def report() -> Path:
    """The measured delays, one row for each failure; test.sh begins with none."""
    return REPORT


@pytest.fixture
async def witness(live: Live, report: Path) -> AsyncIterator[Witness]:
    async with witnessing(live, report) as witness:
        yield witness
