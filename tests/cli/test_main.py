"""The entry point: every verb is there, and none pays for another's libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from devworkspace import __version__
from devworkspace.cli.main import main
from tests.cli.conftest import ROOT

VERBS = (
    *("operator", "server", "cluster", "install", "uninstall", "hash-password"),
    *("list", "describe", "templates", "create", "open", "start", "stop", "restart"),
    *("events", "logs", "delete", "volumes", "adopt", "purge", "doctor"),
    *("ssh", "config-ssh", "port-forward", "completion"),
)
HEAVY = {"kopf", "aiohttp", "uvloop", "cryptography"}


def loaded_by(module: str) -> set[str]:
    """The names of all modules that importing `module` brings into a fresh process."""
    program = f"import json, sys; import {module}; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in json.loads(result.stdout)}


def test_the_entry_point_loads_no_verb() -> None:
    assert loaded_by("devworkspace.cli.main") & {*HEAVY, "yaml", "argon2"} == set()


def test_the_installer_does_not_load_the_operator_and_the_operator_does_load_kopf() -> None:
    assert loaded_by("devworkspace.cli.install, devworkspace.cli.uninstall, devworkspace.cli.cluster") & HEAVY == set()
    assert {"kopf", "aiohttp"} <= loaded_by("devworkspace.cli.operator")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {verb} ")


def test_help_lists_all_verbs_and_no_other() -> None:
    context = click.Context(main)
    assert tuple(main.list_commands(context)) == VERBS
    output = CliRunner().invoke(main, ["-h"]).output
    assert all(f"\n  {verb} " in output for verb in VERBS)


def test_an_unknown_verb_is_an_error() -> None:
    result = CliRunner().invoke(main, ["deploy"])
    assert result.exit_code == 2
    assert "No such command 'deploy'" in result.output


def test_the_version_is_that_of_the_package() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"devworkspace, version {__version__}\n"


class TestProcesses:
    """What operator and server refuse before they start."""

    def test_the_operator_refuses_a_short_key(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"x" * 31)
        result = invoke_apart("operator", f"--master-key-file={tmp_path / 'key'}")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == f"Error: {tmp_path / 'key'} holds fewer than 32 bytes\n"

    def test_the_server_refuses_a_plain_http_address(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"x" * 32)
        (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
        result = invoke_apart(
            "server",
            "--public-url=http://dev.example.com",
            f"--master-key-file={tmp_path / 'key'}",
            f"--admin-dir={tmp_path}",
            f"--kubeconfig={tmp_path / 'kubeconfig'}",
        )
        assert result.returncode == 1
        assert "Error: the public URL 'http://dev.example.com' is plain http" in result.stderr
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize("verb", ["operator", "server"])
    def test_a_missing_key_file_is_named(self, verb: str, tmp_path: Path) -> None:
        result = CliRunner().invoke(
            main,
            [
                verb,
                *(["--public-url=x", f"--admin-dir={tmp_path}"] if verb == "server" else []),
                "--master-key-file=/no",
            ],
        )
        assert result.exit_code == 2
        assert "File '/no' does not exist." in result.output


KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {}}],
}


def invoke_apart(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own: these commands configure logging for the whole process."""
    return subprocess.run(
        [sys.executable, "-c", "from devworkspace.cli.main import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
