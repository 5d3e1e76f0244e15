"""One scene for all attacks: what they try must leave it as it was."""

from collections.abc import Iterator

import pytest

from tests.attacks.scene import Scene, Wire, staged, wire_of
from tests.attacks.stage import Stage, start_programs
from tests.attacks.witness import Witness
from tests.cluster.conftest import client, live, surroundings
from tests.support.environment import Surroundings

__all__ = ["client", "live", "surroundings"]


@pytest.fixture(scope="session")
def scene(surroundings: Surroundings) -> Iterator[Scene]:
    with staged(surroundings) as scene:
        yield scene


@pytest.fixture
def wire(surroundings: Surroundings) -> Wire:
    return wire_of(surroundings)


@pytest.fixture(scope="session")
def stage(scene: Scene) -> Stage:
    """Attacker and witnesses, running."""
    start_programs(scene)
    return Stage(scene)


@pytest.fixture(scope="session")
def witness(stage: Stage) -> Witness:
    return Witness(stage)
