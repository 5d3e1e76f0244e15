"""HTTP through the gateway, on real sockets, to a real server in place of the editor."""

import asyncio
import contextlib
import gzip
import hashlib
import io

import pytest
from aiohttp import web

from devworkspace.core.credential import environment_credential
from tests.server.support import (
    MASTER_KEY,
    Browser,
    Harness,
    Pod,
    answer_ok,
    make_pod,
    running_pod,
    running_tcp_pod,
)


async def test_a_person_signs_in_and_reaches_the_editor(server: Harness, browser: Browser, pod: Pod) -> None:
    server.add(pod.port)
    assert (await browser.sign_in()).status == 303
    response = await browser.open(path="/?folder=/home/dev")
    assert response.status == 200
    assert response.text == "editor GET /?folder=/home/dev 0"
    assert str(response.url) == server.environment_origin() + "/?folder=/home/dev"


async def test_the_pod_gets_the_credential_and_nothing_of_ours(server: Harness, browser: Browser, pod: Pod) -> None:
    instance = server.add(pod.port)
    await browser.enter()
    attack = {
        "Authorization": "Bearer secret",
        "Cookie": "theme=dark; dw-session=stolen; __Host-dw-env=x; code-server-session=forged",
        "X-Forwarded-Host": "evil.example",
        "X_Forwarded_Host": "evil.example",
        "X-Forwarded-For": "1.2.3.4",
        "Forwarded": "host=evil.example",
        "X-Remote-User": "root",
        "X-Original-URL": "/other",
        "X-Secret": "hop",
        "Connection": "X-Secret",
        "X-Kept": "yes",
    }
    token = browser.cookies(server.environment_origin())["dw-env"]
    attack["Cookie"] += f"; dw-env={token}"
    response = await browser.get(server.environment_origin() + "/", headers=attack)
    assert response.status == 200
    _, _, headers = pod.seen[-1]
    credential = environment_credential(MASTER_KEY, instance.metadata.uid)
    assert headers.getall("Cookie") == [f"theme=dark; code-server-session={credential}"]
    assert headers.getall("X-Forwarded-Host") == [server.environment_host()]
    assert headers.getall("X-Forwarded-Proto") == ["http"]
    assert headers["Host"] == server.environment_host()
    assert headers["X-Kept"] == "yes"
    for name in ("Authorization", "X_Forwarded_Host", "X-Forwarded-For", "Forwarded", "X-Remote-User", "X-Secret"):
        assert name not in headers
    assert "X-Original-URL" not in headers
    assert token not in str(headers)


async def test_nothing_of_the_pods_that_is_ours_to_say_reaches_the_browser(
    server: Harness, browser: Browser, pod: Pod
) -> None:
    async def hostile(_: web.BaseRequest) -> web.StreamResponse:
        response = web.Response(text="hello")
        for cookie in (
            "dw-env=fixed; Path=/",
            "__Host-dw-session=fixed; Secure; Path=/",
            "code-server-session=fixed",
            "wide=1; Domain=localhost",
            "wide=2; dOmAiN = localhost",
            "kept=1; Path=/",
        ):
            response.headers.add("Set-Cookie", cookie)
        response.headers["Clear-Site-Data"] = '"cookies"'
        response.headers["Strict-Transport-Security"] = "max-age=1; includeSubDomains"
        response.headers["Server"] = "editor"
        response.headers["X-Kept"] = "yes"
        return response

    async with running_pod(hostile) as other:
        server.add(other.port)
        await browser.enter()
        response = await browser.get(server.environment_origin() + "/")
    assert response.headers.getall("Set-Cookie") == ["kept=1; Path=/"]
    assert response.headers["X-Kept"] == "yes"
    assert response.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert not {"Clear-Site-Data", "Strict-Transport-Security", "Server"} & set(response.headers)


async def test_a_response_without_content_type_stays_without(server: Harness, browser: Browser) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n<h1>hi</h1>")

    async with running_tcp_pod(serve) as port:
        server.add(port)
        await browser.enter()
        response = await browser.get(server.environment_origin() + "/")
        assert response.body == b"<h1>hi</h1>"
        assert "Content-Type" not in response.headers


@pytest.mark.parametrize("path", ["/a//b/../c", "/%2e%2e/x", "/a%20b?q=%2F&x=1", "/?", "/a;b=c"])
async def test_paths_reach_the_pod_byte_for_byte(server: Harness, browser: Browser, pod: Pod, path: str) -> None:
    server.add(pod.port)
    await browser.enter()
    token = browser.cookies(server.environment_origin())["dw-env"]
    head = f"GET {path} HTTP/1.1\r\nHost: {server.environment_host()}\r\nCookie: dw-env={token}\r\n"
    answer = await server.raw(head.encode() + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert pod.seen[-1][1] == path


class TestStreaming:
    async def test_an_upload_arrives_whole_with_its_length(self, server: Harness, browser: Browser) -> None:
        digest = hashlib.sha256()

        async def digesting(request: web.BaseRequest) -> web.StreamResponse:
            if request.method == "POST":
                async for chunk in request.content.iter_any():
                    digest.update(chunk)
            return web.Response(text=str(request.content_length))

        body = bytes(range(256)) * 40_000
        async with running_pod(digesting) as pod:
            server.add(pod.port)
            await browser.enter()
            origin = server.environment_origin()
            response = await browser.post(origin + "/up", data=io.BytesIO(body), headers={"Origin": origin})
        assert response.status == 200
        assert response.text == str(len(body))
        assert digest.digest() == hashlib.sha256(body).digest()

    async def test_a_chunked_upload_stays_chunked(self, server: Harness, browser: Browser, pod: Pod) -> None:
        async def parts() -> object:
            for number in range(100):
                yield b"%d," % number

        server.add(pod.port)
        await browser.enter()
        origin = server.environment_origin()
        response = await browser.post(origin + "/up", data=parts(), headers={"Origin": origin})
        assert response.status == 200
        assert pod.seen[-1][2].get("Transfer-Encoding") == "chunked"
        assert "Content-Length" not in pod.seen[-1][2]

    async def test_a_compressed_upload_is_passed_on_as_it_is(self, server: Harness, browser: Browser) -> None:
        got = []

        async def reading(request: web.BaseRequest) -> web.StreamResponse:
            got.append(await request.read())
            return web.Response()

        packed = gzip.compress(b"x" * 1000)
        async with running_pod(reading, auto_decompress=False) as pod:
            server.add(pod.port)
            await browser.enter()
            origin = server.environment_origin()
            headers = {"Origin": origin, "Content-Encoding": "gzip"}
            response = await browser.post(origin + "/up", data=packed, headers=headers)
        assert response.status == 200
        assert got[-1] == packed

    async def test_the_first_part_of_a_response_comes_before_the_last_exists(
        self, server: Harness, browser: Browser
    ) -> None:
        more = asyncio.Event()

        async def slow(request: web.BaseRequest) -> web.StreamResponse:
            if request.raw_path != "/events":
                return web.Response()
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(b"data: one\n\n")
            await more.wait()
            await response.write(b"data: two\n\n")
            return response

        async with running_pod(slow) as pod:
            server.add(pod.port)
            await browser.enter()
            async with browser.session.get(server.environment_origin() + "/events") as response:
                assert await response.content.readany() == b"data: one\n\n"
                more.set()
                assert await response.content.read() == b"data: two\n\n"

    async def test_a_slow_browser_slows_the_pod_down(self, server: Harness, browser: Browser) -> None:
        sent = 0
        chunk = b"x" * 65536

        async def endless(request: web.BaseRequest) -> web.StreamResponse:
            nonlocal sent
            if request.raw_path != "/big":
                return web.Response()
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(2000):
                await response.write(chunk)
                sent += len(chunk)
            return response

        async with running_pod(endless) as pod:
            server.add(pod.port)
            await browser.enter()
            async with browser.session.get(server.environment_origin() + "/big") as response:
                await response.content.readany()
                await asyncio.sleep(0.3)
                held = sent
                assert held < 30 * 2**20, "the gateway swallows what the browser does not read"
                total = 0
                async for part in response.content.iter_any():
                    total += len(part)
                assert sent > held, "positive control: it flows again once the browser reads"

    async def test_a_slow_pod_slows_the_upload_down(self, server: Harness, browser: Browser) -> None:
        release = asyncio.Event()

        async def lazy(request: web.BaseRequest) -> web.StreamResponse:
            if request.method == "POST":
                await release.wait()
                total = 0
                async for chunk in request.content.iter_any():
                    total += len(chunk)
                return web.Response(text=str(total))
            return web.Response()

        given = 0

        async def parts() -> object:
            nonlocal given
            for _ in range(1500):
                given += 65536
                yield b"x" * 65536

        async with running_pod(lazy) as pod:
            server.add(pod.port)
            await browser.enter()
            origin = server.environment_origin()
            task = asyncio.create_task(browser.post(origin + "/up", data=parts(), headers={"Origin": origin}))
            await asyncio.sleep(0.5)
            held = given
            assert held < 40 * 2**20, "the gateway swallows what the pod does not read"
            release.set()
            response = await task
        assert response.text == str(given)
        assert given > held

    async def test_expect_100_continue(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.enter()
        token = browser.cookies(server.environment_origin())["dw-env"]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = (
            f"POST /up HTTP/1.1\r\nHost: {server.environment_host()}\r\nCookie: dw-env={token}\r\n"
            f"Origin: {server.environment_origin()}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.close()
        assert "Expect" not in pod.seen[-1][2]

    async def test_head_has_the_length_and_no_body(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.enter()
        for _ in range(2):
            response = await browser.request("HEAD", server.environment_origin() + "/x")
            assert response.status == 200
            assert response.body == b""
            assert response.headers["Content-Length"] == str(len("editor HEAD /x 0"))

    async def test_a_response_that_breaks_off_looks_broken(self, server: Harness, browser: Browser) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"GET /broken" in head:
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                await writer.drain()
                await asyncio.sleep(0.1)
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        async with running_tcp_pod(serve) as port:
            server.add(port)
            await browser.enter()
            with pytest.raises(Exception, match=r"(?i)payload|disconnect|closed|TransferEncoding"):
                await browser.get(server.environment_origin() + "/broken")


class TestPool:
    async def test_a_connection_is_used_again(self, server: Harness, browser: Browser) -> None:
        peers = set()

        async def noting(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            peers.add(request.transport.get_extra_info("peername"))
            return web.Response(text="x")

        async with running_pod(noting) as pod:
            server.add(pod.port)
            await browser.enter()
            for _ in range(10):
                assert (await browser.get(server.environment_origin() + "/")).status == 200
        assert len(peers) == 1

    async def test_a_stale_connection_is_repeated_once_for_a_get_but_not_for_a_post(
        self, server: Harness, browser: Browser
    ) -> None:
        heads: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Answers once per connection and hangs up on the second request, as a server does that times out."""
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.readuntil(b"\r\n\r\n")

        async with running_tcp_pod(serve) as port:
            server.add(port)
            await browser.enter()
            origin = server.environment_origin()
            seen = len(heads)
            assert (await browser.get(origin + "/a")).status == 200
            assert len(heads) == seen + 1
            response = await browser.post(origin + "/b", headers={"Origin": origin}, data=b"x")
            assert response.status == 502
            assert len(heads) == seen + 1
            assert (await browser.get(origin + "/c")).status == 200

    async def test_another_pod_at_the_same_address_gets_no_old_connection(
        self, server: Harness, browser: Browser
    ) -> None:
        peers = []

        async def noting(request: web.BaseRequest) -> web.StreamResponse:
            assert request.transport is not None
            peers.append(request.transport.get_extra_info("peername"))
            return web.Response()

        async with running_pod(noting) as pod:
            instance = server.add(pod.port)
            await browser.enter()
            await browser.get(server.environment_origin() + "/")
            old = make_pod(instance, pod.port)
            server.table.on_pod(old, make_pod(instance, pod.port, uid="successor"))
            await browser.get(server.environment_origin() + "/")
        assert peers[-1] != peers[-2]
        assert peers[-2] == peers[-3], "positive control: the same pod's connection was used again"

    async def test_a_pod_that_does_not_listen_gives_a_page_or_502(self, server: Harness, browser: Browser) -> None:
        async with running_pod() as pod:
            port = pod.port
            server.add(port)
            await browser.enter()
        page = await browser.navigate(server.environment_origin() + "/")
        assert page.status == 502
        assert "Not answering" in page.text
        assert page.headers["Retry-After"] == "2"
        answer = await browser.get(server.environment_origin() + "/x.js")
        assert answer.status == 502
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["/%2d/callback", "/./-/callback", "//-/callback", "/x/../-/callback", "/%2e%2e/-/x", "/-/a/../x", "/-/%63allback"],
)
async def test_disguised_paths_of_ours_reach_nobody(server: Harness, browser: Browser, pod: Pod, path: str) -> None:
    server.add(pod.port)
    await browser.enter()
    before = len(pod.seen)
    token = browser.cookies(server.environment_origin())["dw-env"]
    head = f"GET {path} HTTP/1.1\r\nHost: {server.environment_host()}\r\nCookie: dw-env={token}\r\n\r\n"
    assert (await server.raw(head.encode())).startswith(b"HTTP/1.1 400 ")
    assert len(pod.seen) == before
    control = head.replace(path, "/x/-/callback").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
    assert (await server.raw(control.encode())).startswith(b"HTTP/1.1 200 ")


async def test_a_client_that_goes_away_ends_the_request_at_the_pod(server: Harness, browser: Browser) -> None:
    gone = asyncio.Event()

    async def waiting(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path != "/wait":
            return await answer_ok(request)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            gone.set()
            raise
        return web.Response()

    async with running_pod(waiting, handler_cancellation=True) as pod:
        server.add(pod.port)
        await browser.enter()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await browser.get(server.environment_origin() + "/wait")
        async with asyncio.timeout(30):
            await gone.wait()
