"""The way of `devworkspace ssh` through the server: who gets there, what arrives, and when it ends. Real sockets."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from structlog.testing import capture_logs

from devworkspace.api import names
from devworkspace.kube.tokens import TokenUser
from tests.server.support import ADMIN, Answer, Browser, Harness, Pod, running_pod, running_server, running_tcp_pod
from tests.server.test_api import DEMO

SSH = f"{DEMO}/ssh"
KEY = "ssh-ed25519 " + "A" * 68


async def speak(request: web.BaseRequest) -> web.StreamResponse:
    """In the place of sshd: what comes goes back."""
    if "Upgrade" not in request.headers:
        return web.Response()
    socket = web.WebSocketResponse(protocols=(names.SSH_PROTOCOL,), max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        await socket.send_bytes(message.data)
    return socket


@pytest.fixture
async def sshd() -> AsyncIterator[Pod]:
    async with running_pod(speak) as pod:
        yield pod


def know(server: Harness, *people: str) -> None:
    """Their tokens are their names."""
    for person in people:
        server.tokens.good[person] = TokenUser(person, ())


@contextlib.asynccontextmanager
async def connected(
    server: Harness, browser: Browser, token: str | None = "mia", **headers: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    sent = {names.SSH_KEY_HEADER: KEY, **headers}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    options: dict[str, Any] = {"max_msg_size": 0, "autoclose": False}
    protocols = (names.SSH_PROTOCOL,)
    async with browser.session.ws_connect(server.origin + SSH, headers=sent, protocols=protocols, **options) as socket:
        yield socket


async def refused(server: Harness, browser: Browser, token: str | None = "mia") -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(server, browser, token):
            pass
    return caught.value.status


async def echoes(socket: aiohttp.ClientWebSocketResponse, data: bytes = b"SSH-2.0") -> bool:
    await socket.send_bytes(data)
    return await socket.receive_bytes(timeout=5) == data


class TestWhoGetsThere:
    async def test_the_owner_with_a_token(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "mia")
        server.add(sshd.port, owner="mia")
        async with connected(server, browser) as socket:
            assert socket.protocol == names.SSH_PROTOCOL
            for size in (1, 65536, 3_000_000):
                assert await echoes(socket, os.urandom(size))
        method, path, headers = sshd.seen[-1]
        assert (method, path, headers[names.SSH_KEY_HEADER]) == ("GET", names.SSH_PATH, KEY)
        assert "Authorization" not in headers
        assert headers["Cookie"].startswith("code-server-session=")

    async def test_nobody_else_but_whom_rbac_lets(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "li.wei")
        server.add(sshd.port, owner="mia")
        assert await refused(server, browser, "li.wei") == 404
        assert sshd.seen == []
        server.rbac.grants.add(("li.wei", "team", "demo"))
        async with connected(server, browser, "li.wei") as socket:
            assert await echoes(socket), "positive control"

    async def test_no_token_that_is_not_good(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "mia")
        server.add(sshd.port, owner="mia")
        assert [await refused(server, browser, token) for token in ("wrong", None)] == [401, 401]
        async with connected(server, browser) as socket:
            assert await echoes(socket), "positive control"

    async def test_no_browser_with_its_cookie(self, server: Harness, signed_in: Browser, sshd: Pod) -> None:
        know(server, ADMIN)
        server.add(sshd.port)
        assert await refused(server, signed_in, None) == 403
        assert sshd.seen == []
        async with connected(server, signed_in, ADMIN) as socket:
            assert await echoes(socket), "positive control"

    async def test_in_path_mode_the_owner_alone(self, tmp_path: Path, sshd: Pod) -> None:
        async with running_server(tmp_path, address_mode="path") as server, server.browser() as browser:
            know(server, "mia", "li.wei")
            server.rbac.grants.add(("li.wei", "team", "demo"))
            server.add(sshd.port, owner="mia")
            assert await refused(server, browser, "li.wei") == 404
            async with connected(server, browser) as socket:
                assert await echoes(socket), "positive control"

    async def test_so_many_at_once_as_a_person_may_have(self, tmp_path: Path, sshd: Pod) -> None:
        async with running_server(tmp_path, sockets_per_person=1) as server, server.browser() as browser:
            know(server, "mia")
            server.add(sshd.port, owner="mia")
            async with connected(server, browser) as socket:
                assert await refused(server, browser) == 429
                assert await echoes(socket), "the one that is open stays"


class TestWhatIsTold:
    async def get(self, server: Harness, browser: Browser, **headers: str) -> Answer:
        return await browser.get(server.origin + SSH, headers={"Authorization": "Bearer mia", **headers})

    @pytest.mark.parametrize(
        ("phase", "status"), [("Stopped", 409), ("Failed", 409), ("Provisioning", 503), ("Stopping", 503)]
    )
    async def test_of_one_that_does_not_run(
        self, server: Harness, browser: Browser, sshd: Pod, phase: Any, status: int
    ) -> None:
        know(server, "mia")
        server.add(sshd.port, owner="mia", phase=phase)
        assert await refused(server, browser) == status
        assert sshd.seen == []
        assert server.api.patches == [], "it starts nothing"

    async def test_of_a_request_that_is_no_handshake(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "mia")
        server.add(sshd.port, owner="mia")
        answer = await self.get(server, browser)
        assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
        assert answer.content_type == "application/problem+json"
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await browser.session.ws_connect(server.origin + SSH, headers={"Authorization": "Bearer mia"})
        assert caught.value.status == 426, "without a key"

    async def any_socket(self, request: web.BaseRequest) -> web.StreamResponse:
        """As code-server, which takes a WebSocket at any address for one of the editor's."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        return socket

    async def test_of_an_image_without_ssh(self, server: Harness, browser: Browser) -> None:
        know(server, "mia")
        async with running_pod(self.any_socket) as pod:
            server.add(pod.port, owner="mia")
            assert await refused(server, browser) == 501
            assert [path for _, path, _ in pod.seen] == [names.SSH_PATH]

    async def test_of_an_image_that_knows_no_such_address(self, server: Harness, browser: Browser, pod: Pod) -> None:
        know(server, "mia")
        server.add(pod.port, owner="mia")
        assert await refused(server, browser) == 501

    async def test_of_an_image_with_a_server_of_its_own(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "mia")
        server.add(sshd.port, owner="mia", code_server=False)
        assert await refused(server, browser) == 501
        assert sshd.seen == []

    async def test_of_an_editor_that_does_not_know_us_yet(self, server: Harness, browser: Browser) -> None:
        async def locked(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=401)

        know(server, "mia")
        async with running_pod(locked) as pod:
            server.add(pod.port, owner="mia")
            assert await refused(server, browser) == 502

    async def test_of_a_pod_that_does_not_answer(self, server: Harness, browser: Browser) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")

        know(server, "mia")
        async with running_tcp_pod(hang_up) as port:
            server.add(port, owner="mia")
            assert await refused(server, browser) == 502

    async def test_in_the_audit_log(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "mia", "li.wei")
        server.add(sshd.port, owner="mia")
        with capture_logs() as logs:
            async with connected(server, browser) as socket:
                assert await echoes(socket)
            await refused(server, browser, "li.wei")
        lines = [entry for entry in logs if entry["event"] == "audit"]
        assert [(line["action"], line["result"], line["user"]) for line in lines] == [
            ("open", "ok", "mia"),
            ("request", "denied", "li.wei"),
        ]
        assert (lines[0]["via"], lines[0]["environment"], lines[0]["namespace"]) == ("ssh", "demo", "team")
        assert KEY not in str(logs)


class TestWhenItEnds:
    @pytest.fixture
    async def quick(self, tmp_path: Path, sshd: Pod) -> AsyncIterator[Harness]:
        async with running_server(tmp_path, recheck_seconds=0.1) as harness:
            know(harness, "mia", "li.wei")
            harness.rbac.grants.add(("li.wei", "team", "demo"))
            harness.add(sshd.port, owner="mia")
            yield harness

    async def ended(self, socket: aiohttp.ClientWebSocketResponse) -> int:
        message = await socket.receive(timeout=5)
        assert message.type is WSMsgType.CLOSE
        code: int = message.data
        return code

    async def test_with_the_right(self, quick: Harness) -> None:
        async with (
            quick.browser() as browser,
            connected(quick, browser, "li.wei") as lent,
            connected(quick, browser, "mia") as own,
        ):
            assert await echoes(lent)
            quick.rbac.grants.clear()
            assert await self.ended(lent) == 1008
            assert await echoes(own), "positive control"

    async def test_with_the_token(self, quick: Harness) -> None:
        async with (
            quick.browser() as browser,
            connected(quick, browser, "mia") as revoked,
            connected(quick, browser, "li.wei") as other,
        ):
            assert await echoes(revoked)
            del quick.tokens.good["mia"]
            assert await self.ended(revoked) == 1008
            assert await echoes(other), "positive control"

    async def test_with_all_sessions_of_the_person(self, server: Harness, browser: Browser, sshd: Pod) -> None:
        know(server, "mia")
        server.add(sshd.port, owner="mia")
        async with connected(server, browser) as socket:
            assert await echoes(socket)
            path = f"{server.origin}/api/v1/sessions"
            answer = await browser.request("DELETE", path, headers={"Authorization": "Bearer mia"})
            assert answer.status == 204, answer.text
            assert await self.ended(socket) == 1008

    async def test_with_the_environment(self, quick: Harness) -> None:
        async with quick.browser() as browser, connected(quick, browser) as socket:
            assert await echoes(socket)
            environment = quick.table.find("demo--team")
            assert environment is not None
            quick.table.on_instance(environment.instance, None)
            assert await self.ended(socket) == 1001
