"""The short way: a request that is passed on to a pod without a task, on real sockets, beside the long one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from devworkspace.server.gateway import proxy
from devworkspace.server.gateway.handler import Gateway
from tests.server.support import Browser, Harness, Pod, make_instance, running_pod, running_server, running_tcp_pod


class Handled:
    """Counts what goes the long way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        handle = Gateway.handle

        async def counting(gateway: Gateway, request: web.BaseRequest, site: Any) -> web.StreamResponse:
            self.paths.append(request.raw_path)
            return await handle(gateway, request, site)

        monkeypatch.setattr(Gateway, "handle", counting)


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> Handled:
    return Handled(monkeypatch)


def head_of(server: Harness, browser: Browser, path: str, *more: str, method: str = "GET") -> bytes:
    token = browser.cookies(server.environment_origin())["dw-env"]
    lines = [f"{method} {path} HTTP/1.1", f"Host: {server.environment_host()}", f"Cookie: dw-env={token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_only_what_needs_no_waiting_is_passed_on(
    server: Harness, browser: Browser, pod: Pod, handled: Handled
) -> None:
    server.add(pod.port)
    await browser.enter()
    origin = server.environment_origin()
    handled.paths.clear()
    for path in ("/a", "/b?x=1", "/c"):
        assert (await browser.get(origin + path)).text == f"editor GET {path} 0"
    assert handled.paths == []
    assert (await browser.post(origin + "/upload", data=b"x" * 9, headers={"Origin": origin})).text.endswith(" 9")
    assert (await browser.navigate(origin + "/typed", headers={"Sec-Fetch-Mode": "navigate"})).status == 200
    assert handled.paths == ["/upload"]
    assert {"/a", "/b?x=1", "/c", "/upload", "/typed"} <= {path for _, path, _ in pod.seen}


async def test_answers_are_counted(server: Harness, browser: Browser, pod: Pod, handled: Handled) -> None:
    server.add(pod.port)
    await browser.enter()
    for _ in range(3):
        await browser.get(server.environment_origin() + "/")
    assert len(handled.paths) < 4
    figures = server.rooms.metrics.render().decode()
    assert 'devworkspace_server_requests_total{room="environment",status="200"} 4.0' in figures


@pytest.mark.parametrize(
    ("lose", "status"),
    [
        (lambda server: server.rbac.grants.clear(), 404),
        (lambda server: server.table.on_instance(None, make_instance(owner="li.wei", phase="Stopped")), 503),
        (lambda server: server.table.on_instance(make_instance(owner="li.wei"), None), 401),
        (lambda server: server.table.on_instance(None, make_instance(owner="li.wei", uid="another")), 401),
    ],
    ids=["grant", "phase", "deleted", "recreated"],
)
async def test_a_lost_right_counts_on_a_warm_connection(
    server: Harness, browser: Browser, pod: Pod, handled: Handled, lose: Callable[[Harness], None], status: int
) -> None:
    server.add(pod.port, owner="li.wei")
    server.rbac.grants.add(("admin", "team", "demo"))
    await browser.enter()
    origin = server.environment_origin()
    handled.paths.clear()
    assert (await browser.get(origin + "/")).status == 200
    assert handled.paths == []
    lose(server)
    seen = len(pod.seen)
    assert (await browser.get(origin + "/")).status == status
    assert len(pod.seen) == seen


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("DELETE", "/", {"Origin": "http://evil.example"}, 403),
        ("DELETE", "/", {"Sec-Fetch-Site": "same-site"}, 403),
        ("GET", "/%2d/callback", {}, 400),
        ("GET", "/-/nothing", {}, 404),
        ("GET", "/", {"Expect": "a miracle"}, 417),
    ],
)
async def test_refusals_are_the_same_on_a_warm_connection(
    server: Harness, browser: Browser, pod: Pod, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    server.add(pod.port)
    await browser.enter()
    assert (await browser.get(server.environment_origin() + "/")).status == 200
    seen = len(pod.seen)
    answer = await browser.request(method, server.environment_origin() + path, headers=headers)
    assert answer.status == status
    assert len(pod.seen) == seen


async def test_a_head_without_cookies_of_ours_reaches_the_pod(
    server: Harness, browser: Browser, pod: Pod, handled: Handled
) -> None:
    server.add(pod.port)
    await browser.enter()
    handled.paths.clear()
    attack = {"Authorization": "Bearer x", "X_Forwarded_For": "1.2.3.4", "X-Hop": "1", "Connection": "X-Hop"}
    await browser.get(server.environment_origin() + "/", headers=attack)
    assert handled.paths == []
    headers = pod.seen[-1][2]
    assert "dw-env" not in str(headers) and not set(attack) & set(headers)


def slow_pod(seconds: float) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith("/slow"):
            await asyncio.sleep(seconds)
        return web.Response(text=f"<{request.raw_path}>")

    return answer


async def test_pipelined_requests_are_answered_in_order(server: Harness, browser: Browser, handled: Handled) -> None:
    async with running_pod(slow_pod(0.2)) as pod:
        server.add(pod.port)
        await browser.enter()
        handled.paths.clear()
        data = head_of(server, browser, "/slow") + head_of(server, browser, "/2")
        answer = await server.raw(data + head_of(server, browser, "/3", "Connection: close"))
    assert [part.split(b">")[0] for part in answer.split(b"<")[1:]] == [b"/slow", b"/2", b"/3"]
    assert "/slow" not in handled.paths


async def test_who_sends_on_and_on_behind_a_request_is_not_read_on_and_on(
    server: Harness, browser: Browser, handled: Handled
) -> None:
    async with running_pod(slow_pod(30)) as pod:
        server.add(pod.port)
        await browser.enter()
        handled.paths.clear()
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head_of(server, browser, "/slow"))
        more, sent = head_of(server, browser, "/more") * 1000, 0
        # The kernel's buffers take a few MiB; who reads takes a MiB in far less than three seconds.
        with pytest.raises(TimeoutError):
            while sent < 32 * 1024 * 1024:
                writer.write(more)
                async with asyncio.timeout(3):
                    await writer.drain()
                sent += len(more)
        writer.transport.abort()
    assert handled.paths == []


async def test_garbage_behind_a_request_is_the_end_of_the_connection(
    server: Harness, browser: Browser, handled: Handled
) -> None:
    async with running_pod(slow_pod(0.2)) as pod:
        server.add(pod.port)
        await browser.enter()
        handled.paths.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head_of(server, browser, "/slow"))
        await asyncio.sleep(0.05)
        writer.write(b"GARBAGE\r\n\r\n" + head_of(server, browser, "/2"))
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.endswith(b"</slow>")
    assert answer.count(b"HTTP/1.1") == 1
    assert handled.paths == []


async def test_a_tossed_cookie_counts_on_a_warm_connection(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    await browser.enter()
    data = head_of(server, browser, "/")
    answer = await server.raw(data + head_of(server, browser, "/", "Cookie: dw-env=x", "Connection: close"))
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401"]


async def test_a_second_response_answers_nobody(server: Harness, browser: Browser) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
            if b"GET /two" in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    async with running_tcp_pod(serve) as port:
        server.add(port)
        await browser.enter()
        for path in ("/one", "/two", "/three", "/four"):
            assert (await browser.get(server.environment_origin() + path)).text == "good"


@pytest.mark.parametrize("value", ["a\rSet-Cookie: dw-env=1", "a\nSet-Cookie: dw-env=1", "a\0b"])
async def test_a_broken_head_of_the_pod_is_not_passed_on(server: Harness, browser: Browser, value: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            extra = f"X-A: {value}\r\n" if b"GET /broken" in head else ""
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{extra}\r\nok".encode())

    async with running_tcp_pod(serve) as port:
        server.add(port)
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/whole")).status == 200
        answer = await server.raw(head_of(server, browser, "/broken", "Connection: close"))
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"dw-env" not in head and b"\0" not in head
    assert b"\r" not in head.replace(b"\r\n", b"")


async def test_the_pod_learns_that_the_browser_left(server: Harness, browser: Browser) -> None:
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"GET /slow" in head:
                assert await reader.read() == b""
                left.set()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with running_tcp_pod(serve) as port:
        server.add(port)
        await browser.enter()
        await browser.get(server.environment_origin() + "/")
        assert await server.raw(head_of(server, browser, "/slow"), seconds=0.2) == b""
        async with asyncio.timeout(30):
            await left.wait()


async def test_a_pod_that_does_not_answer_is_asked_once(
    server: Harness, browser: Browser, handled: Handled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "HEAD_SECONDS", 0.3)
    async with running_pod(slow_pod(30)) as pod:
        server.add(pod.port)
        await browser.enter()
        handled.paths.clear()
        assert (await browser.get(server.environment_origin() + "/slow")).status == 504
        assert [path for _, path, _ in pod.seen].count("/slow") == 1
        assert handled.paths == []


async def test_an_answer_may_take_longer_than_idleness(tmp_path: Path, handled: Handled) -> None:
    async with running_server(tmp_path, idle_seconds=0.4) as server, running_pod(slow_pod(1.0)) as pod:
        server.add(pod.port)
        async with server.browser() as browser:
            await browser.enter()
            handled.paths.clear()
            answer = await server.raw(head_of(server, browser, "/slow"))
            assert handled.paths == []
    # The server closed the connection when it had rested, or `raw` would still wait.
    assert answer.endswith(b"</slow>")


async def test_leaving_waits_for_what_is_under_way(tmp_path: Path, handled: Handled) -> None:
    async with running_pod(slow_pod(0.5)) as pod:
        async with running_server(tmp_path, drain_seconds=5.0) as server:
            server.add(pod.port)
            async with server.browser() as browser:
                await browser.enter()
                handled.paths.clear()
                slow = asyncio.create_task(server.raw(head_of(server, browser, "/slow")))
                async with asyncio.timeout(30):
                    while "/slow" not in {path for _, path, _ in pod.seen}:
                        await asyncio.sleep(0.01)
        assert (await slow).endswith(b"</slow>")
    assert handled.paths == []


async def test_a_slow_browser_slows_the_pod_down(server: Harness, browser: Browser, handled: Handled) -> None:
    written = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"GET /endless" not in head:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
                written += 65536

    async with running_tcp_pod(serve) as port:
        server.add(port)
        await browser.enter()
        handled.paths.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
        writer.write(head_of(server, browser, "/endless"))
        before = -1
        async with asyncio.timeout(20):
            while before != written or written == 0:
                before = written
                await asyncio.sleep(0.3)
        await reader.readexactly(3 * 1024 * 1024)
        async with asyncio.timeout(20):
            while written == before:
                await asyncio.sleep(0.01)
        writer.close()
    assert handled.paths == []
