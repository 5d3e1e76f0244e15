"""WebSockets through the gateway, on real sockets."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from tests.server.support import (
    ADMIN,
    Browser,
    Harness,
    Pod,
    make_instance,
    make_pod,
    running_pod,
    running_server,
    running_tcp_pod,
)

UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    if "Upgrade" not in request.headers:
        return web.Response()
    socket = web.WebSocketResponse(protocols=("editor",), max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data == "close":
            await socket.close(code=4321, message=b"as you wish")
        elif message.data == "compressed?":
            await socket.send_str(str(bool(socket.compress)))
        else:
            await socket.send_str(message.data)
    return socket


@contextlib.asynccontextmanager
async def opened(
    server: Harness, browser: Browser, *, name: str = "demo", **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    origin = server.environment_origin(name)
    async with browser.session.ws_connect(origin + "/socket", origin=origin, max_msg_size=0, **options) as socket:
        yield socket


async def declined(server: Harness, browser: Browser) -> aiohttp.WSServerHandshakeError:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with opened(server, browser):
            pass
    return caught.value


async def test_messages_go_both_ways_whole_and_in_order(server: Harness, browser: Browser) -> None:
    async with running_pod(echo) as pod:
        server.add(pod.port)
        await browser.enter()
        async with opened(server, browser, protocols=("editor",)) as socket:
            assert socket.protocol == "editor"
            for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
                data = os.urandom(size)
                await socket.send_bytes(data)
                assert (await socket.receive_bytes()) == data
        assert pod.seen[-1][2]["Host"] == server.environment_host()
        assert "dw-env" not in pod.seen[-1][2]["Cookie"]
    assert len(server.rooms.gateway.sockets) == 0


async def test_compression_is_agreed_from_end_to_end(server: Harness, browser: Browser) -> None:
    async with running_pod(echo) as pod:
        server.add(pod.port)
        await browser.enter()
        async with opened(server, browser, compress=15) as socket:
            await socket.send_str("compressed?")
            assert await socket.receive_str() == "True"
            await socket.send_str("x" * 100_000)
            assert await socket.receive_str() == "x" * 100_000
        async with opened(server, browser, compress=0) as socket:
            await socket.send_str("compressed?")
            assert await socket.receive_str() == "False"


async def test_close_codes_and_pings_pass(server: Harness, browser: Browser) -> None:
    async with running_pod(echo) as pod:
        server.add(pod.port)
        await browser.enter()
        async with opened(server, browser, autoping=False) as socket:
            await socket.ping(b"are you there")
            pong = await socket.receive(timeout=5)
            assert (pong.type, pong.data) == (WSMsgType.PONG, b"are you there")
            await socket.send_str("close")
            closing = await socket.receive(timeout=5)
            assert (closing.type, closing.data, closing.extra) == (WSMsgType.CLOSE, 4321, "as you wish")


async def test_the_pods_end_is_told_when_the_browser_goes(server: Harness, browser: Browser) -> None:
    codes: asyncio.Queue[int | None] = asyncio.Queue()

    async def noting(request: web.BaseRequest) -> web.StreamResponse:
        if "Upgrade" not in request.headers:
            return web.Response()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        codes.put_nowait(socket.close_code)
        return socket

    async with running_pod(noting) as pod:
        server.add(pod.port)
        await browser.enter()
        async with opened(server, browser) as socket:
            await socket.close(code=1000)
        assert await asyncio.wait_for(codes.get(), 5) == 1000
        reader, writer = await handshake(server, browser)
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        assert await asyncio.wait_for(codes.get(), 5) == 1006


async def handshake(
    server: Harness, browser: Browser, *, extra: str = "", upgrade: str = UPGRADE, origin: str | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends an upgrade byte by byte as given; the answer is still to be read."""
    token = browser.cookies(server.environment_origin())["dw-env"]
    origin = server.environment_origin() if origin is None else origin
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"GET /socket HTTP/1.1\r\nHost: {server.environment_host()}\r\nCookie: dw-env={token}\r\n"
    writer.write(f"{head}Origin: {origin}\r\n{upgrade}{extra}\r\n".encode())
    return reader, writer


class TestWhoMayOpen:
    async def test_strangers_get_401_without_redirect(self, server: Harness, browser: Browser) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with opened(server, browser):
                    pass
            assert refused.value.status == 401
            assert pod.seen == []

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "null",
            "http://localhost:{port}",
            "http://other--team.localhost:{port}",
            "http://demo--team.localhost:{port}.evil.example",
            "http://demo--team.localhost:{wrong}",
            "http://evil-demo--team.localhost:{port}",
            "https://demo--team.localhost:{port}",
            "",
        ],
    )
    async def test_other_origins_get_403_before_the_pod_is_dialled(
        self, server: Harness, browser: Browser, origin: str
    ) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            await browser.enter()
            before = len(pod.seen)
            sent = origin.format(port=server.port, wrong=server.port + 1)
            reader, writer = await handshake(server, browser, origin=sent)
            assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
            writer.close()
            assert len(pod.seen) == before
            reader, writer = await handshake(server, browser)
            assert (await reader.readline()).startswith(b"HTTP/1.1 101 "), "positive control"
            writer.close()

    async def test_no_origin_at_all_is_refused(self, server: Harness, browser: Browser) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            await browser.enter()
            token = browser.cookies(server.environment_origin())["dw-env"]
            head = f"GET / HTTP/1.1\r\nHost: {server.environment_host()}\r\nCookie: dw-env={token}\r\n{UPGRADE}"
            answer = await server.raw(head.encode() + b"Sec-Fetch-Site: same-origin\r\n\r\n", seconds=1)
            assert answer.startswith(b"HTTP/1.1 403 ")

    @pytest.mark.parametrize(
        "upgrade",
        [
            UPGRADE.replace("13", "8"),
            UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
            UPGRADE.replace("Connection: Upgrade", "Connection: keep-alive"),
            UPGRADE + "Content-Length: 5\r\n",
            UPGRADE + "Upgrade: h2c\r\n",
            UPGRADE.replace("websocket", "h2c"),
            UPGRADE.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ],
    )
    async def test_what_is_no_websocket_handshake_is_refused(
        self, server: Harness, browser: Browser, upgrade: str
    ) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            await browser.enter()
            before = len(pod.seen)
            reader, writer = await handshake(server, browser, upgrade=upgrade)
            writer.write(b"hello")
            assert b" 400 " in await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            assert len(pod.seen) == before

    async def test_a_pod_that_declines_is_quoted(self, server: Harness, browser: Browser) -> None:
        async def declining(request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=200 if "Upgrade" not in request.headers else 403, text="not here")

        async with running_pod(declining) as pod:
            server.add(pod.port)
            await browser.enter()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with opened(server, browser):
                    pass
            assert refused.value.status == 403


async def test_one_person_has_so_many_at_once(tmp_path: Path) -> None:
    async with (
        running_pod(echo) as pod,
        running_server(tmp_path, sockets_per_person=4, replicas=2) as server,
        server.browser() as browser,
    ):
        server.add(pod.port)
        await browser.enter()
        async with opened(server, browser) as first, opened(server, browser):
            refused = await declined(server, browser)
            assert refused.status == 429
            assert refused.headers is not None and "Retry-After" in refused.headers
            await first.send_str("hello")
            assert await first.receive_str() == "hello", "those that are open stay"
        async with asyncio.timeout(30):
            while len(server.rooms.gateway.sockets):
                await asyncio.sleep(0.01)
        async with opened(server, browser), opened(server, browser):
            assert (await declined(server, browser)).status == 429


async def test_a_pod_that_declines_costs_no_place(tmp_path: Path, pod: Pod) -> None:
    async with running_server(tmp_path, sockets_per_person=1) as server, server.browser() as browser:
        server.add(pod.port)
        await browser.enter()
        assert [(await declined(server, browser)).status for _ in range(3)] == [200, 200, 200]


async def test_bytes_behind_the_handshake_are_not_lost(server: Harness, browser: Browser) -> None:
    async with running_pod(echo) as pod:
        server.add(pod.port)
        await browser.enter()
        # A masked text frame "hi" (mask 0) in the same packet as the handshake.
        reader, writer = await handshake(server, browser)
        writer.write(bytes.fromhex("8182000000006869"))
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 ")
        assert await asyncio.wait_for(reader.readexactly(4), 5) == bytes.fromhex("81026869")
        writer.close()


async def test_bytes_that_are_no_frames_end_it(server: Harness, browser: Browser) -> None:
    async with running_pod(echo) as pod:
        server.add(pod.port)
        await browser.enter()
        reader, writer = await handshake(server, browser)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


async def test_a_slow_browser_slows_the_pod_down(server: Harness, browser: Browser) -> None:
    sent = 0
    frame = bytes((0x82, 127)) + (65536).to_bytes(8, "big") + b"x" * 65536

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        head = await reader.readuntil(b"\r\n\r\n")
        if b"Upgrade" not in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        for _ in range(1600):
            writer.write(frame)
            await writer.drain()
            sent += len(frame)

    async with running_tcp_pod(serve) as port:
        server.add(port)
        await browser.enter()
        reader, writer = await handshake(server, browser)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        await asyncio.sleep(0.5)
        held = sent
        assert held < 40 * 2**20, "the gateway swallows what the browser does not read"
        async with asyncio.timeout(20):
            assert await reader.readexactly(1600 * len(frame)) == frame * 1600
        writer.close()
    assert sent == 1600 * len(frame)


class TestLosingAccess:
    @pytest.fixture
    async def quick(self, tmp_path: Path) -> AsyncIterator[Harness]:
        async with running_server(tmp_path, recheck_seconds=0.1) as harness:
            yield harness

    async def _closed(self, socket: aiohttp.ClientWebSocketResponse) -> tuple[int, str]:
        message = await socket.receive(timeout=3)
        assert message.type is WSMsgType.CLOSE
        return message.data, message.extra or ""

    async def _still_open(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await asyncio.sleep(0.35)
        await socket.send_str("still here?")
        assert await socket.receive_str(timeout=3) == "still here?"

    async def test_sign_out_closes_at_once(self, server: Harness, browser: Browser) -> None:
        async with running_pod(echo) as pod:
            server.add(pod.port)
            await browser.enter()
            async with opened(server, browser, autoclose=False) as socket:
                await socket.send_str("x")
                assert await socket.receive_str() == "x"
                await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
                assert await self._closed(socket) == (1008, "access has ended")

    async def test_the_sessions_end_closes(self, tmp_path: Path) -> None:
        running = running_server(tmp_path, recheck_seconds=0.1, session_seconds=1.5)
        async with running as server, running_pod(echo) as pod, server.browser() as browser:
            server.add(pod.port)
            await browser.enter()
            async with opened(server, browser, autoclose=False) as socket:
                await self._still_open(socket)
                assert (await self._closed(socket))[0] == 1008

    async def test_a_withdrawn_grant_closes(self, quick: Harness) -> None:
        quick.rbac.grants.add((ADMIN, "team", "demo"))
        async with running_pod(echo) as pod, quick.browser() as browser:
            quick.add(pod.port, owner="somebody-else")
            await browser.enter()
            async with opened(quick, browser, autoclose=False) as socket:
                await self._still_open(socket)
                quick.rbac.grants.clear()
                assert (await self._closed(socket))[0] == 1008

    async def test_an_api_server_that_is_away_for_a_moment_does_not(self, quick: Harness) -> None:
        quick.rbac.grants.add((ADMIN, "team", "demo"))
        async with running_pod(echo) as pod, quick.browser() as browser:
            quick.add(pod.port, owner="somebody-else")
            await browser.enter()
            async with opened(quick, browser, autoclose=False) as socket:
                quick.rbac.broken = True
                await self._still_open(socket)

    async def test_a_deleted_instance_closes(self, quick: Harness) -> None:
        async with running_pod(echo) as pod, quick.browser() as browser:
            instance = quick.add(pod.port)
            await browser.enter()
            async with opened(quick, browser, autoclose=False) as socket:
                await self._still_open(socket)
                quick.table.on_instance(instance, None)
                assert (await self._closed(socket))[0] == 1001

    async def test_another_pod_closes(self, quick: Harness) -> None:
        async with running_pod(echo) as pod, quick.browser() as browser:
            instance = quick.add(pod.port)
            await browser.enter()
            async with opened(quick, browser, autoclose=False) as socket:
                await self._still_open(socket)
                quick.table.on_pod(make_pod(instance, pod.port), make_pod(instance, pod.port, uid="other"))
                assert (await self._closed(socket))[0] == 1001

    async def test_a_change_that_matters_not_leaves_it_open(self, quick: Harness) -> None:
        async with running_pod(echo) as pod, quick.browser() as browser:
            instance = quick.add(pod.port)
            await browser.enter()
            async with opened(quick, browser, autoclose=False) as socket:
                quick.table.on_instance(instance, make_instance(message="changed"))
                await self._still_open(socket)

    async def test_the_close_frame_waits_for_the_frame_under_way(self, server: Harness, browser: Browser) -> None:
        release = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"Upgrade" not in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x82\x05he")
            await release.wait()
            writer.write(b"llo")
            await writer.drain()
            await asyncio.sleep(0.1)
            writer.write(b"\x82\x01!")
            await reader.read()

        async with running_tcp_pod(serve) as port:
            server.add(port)
            await browser.enter()
            reader, writer = await handshake(server, browser)
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(4) == b"\x82\x05he"
            await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
            release.set()
            async with asyncio.timeout(30):
                rest = await reader.read()
            writer.close()
        assert rest == b"llo\x88\x12\x03\xf0access has ended"

    async def test_the_servers_end_says_come_back(self, tmp_path: Path) -> None:
        async with running_pod(echo) as pod, contextlib.AsyncExitStack() as stack:
            running = running_server(tmp_path)
            server = await running.__aenter__()
            browser = await stack.enter_async_context(server.browser())
            server.add(pod.port)
            await browser.enter()
            async with opened(server, browser, autoclose=False) as socket:
                leaving = asyncio.create_task(running.__aexit__(None, None, None))
                assert (await self._closed(socket))[0] == 1012
                await socket.close()
                await leaving
