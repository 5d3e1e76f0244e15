"""The whole process: probes, figures, the way out, and the watches on a real HTTP API."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from devworkspace.api.meta import Key
from devworkspace.server.config import ConfigurationError, ServerConfig
from devworkspace.server.keys import read_keyring
from devworkspace.server.metrics import Metrics
from devworkspace.server.readiness import Readiness
from devworkspace.server.revocations import OBJECT_NAME, Revocations
from tests.server.fakes import Record
from tests.server.support import Browser, Clock, Harness, Pod, Synced, running_pod, running_server
from tests.support.ports import free_port


async def internal(server: Harness, path: str) -> tuple[int, str]:
    url = f"http://127.0.0.1:{server.config.internal_port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_probes_follow_the_watches(tmp_path: Path) -> None:
    watch = Synced()
    watch.synced.clear()
    async with running_server(tmp_path, watches=(("pods", watch),)) as server, server.browser() as browser:
        assert await internal(server, "/-/healthz") == (200, "ok\n")
        assert await internal(server, "/-/readyz") == (503, "the watch on pods has not synced yet\n")
        watch.synced.set()
        assert await internal(server, "/-/readyz") == (200, "ok\n")
        assert (await browser.get(server.origin + "/-/readyz")).status == 200
        watch.stale = True
        assert await internal(server, "/-/readyz") == (503, "the watch on pods is stale\n")
        assert (await browser.get(server.origin + "/-/readyz")).status == 503
        assert (await browser.get(server.origin + "/-/healthz")).status == 200


def test_neither_leaving_nor_without_the_record_of_ended_sessions_it_is_ready() -> None:
    record = Record()
    revocations = Revocations(record, Key("system", OBJECT_NAME), clock=Clock())
    readiness = Readiness([], revocations, stale_seconds=300)
    problem = readiness.problem()
    assert problem is not None
    assert "ConfigMap devworkspace-revocations is missing" in problem
    record.follow(revocations)
    assert readiness.problem() is None
    readiness.leaving = True
    assert readiness.problem() == "the server is shutting down"


async def test_figures(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    await browser.sign_in(password="wrong")
    await browser.enter()
    _, text = await internal(server, "/metrics")
    assert 'devworkspace_server_sign_ins_total{result="ok"} 1.0' in text
    assert 'devworkspace_server_sign_ins_total{result="wrong"} 1.0' in text
    assert 'devworkspace_server_requests_total{room="environment",status="200"} 1.0' in text
    assert "devworkspace_server_environments 1.0" in text
    assert 'devworkspace_server_audit_events_total{action="sign-in",result="denied"} 1.0' in text
    for room, count in (("environment", 3), ("public", 3)):
        assert f'devworkspace_server_request_seconds_count{{room="{room}"}} {count}.0' in text
        assert f'devworkspace_server_request_seconds_bucket{{le="+Inf",room="{room}"}} {count}.0' in text
    assert (await browser.get(server.origin + "/metrics")).status == 404, "not on the public port"


async def test_figures_of_what_goes_wrong(server: Harness, browser: Browser) -> None:
    server.add(free_port(), name="demo")
    await browser.sign_in()
    assert (await browser.open("demo")).status == 502
    await browser.get(f"{server.origin}/api/v1/me")
    _, text = await internal(server, "/metrics")
    assert 'devworkspace_server_upstream_errors_total{kind="unreachable"} 1.0' in text
    assert 'devworkspace_server_requests_total{room="environment",status="502"} 1.0' in text
    assert 'devworkspace_server_requests_total{room="api",status="200"} 1.0' in text


def test_the_histogram_counts_each_request_in_its_bucket() -> None:
    metrics = Metrics()
    for seconds in (0.0005, 0.001, 0.003, 40.0):
        metrics.count_request("environment", 200, seconds)
    metrics.count_request("environment", 101, None)
    text = metrics.render().decode()
    for bound, count in (("0.001", 2), ("0.0025", 2), ("0.005", 3), ("30.0", 3), ("+Inf", 4)):
        assert f'devworkspace_server_request_seconds_bucket{{le="{bound}",room="environment"}} {count}.0' in text
    assert 'devworkspace_server_request_seconds_sum{room="environment"} 40.0045' in text
    assert 'devworkspace_server_requests_total{room="environment",status="101"} 1.0' in text


async def test_no_secret_is_logged(
    server: Harness, browser: Browser, pod: Pod, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add(pod.port)
    await browser.sign_in(username="x\nforged line", password="hunter2-canary")
    await browser.enter()
    tokens = [*browser.cookies(server.origin).values(), *browser.cookies(server.environment_origin()).values()]
    broken = f"GET / HTTP/1.1\r\nHost: {server.environment_host()}\r\nCookie: dw-env={tokens[-1]}\r\nX: a\x00b\r\n\r\n"
    await server.raw(broken.encode())
    captured = capsys.readouterr()
    output = captured.out + captured.err
    assert "action=sign-in" in output
    assert "refused by the parser" in output
    assert "hunter2" not in output
    assert "\nforged" not in output
    for token in tokens:
        assert token not in output


async def test_a_request_under_way_may_end(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path == "/slow":
            entered.set()
            await asyncio.sleep(0.5)
        return web.Response(text="done")

    async with running_pod(slow) as pod:
        running = running_server(tmp_path, drain_seconds=5.0)
        server = await running.__aenter__()
        async with server.browser() as browser:
            server.add(pod.port)
            await browser.enter()
            task = asyncio.create_task(browser.get(server.environment_origin() + "/slow"))
            await entered.wait()
            await running.__aexit__(None, None, None)
            answer = await task
    assert (answer.status, answer.text) == (200, "done")


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="5 bytes"):
        read_keyring(tmp_path / "key")
    with pytest.raises(ConfigurationError, match="no master key"):
        read_keyring(tmp_path / "absent")


def test_defaults() -> None:
    config = ServerConfig(public_url="http://localhost:8080", master_key_file=Path("k"), admin_dir=Path("a"))
    assert config.listen_port == 8080
    assert config.internal_port == 9090
    assert config.recheck_seconds == 60
