"""Tokens that rotate and plugins that misbehave."""

import asyncio
import json
import os
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devworkspace.kube.config import from_kubeconfig
from devworkspace.kube.credentials import ExecPlugin, TokenFile
from devworkspace.kube.errors import ConfigError
from tests.kube.test_config import CERTIFICATE, PRIVATE_KEY, write

V1 = "client.authentication.k8s.io/v1"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_a_token_file_is_read_once_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    moment = 1000.0
    credential = TokenFile(file, monotonic=lambda: moment)
    assert await credential.header() == "Bearer first"
    file.write_text("second\n")
    moment += 59.9
    assert await credential.header() == "Bearer first"
    moment += 0.1
    assert await credential.header() == "Bearer second"


async def test_a_refused_token_is_read_again_at_once(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    credential = TokenFile(file)
    await credential.header()
    file.write_text("second")
    credential.expire()
    assert await credential.header() == "Bearer second"


@pytest.mark.parametrize(("content", "message"), [(None, "No such file"), ("", "is empty"), ("a\nb", "characters")])
async def test_an_unusable_token_file_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=f"{file}.*{message}"):
        await TokenFile(file).header()


def plugin(
    tmp_path: Path, script: str, *, api_version: str = V1, context: ssl.SSLContext | None = None, seconds: float = 10.0
) -> ExecPlugin:
    """Return a plugin that runs a Python `script`; it counts its runs in `tmp_path`/runs."""
    file = tmp_path / "plugin.py"
    file.write_text("import json, os, sys, time\nopen(os.environ['RUNS'], 'a').write('x')\n" + script)
    return ExecPlugin(
        (sys.executable, "-S", str(file), "; touch hacked", "$(touch hacked)"),
        api_version=api_version,
        environment={"RUNS": str(tmp_path / "runs")},
        context=context,
        install_hint="install it from your platform team",
        timeout=seconds,
        clock=lambda: NOON,
    )


def runs(tmp_path: Path) -> int:
    file = tmp_path / "runs"
    return len(file.read_text()) if file.exists() else 0


def answer(*, api_version: str = V1, **status: str) -> str:
    return f"print({json.dumps(json.dumps({'apiVersion': api_version, 'kind': 'ExecCredential', 'status': status}))})"


async def test_concurrent_requests_share_one_run(tmp_path: Path) -> None:
    credential = plugin(tmp_path, answer(token="plugin-token"))
    headers = await asyncio.gather(*(credential.header() for _ in range(5)))
    assert headers == ["Bearer plugin-token"] * 5
    assert runs(tmp_path) == 1


async def test_a_refused_token_makes_it_run_again(tmp_path: Path) -> None:
    credential = plugin(tmp_path, answer(token="plugin-token"))
    await credential.header()
    credential.expire()
    await credential.header()
    assert runs(tmp_path) == 2


@pytest.mark.parametrize(("remaining", "expected_runs"), [(timedelta(minutes=5), 1), (timedelta(seconds=20), 2)])
async def test_it_runs_again_shortly_before_the_expiry(
    tmp_path: Path, remaining: timedelta, expected_runs: int
) -> None:
    expiry = (NOON + remaining).isoformat().replace("+00:00", "Z")
    credential = plugin(tmp_path, answer(token="t0ken", expirationTimestamp=expiry))
    await credential.header()
    await credential.header()
    assert runs(tmp_path) == expected_runs


async def test_it_gets_its_arguments_and_its_request_without_a_shell(tmp_path: Path) -> None:
    script = (
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert info == {'apiVersion': info['apiVersion'], 'kind': 'ExecCredential', 'spec': {'interactive': False}}\n"
        "assert sys.argv[1:] == ['; touch hacked', '$(touch hacked)']\n"
        "assert sys.stdin.read() == ''\n"
    )
    old = "client.authentication.k8s.io/v1beta1"
    credential = plugin(tmp_path, script + answer(api_version=old, token="t0ken"), api_version=old)
    assert await credential.header() == "Bearer t0ken"
    assert not (tmp_path / "hacked").exists()
    assert not Path("hacked").exists()


async def test_a_client_certificate_goes_into_the_context(tmp_path: Path) -> None:
    context = ssl.create_default_context()
    script = answer(clientCertificateData=CERTIFICATE.decode(), clientKeyData=PRIVATE_KEY.decode())
    assert await plugin(tmp_path, script, context=context).header() is None
    mismatch = answer(clientCertificateData=CERTIFICATE.decode(), clientKeyData="no key")
    with pytest.raises(ConfigError, match="do not fit together"):
        await plugin(tmp_path, mismatch, context=context).header()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sys.stderr.write('log in first: Bearer abcdefghijkl'); sys.exit(3)", "code 3: log in first: .redacted."),
        ("print('hello')", "printed no ExecCredential"),
        (answer(), "neither a token nor a certificate"),
        (answer(api_version="client.authentication.k8s.io/v1beta1", token="t0ken"), "answered in"),
        (answer(token="t0ken", expirationTimestamp="soon"), "expiry that is no time"),
        (answer(token="two words"), "characters that no token has"),
    ],
)
async def test_what_the_plugin_did_wrong_is_said(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        await plugin(tmp_path, script).header()


async def test_a_hanging_plugin_is_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = f"open({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    started = time.monotonic()
    with pytest.raises(ConfigError, match=r"did not end within 0.5 s"):
        await plugin(tmp_path, script, seconds=0.5).header()
    assert time.monotonic() - started < 10
    if pid_file.exists():  # on a busy machine it may be ended before its first line
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid_file.read_text()), 0)


async def test_a_missing_program_comes_with_its_hint() -> None:
    credential = ExecPlugin(
        ("/no/such/program",), api_version=V1, environment={}, context=None, install_hint="install it"
    )
    with pytest.raises(ConfigError, match=r"cannot run the exec plugin '/no/such/program': .*; install it"):
        await credential.header()


async def test_a_kubeconfig_with_a_plugin_beside_it(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "login"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable} -S\nimport json, os\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert info['spec']['cluster']['server'] == 'https://k8s.example:6443/'\n"
        f"assert os.environ['PLACE'] == 'here'\n{answer(token='beside')}"
    )
    program.chmod(0o755)
    plugin_section = {
        "command": "bin/login",
        "apiVersion": V1,
        "env": [{"name": "PLACE", "value": "here"}],
        "args": None,
        "provideClusterInfo": True,
        "interactiveMode": "Never",
    }
    endpoint = from_kubeconfig(write(tmp_path / "config", user={"exec": plugin_section}))
    assert await endpoint.credential.header() == "Bearer beside"
