"""HTTP through the gateway, on real sockets, to a real server in place of the editor."""

import asyncio
import contextlib
import gzip
import hashlib
import html
import io
from pathlib import Path

import pytest
from aiohttp import web

from devworkspace.core.credential import environment_credential
from tests.server.support import (
    ADMIN,
    MASTER_KEY,
    NAVIGATION,
    Browser,
    Harness,
    Pod,
    answer_ok,
    make_instance,
    make_pod,
    running_pod,
    running_server,
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


class TestStrangers:
    @pytest.mark.parametrize("name", ["demo", "absent"])
    async def test_existing_and_absent_environments_look_the_same(
        self, server: Harness, browser: Browser, pod: Pod, name: str
    ) -> None:
        server.add(pod.port)
        page = await browser.navigate(server.environment_origin(name) + "/x?y=1")
        assert page.status == 302
        location = page.headers["Location"]
        assert location.startswith(f"{server.origin}/-/authorize?env={name}--team&nonce=")
        assert location.endswith("&next=%2Fx%3Fy%3D1")
        answer = await browser.get(server.environment_origin(name) + "/x")
        assert answer.status == 401
        assert answer.json() == {"title": "Unauthorized", "status": 401, "detail": "Sign in first."}
        assert pod.seen == []

    async def test_foreign_and_absent_environments_get_the_same_404(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, name="foreign", owner="somebody-else")
        server.add(pod.port, name="mine")
        await browser.sign_in()
        answers = []
        for name in ("foreign", "absent-"[:-1] + "1"):
            response = await browser.open(name)
            answers.append((response.status, response.text.replace(name, "NAME"), dict(response.headers)))
        for _, _, headers in answers:
            headers.pop("Date")
        assert answers[0][0] == 404
        assert answers[0] == answers[1]
        assert pod.seen == []
        assert (await browser.open("mine")).status == 200, "positive control"

    async def test_a_grant_opens_and_its_loss_closes(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, owner="somebody-else")
        server.rbac.grants.add((ADMIN, "team", "demo"))
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200
        question = server.rbac.asked[-1]
        assert question["verb"] == "create"
        assert question["what"] == "workspaceinstances/connect"
        assert question["groups"] == ("devworkspace:admins", "system:authenticated")
        server.rbac.grants.clear()
        assert (await browser.get(server.environment_origin() + "/")).status == 404

    async def test_an_api_server_that_does_not_answer_is_not_a_yes(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, name="foreign", owner="somebody-else")
        server.add(pod.port, name="mine")
        server.rbac.grants.add((ADMIN, "team", "foreign"))
        server.rbac.broken = True
        await browser.sign_in()
        assert (await browser.open("foreign")).status == 404
        assert (await browser.open("mine")).status == 200, "owners need no API server"

    async def test_the_public_sessions_cookie_opens_no_environment(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        public = browser.cookies(server.origin)["dw-session"]
        own = browser.cookies(server.environment_origin())["dw-env"]
        async with server.browser() as other:
            url = server.environment_origin() + "/"
            for cookie in (f"dw-env={public}", f"dw-session={public}", f"dw-session={own}"):
                assert (await other.get(url, headers={"Cookie": cookie})).status == 401
            assert (await other.get(url, headers={"Cookie": f"dw-env={own}"})).status == 200, "positive control"
            for cookie in (f"dw-session={own}", f"dw-env={own}", f"dw-env={public}"):
                answer = await other.get(server.origin + "/api/v1/environments", headers={"Cookie": cookie})
                assert answer.status == 401

    async def test_one_environments_cookie_opens_no_other(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="one")
        server.add(pod.port, name="two")
        await browser.enter("one")
        token = browser.cookies(server.environment_origin("one"))["dw-env"]
        headers = {"Cookie": f"dw-env={token}"}
        async with server.browser() as other:
            assert (await other.get(server.environment_origin("two") + "/", headers=headers)).status == 401
            assert (await other.get(server.environment_origin("one") + "/", headers=headers)).status == 200

    async def test_a_recreated_environment_is_another_one(self, server: Harness, browser: Browser, pod: Pod) -> None:
        old = server.add(pod.port)
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200
        server.table.on_instance(old, None)
        assert (await browser.get(server.environment_origin() + "/")).status == 401
        server.add(pod.port, uid="second-life")
        assert (await browser.get(server.environment_origin() + "/")).status == 401

    async def test_two_different_session_cookies_are_as_good_as_none(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        own = browser.cookies(server.environment_origin())["dw-env"]
        async with server.browser() as other:
            url = server.environment_origin() + "/"
            assert (await other.get(url, headers={"Cookie": f"dw-env=tossed; dw-env={own}"})).status == 401
            assert (await other.get(url, headers={"Cookie": f"a=b; dw-env={own}"})).status == 200, "positive control"


class TestOrigin:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "{public}"},
            {"Origin": "{sibling}"},
            {"Origin": "{own}.evil.example"},
            {"Origin": "https://{host}"},
            {"Origin": "http://demo--team.localhost"},
            {"Origin": "{own}", "Sec-Fetch-Site": "same-site"},
            {"Origin": "{own}", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "none"},
            {},
        ],
    )
    async def test_unsafe_requests_of_other_pages_are_refused(
        self, server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        own, before = server.environment_origin(), len(pod.seen)
        values = {
            "own": own,
            "host": server.environment_host(),
            "public": server.origin,
            "sibling": server.environment_origin("other"),
        }
        sent = {name: value.format(**values) for name, value in headers.items()}
        response = await browser.post(own + "/mint-key", data=b"x", headers=sent)
        assert response.status == 403
        assert len(pod.seen) == before

    @pytest.mark.parametrize(
        "headers",
        [{"Origin": "{own}"}, {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "same-origin"}],
    )
    async def test_those_of_the_editors_own_page_pass(
        self, server: Harness, browser: Browser, pod: Pod, headers: dict[str, str]
    ) -> None:
        server.add(pod.port)
        await browser.enter()
        own = server.environment_origin()
        sent = {name: value.format(own=own) for name, value in headers.items()}
        assert (await browser.post(own + "/mint-key", data=b"x", headers=sent)).status == 200


class TestPhases:
    @pytest.mark.parametrize(
        ("phase", "word"),
        [("Pending", "Waiting"), ("Provisioning", "Starting"), ("Stopping", "Stopping"), (None, "Waiting")],
    )
    async def test_on_the_way_there_is_a_page_that_reloads(
        self, server: Harness, browser: Browser, pod: Pod, phase: str | None, word: str
    ) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        before = len(pod.seen)
        server.table.on_instance(instance, make_instance(phase=phase, message="Pulling <the> image."))  # type: ignore[arg-type]
        page = await browser.navigate(server.environment_origin() + "/?folder=/x")
        assert page.status == 503
        body = page.text
        assert word in body
        assert "Pulling &lt;the&gt; image." in body
        assert '<meta http-equiv="refresh" content="1">' in body
        answer = await browser.get(server.environment_origin() + "/x")
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "2"
        assert len(pod.seen) == before

    async def test_stopped_says_how_to_start(self, server: Harness, browser: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        server.table.on_instance(instance, make_instance(phase="Stopped"))
        page = await browser.navigate(server.environment_origin() + "/")
        assert page.status == 503
        line = """kubectl -n team patch workspaceinstances demo --type merge -p '{"spec":{"running":true}}'"""
        assert html.escape(line) in page.text
        assert (await browser.get(server.environment_origin() + "/")).status == 503

    async def test_failed_says_why_in_the_readers_language(self, server: Harness, browser: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        message = "It used all 2Gi and was killed."
        server.table.on_instance(instance, make_instance(phase="Failed", reason="OutOfMemory", message=message))
        english = (await browser.navigate(server.environment_origin() + "/")).text
        assert "Out of memory" in english
        assert message in english
        headers = {**NAVIGATION, "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
        chinese = (await browser.navigate(server.environment_origin() + "/", headers=headers)).text
        assert "内存不足" in chinese
        assert '<html lang="zh-CN">' in chinese

    async def test_running_without_a_pod_waits(self, server: Harness, browser: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        await browser.enter()
        server.table.on_pod(make_pod(instance, pod.port), None)
        page = await browser.navigate(server.environment_origin() + "/")
        assert page.status == 503
        assert "Not answering" in page.text


class TestCodes:
    async def _callback(self, server: Harness, browser: Browser, name: str = "demo") -> str:
        """Walks up to the address that holds a code, without using it."""
        step = await browser.navigate(server.environment_origin(name) + "/here")
        step = await browser.navigate(step.headers["Location"])
        assert step.status == 302
        return step.headers["Location"]

    async def test_a_code_works_once(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        callback = await self._callback(server, browser)
        nonce = browser.cookies(server.environment_origin())["dw-nonce"]
        first = await browser.navigate(callback)
        assert first.status == 302
        assert first.headers["Location"] == "/here"
        async with server.browser() as again:
            second = await again.navigate(callback, headers={**NAVIGATION, "Cookie": f"dw-nonce={nonce}"})
        assert second.status == 400
        assert "Set-Cookie" not in second.headers

    async def test_a_stolen_code_is_worthless_in_another_browser(
        self, server: Harness, browser: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        await browser.sign_in()
        callback = await self._callback(server, browser)
        async with server.browser() as thief:
            assert (await thief.navigate(callback)).status == 400
            await thief.navigate(server.environment_origin() + "/")
            assert (await thief.navigate(callback)).status == 400, "with a nonce of its own, too"
        assert (await browser.navigate(callback)).status == 302, "positive control"

    async def test_a_code_opens_only_its_environment(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port, name="one")
        server.add(pod.port, name="two")
        await browser.sign_in()
        callback = await self._callback(server, browser, "one")
        await browser.navigate(server.environment_origin("two") + "/")
        wrong = callback.replace("one--team", "two--team")
        assert (await browser.navigate(wrong)).status == 400
        assert (await browser.navigate(callback)).status == 302, "positive control"

    async def test_a_code_ages(self, tmp_path: Path, pod: Pod) -> None:
        from tests.server.support import Clock

        clock = Clock()
        async with running_server(tmp_path, clock=clock) as server, server.browser() as browser:
            server.add(pod.port)
            await browser.sign_in()
            late, punctual = await self._callback(server, browser), await self._callback(server, browser)
            clock.now += 29
            assert (await browser.navigate(punctual)).status == 302, "positive control"
            clock.now += 2
            await browser.navigate(server.environment_origin() + "/")
            assert (await browser.navigate(late)).status == 400

    async def test_a_code_dies_with_the_session(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.sign_in()
        callback = await self._callback(server, browser)
        await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
        assert (await browser.navigate(callback)).status == 400

    @pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example/", "/%5cevil.example"])
    async def test_the_way_back_never_leaves_the_host(
        self, server: Harness, browser: Browser, pod: Pod, path: str
    ) -> None:
        server.add(pod.port)
        await browser.sign_in()
        step = await browser.navigate(server.environment_origin() + "/")
        nonce = step.headers["Location"].partition("nonce=")[2].partition("&")[0]
        step = await browser.navigate(
            f"{server.origin}/-/authorize", params={"env": "demo--team", "nonce": nonce, "next": path}
        )
        step = await browser.navigate(step.headers["Location"])
        assert step.status == 302
        assert step.headers["Location"] == "/"

    async def test_sign_out_ends_the_environments_session(self, server: Harness, browser: Browser, pod: Pod) -> None:
        server.add(pod.port)
        await browser.enter()
        assert (await browser.get(server.environment_origin() + "/")).status == 200
        await browser.post(server.origin + "/signout", headers={"Origin": server.origin})
        assert (await browser.get(server.environment_origin() + "/")).status == 401


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
        async with asyncio.timeout(5):
            await gone.wait()
