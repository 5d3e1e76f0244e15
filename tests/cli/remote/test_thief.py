"""N1 at the person's own machine: whoever writes an environment's status, or redirects, does not get the token."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.cli.environments.conftest import Shell, kubeconfig_of
from tests.server.support import Pod, running_pod

TOKEN = "canary-of-the-person"


@pytest.fixture
async def thief() -> AsyncIterator[Pod]:
    """Answers everything, and keeps the headers."""
    async with running_pod() as pod:
        yield pod


@pytest.fixture
def forged(shell: Shell, thief: Pod) -> Shell:
    """The kubeconfig has a token, and the environment's status leads to the thief."""
    body = kubeconfig_of(shell.server.url)
    body["users"][0]["user"] = {"token": TOKEN}
    shell.kubeconfig.write_text(json.dumps(body))
    url = f"http://demo--team.localhost:{thief.port}/"
    shell.put_instance("demo", status={"phase": "Running", "url": url})
    return shell


def tokens(pod: Pod) -> list[str]:
    return [headers["Authorization"] for _, _, headers in pod.seen if "Authorization" in headers]


async def connect(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("DEVWORKSPACE_URL", "DEVWORKSPACE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    result = await shell.run("ssh", "--stdio", *options, "demo.team.devworkspace")
    assert result.exit_code == 1
    return result.output


async def test_an_address_in_a_status_gets_no_token(
    forged: Shell, thief: Pod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = await connect(forged, tmp_path, monkeypatch)
    assert "add --server" in output
    assert thief.seen == []
    await connect(forged, tmp_path, monkeypatch, f"--server=http://localhost:{thief.port}")
    assert tokens(thief) == [f"Bearer {TOKEN}"], "positive control: who is named gets it"


async def test_a_redirect_does_not_lead_it_elsewhere(
    forged: Shell, thief: Pod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lead_away(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"http://localhost:{thief.port}{request.path}"})

    async with running_pod(lead_away) as named:
        output = await connect(forged, tmp_path, monkeypatch, f"--server=http://localhost:{named.port}")
        assert "answered 307" in output
        assert tokens(named) == [f"Bearer {TOKEN}"], "positive control: who is named gets it"
    assert thief.seen == []


def put_address(shell: Shell, url: str) -> None:
    shell.put_instance("demo", status={"phase": "Running", "url": url, "observedGeneration": 1})


@pytest.mark.parametrize("url", ["file:///etc/passwd", "--new-window", "javascript:alert(1)"])
async def test_a_browser_is_not_sent_to_what_is_no_page(shell: Shell, url: str) -> None:
    put_address(shell, url)
    result = await shell.run("open", "demo", "--no-browser")
    assert (result.exit_code, "no address of a web page" in result.output) == (1, True), result.output
    put_address(shell, "http://demo--team.localhost/")
    result = await shell.run("open", "demo", "--no-browser")
    assert (result.exit_code, result.output) == (0, "http://demo--team.localhost/\n"), "positive control"
