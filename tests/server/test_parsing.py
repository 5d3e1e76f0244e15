"""Malformed and ambiguous requests, byte by byte over a real socket. Each is one change to a request that passes."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from tests.server.support import Browser, Harness, Pod, running_pod, running_server

GOOD = b"GET /x HTTP/1.1\r\nHost: @HOST@\r\nCookie: dw-env=TOKEN\r\nConnection: close\r\n\r\n"
POST = (
    b"POST /x HTTP/1.1\r\nHost: @HOST@\r\nCookie: dw-env=TOKEN\r\nOrigin: http://@HOST@\r\n"
    b"Content-Length: 5\r\nConnection: close\r\n\r\nhello"
)


@pytest.fixture
async def token(server: Harness, browser: Browser, pod: Pod) -> str:
    server.add(pod.port)
    await browser.enter()
    return browser.cookies(server.environment_origin())["dw-env"]


def fill(request: bytes, server: Harness, token: str) -> bytes:
    return request.replace(b"@HOST@", server.environment_host().encode()).replace(b"TOKEN", token.encode())


@pytest.mark.parametrize("good", [GOOD, POST], ids=["get", "post"])
async def test_the_unchanged_request_passes(server: Harness, pod: Pod, token: str, good: bytes) -> None:
    before = len(pod.seen)
    assert (await server.raw(fill(good, server, token))).startswith(b"HTTP/1.1 200 ")
    assert len(pod.seen) == before + 1


CASES = {
    "no host": GOOD.replace(b"Host: @HOST@\r\n", b""),
    "two hosts": GOOD.replace(b"Host: @HOST@\r\n", b"Host: @HOST@\r\nHost: @HOST@\r\n"),
    "two hosts, one foreign": GOOD.replace(b"Host: @HOST@\r\n", b"Host: @HOST@\r\nHost: evil.example\r\n"),
    "absolute form, other host": GOOD.replace(b"GET /x", b"GET http://other--team.localhost/x"),
    "absolute form, same host": GOOD.replace(b"GET /x", b"GET http://@HOST@/x"),
    "authority form": GOOD.replace(b"GET /x", b"CONNECT @HOST@"),
    "asterisk form": GOOD.replace(b"GET /x", b"OPTIONS *"),
    "trace": GOOD.replace(b"GET /x", b"TRACE /x"),
    "backslash": GOOD.replace(b"/x", b"/x\\..\\y"),
    "fragment": GOOD.replace(b"/x", b"/x#y"),
    "raw non-ASCII": GOOD.replace(b"/x", b"/\xc3\xa9"),
    "space in target": GOOD.replace(b"/x", b"/x y"),
    "control in target": GOOD.replace(b"/x", b"/x\x01"),
    "nul in header": GOOD.replace(b"Connection: close", b"X-A: a\x00b"),
    "bare CR in header": GOOD.replace(b"Connection: close", b"X-A: a\rb: c"),
    "bare LF line ends": GOOD.replace(b"\r\n", b"\n"),
    "folded header": GOOD.replace(b"Connection: close", b"X-A: a\r\n b"),
    "space before colon": GOOD.replace(b"Connection: close", b"X-A : a"),
    "header without colon": GOOD.replace(b"Connection: close", b"X-A"),
    "header name with CTL": GOOD.replace(b"Connection: close", b"X\x0bA: a"),
    "other http version": GOOD.replace(b"HTTP/1.1", b"HTTP/3.7"),
    "transfer encoding in http 1.0": POST.replace(b"HTTP/1.1", b"HTTP/1.0").replace(
        b"Content-Length: 5", b"Transfer-Encoding: chunked"
    ),
    "two lengths, equal": POST.replace(b"Content-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "two lengths, different": POST.replace(b"Content-Length: 5\r\n", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "length list": POST.replace(b"Content-Length: 5", b"Content-Length: 5, 5"),
    "length with sign": POST.replace(b"Content-Length: 5", b"Content-Length: +5"),
    "length in hex": POST.replace(b"Content-Length: 5", b"Content-Length: 0x5"),
    "negative length": POST.replace(b"Content-Length: 5", b"Content-Length: -5"),
    "length and chunked": POST.replace(
        b"Content-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked"
    ).replace(b"hello", b"0\r\n\r\n"),
    "chunked and length": POST.replace(
        b"Content-Length: 5", b"Transfer-Encoding: chunked\r\nContent-Length: 5"
    ).replace(b"hello", b"0\r\n\r\n"),
    "unknown transfer encoding": POST.replace(b"Content-Length: 5", b"Transfer-Encoding: xchunked"),
    "chunked not last": POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked, gzip"),
    "chunked twice": POST.replace(
        b"Content-Length: 5", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
    ).replace(b"hello", b"0\r\n\r\n"),
    "obfuscated transfer encoding": POST.replace(b"Content-Length: 5", b"Transfer-Encoding: \x0bchunked"),
    "two origins": POST.replace(b"Origin: ", b"Origin: http://@HOST@\r\nOrigin: "),
    "two origins, one foreign": POST.replace(b"Content-Length", b"Origin: http://evil.example\r\nContent-Length"),
    "two words about the site": POST.replace(
        b"Content-Length", b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\nContent-Length"
    ),
    "other expectation": POST.replace(b"Content-Length: 5", b"Content-Length: 5\r\nExpect: a-miracle"),
    "upgrade to h2c": GOOD.replace(b"Connection: close", b"Connection: Upgrade\r\nUpgrade: h2c"),
    "preface of http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "line too long": GOOD.replace(b"/x", b"/" + b"x" * 9000),
    "header too long": GOOD.replace(b"Connection: close", b"X-A: " + b"a" * 17000),
    "too many headers": GOOD.replace(b"Connection: close", b"\r\n".join(b"X-%d: a" % n for n in range(120))),
}


@pytest.mark.parametrize("request_bytes", CASES.values(), ids=CASES.keys())
async def test_is_refused_and_the_connection_ends(server: Harness, pod: Pod, token: str, request_bytes: bytes) -> None:
    before = len(pod.seen)
    # What follows must not be read as a second request.
    answer = await server.raw(fill(request_bytes, server, token) + fill(GOOD, server, token), seconds=3)
    status = answer.split(b" ", 2)[1] if answer else b"closed"
    assert status in (b"400", b"405", b"417"), answer[:200]
    assert (b"\r\nAllow: GET, " in answer) is (status == b"405")
    assert answer.count(b"HTTP/1.1 ") + answer.count(b"HTTP/1.0 ") == 1, answer
    assert len(pod.seen) == before
    assert token.encode() not in answer


@pytest.mark.parametrize("chunk", [b"5;ext\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"])
async def test_chunked_bodies_pass(server: Harness, pod: Pod, token: str, chunk: bytes) -> None:
    request = POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked").replace(b"hello", chunk)
    answer = await server.raw(fill(request, server, token))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"editor POST /x 5")


@pytest.mark.parametrize("chunk", [b"5\r\nhelloX0\r\n\r\n", b"zz\r\nhello\r\n", b"5\nhello\n0\n\n", b"-5\r\nhello\r\n"])
async def test_broken_chunks_end_the_connection(server: Harness, pod: Pod, token: str, chunk: bytes) -> None:
    request = POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked").replace(b"hello", chunk)
    answer = await server.raw(fill(request, server, token) + fill(GOOD, server, token), seconds=3)
    assert b" 200 " not in answer
    assert answer.count(b"HTTP/1.1 ") <= 1


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost",
        "127.0.0.1:PORT",
        "localhost:1",
        "x.y.localhost:PORT",
        "localhost:PORT.",
        "-a.localhost:PORT",
        "demo--team.localhost",
        "demo--team.localhost.:PORT",
        "demo_team.localhost:PORT",
        "demo--team.localhost:PORT@evil",
    ],
)
async def test_other_hosts_are_told_nothing(server: Harness, pod: Pod, token: str, host: str) -> None:
    request = fill(GOOD.replace(b"@HOST@", host.replace("PORT", str(server.port)).encode()), server, token)
    answer = await server.raw(request)
    assert answer.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 "))
    assert answer.endswith((b"This host is not served here.\n", b'not valid."}'))


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"GET /api/v1/environments?q=" + b"x" * 9000, b"The address is over 8192 bytes"),
        (b"GET /%00\x01", b"The request is not valid."),
    ],
    ids=["too long", "not valid"],
)
async def test_a_program_can_read_why_its_request_was_refused(server: Harness, line: bytes, detail: bytes) -> None:
    answer = await server.raw(line + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/problem+json" in head
    assert b'"status":400' in body
    assert detail in body


async def test_a_head_in_upper_case_is_the_same_host(server: Harness, pod: Pod, token: str) -> None:
    request = GOOD.replace(b"Host: @HOST@", b"Host: " + server.environment_host().upper().encode())
    assert (await server.raw(fill(request, server, token))).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async with running_server(tmp_path, idle_seconds=0.5) as server:
        for beginning in (b"", b"GET / HTTP/1.1\r\nHost: localhost"):
            started = asyncio.get_running_loop().time()
            assert await server.raw(beginning, seconds=30) == b""
            assert asyncio.get_running_loop().time() - started < 30, "the server has ended it"


def healthz(server: Harness) -> bytes:
    return f"GET /-/healthz HTTP/1.1\r\nHost: localhost:{server.port}\r\nConnection: close\r\n\r\n".encode()


async def test_one_connection_too_many_is_let_go(tmp_path: Path) -> None:
    arrived, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def answer_late(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path == "/x":
            arrived.release()
            await go_on.wait()
        return web.Response()

    async with running_pod(answer_late) as pod, running_server(tmp_path, max_connections=5) as server:
        server.add(pod.port)
        async with server.browser() as browser:
            await browser.enter()
            token = browser.cookies(server.environment_origin())["dw-env"]
        asking = [asyncio.create_task(server.raw(fill(GOOD, server, token))) for _ in range(5)]
        for _ in asking:
            await arrived.acquire()
        assert await server.raw(healthz(server)) == b""
        go_on.set()
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in await asyncio.gather(*asking)), "none of them went"
        assert (await server.raw(healthz(server))).startswith(b"HTTP/1.1 200 "), "positive control"


async def test_who_does_nothing_gives_way_to_who_asks(tmp_path: Path) -> None:
    async with running_server(tmp_path, max_connections=5) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(5)]
        for _, writer in silent[::2]:
            writer.write(b"GET / HTTP/1.1\r\nHost: local")
        for number in range(5):
            assert (await server.raw(healthz(server))).startswith(b"HTTP/1.1 200 "), number
        assert await silent[0][0].read() == b"", "the oldest is the one that went"
        for _, writer in silent:
            writer.close()
