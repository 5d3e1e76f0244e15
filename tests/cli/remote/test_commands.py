"""What `ssh` and `port-forward` call the OpenSSH client with."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from devworkspace.cli.main import main
from tests.cli.conftest import ROOT

# In the place of ssh: prints how it was called.
PROGRAM = "#!/bin/sh\nfor part; do printf '%s\\n' \"$part\"; done\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(PROGRAM)
    (tmp_path / "bin/ssh").chmod(0o755)
    return tmp_path


def call(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {"HOME": str(home), "PATH": str(home / "bin"), "PYTHONPATH": str(ROOT / "src"), "LC_ALL": "C.UTF-8"}
    argv = [sys.executable, "-P", "-m", "devworkspace", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60, check=False)


def options_of(parts: list[str]) -> dict[str, str]:
    pairs = itertools.pairwise(parts)
    return dict(value.split("=", 1) for flag, value in pairs if flag == "-o")


def test_a_command_is_handed_on_as_it_is(home: Path) -> None:
    result = call(home, "ssh", "shop", "-n", "team", "--server=http://localhost:1", "--", "ls", "-la", "a b")
    parts = result.stdout.splitlines()
    assert parts[parts.index("--") :] == ["--", "shop.team.devworkspace", "ls", "-la", "a b"]
    options = options_of(parts)
    assert options["ProxyCommand"].endswith("ssh --stdio --server=http://localhost:1 shop.team.devworkspace")
    assert options["IdentityFile"] == f'"{home}/.config/devworkspace/ssh/id_ed25519"'


def test_ports_are_those_of_the_loopback_address(home: Path) -> None:
    result = call(home, "port-forward", "shop", "8080:3000", "5432", "--namespace=team", "--start")
    parts = result.stdout.splitlines()
    forwards = [value for flag, value in itertools.pairwise(parts) if flag == "-L"]
    assert forwards == ["127.0.0.1:8080:localhost:3000", "127.0.0.1:5432:localhost:5432"]
    assert parts[-2:] == ["--", "shop.team.devworkspace"]
    assert "-N" in parts
    assert options_of(parts)["ExitOnForwardFailure"] == "yes"
    assert options_of(parts)["ProxyCommand"].endswith(" --start shop.team.devworkspace")
    assert "127.0.0.1:8080 -> shop port 3000" in result.stderr


@pytest.mark.parametrize("ports", ["0", "65536", "x", "1:2:3", "0.0.0.0:80:80", "-1"])
def test_what_is_no_port_is_refused(home: Path, ports: str) -> None:
    result = CliRunner().invoke(main, ["port-forward", "-n", "team", "--", "shop", ports], env={"HOME": str(home)})
    assert (result.exit_code, "is neither PORT nor LOCAL:REMOTE" in result.output) == (2, True), result.output


@pytest.mark.parametrize("name", ["-oProxyCommand=id", "a;b", "../x"])
def test_no_name_is_taken_for_something_else(home: Path, name: str) -> None:
    result = CliRunner().invoke(main, ["ssh", "-n", "team", "--", name], env={"HOME": str(home)})
    assert (result.exit_code, "names no environment" in result.output) == (1, True), result.output


def test_without_a_namespace_it_asks_for_one(home: Path) -> None:
    result = call(home, "ssh", "shop")
    assert (result.returncode, "add --namespace" in result.stderr) == (1, True), result.stderr


def test_without_an_ssh_client_it_says_what_to_install(home: Path) -> None:
    (home / "bin/ssh").unlink()
    result = call(home, "ssh", "-n", "team", "shop")
    assert (result.returncode, "install the OpenSSH client" in result.stderr) == (1, True), result.stderr


def test_the_key_stays_the_same(home: Path) -> None:
    key = home / ".config/devworkspace/ssh/id_ed25519"
    call(home, "ssh", "-n", "team", "shop")
    first = key.read_bytes()
    call(home, "ssh", "-n", "team", "shop")
    assert key.read_bytes() == first
    assert [path.name for path in (home / ".config/devworkspace").iterdir()] == ["ssh"]
