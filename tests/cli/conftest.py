"""A machine with nothing on it but what a test puts there, and a checkout of its own."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import argon2
import pytest
import yaml

from devworkspace.cli import server
from devworkspace.cli.kubectl import Kubectl
from devworkspace.cli.progress import Progress
from devworkspace.cli.project import Project
from devworkspace.server.config import ServerConfig
from tests.cli.programs import FakeKubectl, FakeProgram

ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH, empty. No cluster is configured and the home folder is empty."""
    folder, home = tmp_path / "programs", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(home))
    for name in ("KUBECONFIG", "GO", "DEVWORKSPACE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def program(programs: Path) -> FakeKubectl:
    """The program behind `kubectl`."""
    return FakeKubectl(programs / "kubectl")


@pytest.fixture
def kubectl(program: FakeProgram) -> Kubectl:
    return Kubectl([program.path], kubeconfig=None)


@pytest.fixture(autouse=True)
def quick_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser in C of the same library: the CRDs are read 50 times here."""
    monkeypatch.setattr(yaml, "SafeLoader", yaml.CSafeLoader)
    monkeypatch.setattr(yaml, "SafeDumper", yaml.CSafeDumper)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A checkout with the real manifests and without state, which is also the current folder."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("crds", "deploy"):
        (root / name).symlink_to(ROOT / name)
    monkeypatch.chdir(root)
    return Project(root)


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[Progress]:
    made = Progress(total=2, log_folder=tmp_path / "log", name="test")
    yield made
    made.log.close()


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes for tests that are about something else; tests/cli/test_account.py has one of the real cost."""
    cheap = partial(argon2.PasswordHasher, time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(argon2, "PasswordHasher", cheap)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[ServerConfig]:
    """The configurations that the server would have run with."""
    found: list[ServerConfig] = []

    async def run(config: ServerConfig) -> None:
        found.append(config)

    monkeypatch.setattr("devworkspace.server.app.run", run)
    monkeypatch.setattr(server, "configure_logging", lambda **_: None)
    return found
