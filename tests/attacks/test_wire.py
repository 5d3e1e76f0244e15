"""Bytes at the deployed server: what is read differently by two parsers, forged heads, cross-site requests."""

import asyncio
from collections.abc import Callable

import pytest

from tests.attacks.scene import Scene, Wire
from tests.attacks.stage import WITNESS_PORT
from tests.attacks.witness import HANDSHAKE, Witness, status_of
from tests.server.test_parsing import CASES, GOOD, POST

pytestmark = pytest.mark.cluster


# Smuggling.


def fill(request: bytes, witness: Witness, path: str) -> bytes:
    name, _, token = witness.key.partition("=")
    filled = request.replace(b"@HOST@", witness.host.encode()).replace(b"dw-env=TOKEN", f"{name}={token}".encode())
    return filled.replace(b" /x", f" {path}".encode())


@pytest.mark.parametrize("good", [GOOD, POST], ids=["get", "post"])
async def test_the_unchanged_request_arrives(witness: Witness, wire: Wire, good: bytes) -> None:
    path = f"/unchanged-{len(good)}"
    assert (await wire.ask(fill(good, witness, path))).startswith(b"HTTP/1.1 200 ")
    assert path in witness.paths()


async def test_no_ambiguous_request_arrives_nor_what_hides_behind_it(witness: Witness, wire: Wire) -> None:
    """CL.TE, TE.CL, doubled and odd lengths, bad chunks, line feeds, doubled Host, absolute form and their kin."""
    chunked = POST.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")
    broken = {
        f"chunks {number}": chunked.replace(b"\r\n\r\nhello", b"\r\n\r\n" + chunks)
        for number, chunks in enumerate([b"zz\r\nhello\r\n", b"-5\r\nhello\r\n", b"5\nhello\n0\n\n"])
    }
    wrong = {}

    async def attempt(name: str, request: bytes) -> None:
        answer = await wire.ask(fill(request, witness, "/smuggled") + fill(GOOD, witness, "/behind"), seconds=3)
        heads = answer.count(b"HTTP/1.1 ") + answer.count(b"HTTP/1.0 ")
        if status_of(answer) not in ("400", "405", "417", "closed") or heads > 1:
            wrong[name] = answer[:80]

    await asyncio.gather(*(attempt(name, request) for name, request in {**CASES, **broken}.items()))
    assert wrong == {}
    paths = witness.paths()
    assert "/behind" not in paths
    # A chunk that breaks later is found later: the request itself may have begun, what follows it never does.
    assert paths.count("/smuggled") <= len(broken)


# Which environment a request is for.


@pytest.mark.parametrize(
    "make",
    [
        lambda host: f"{host}.evil.example",
        lambda host: f"evil.{host}",
        lambda host: f"x{host}",
        lambda host: host.replace("--bobs", "--bob"),
        lambda host: f"{host}@evil.example",
        lambda host: f"evil.example#{host}",
        lambda host: host.partition(":")[0] + ":1",
        lambda host: f"{host}.",
        lambda host: host.replace("--", "---"),
        lambda host: host.replace(f"{WITNESS_PORT}--", f"0{WITNESS_PORT}--"),
        lambda host: host.replace(f"{WITNESS_PORT}--", f"{WITNESS_PORT + 65536}--"),
        lambda host: host.replace(f"{WITNESS_PORT}--", f"{WITNESS_PORT}@"),
    ],
)
async def test_a_host_that_is_only_like_it_is_another(witness: Witness, wire: Wire, make: Callable[[str], str]) -> None:
    sent = witness.request("/by-host").replace(witness.host.encode(), make(witness.host).encode())
    assert status_of(await wire.ask(sent)) in ("400", "401", "421")


async def test_no_such_host_arrived(witness: Witness, wire: Wire) -> None:
    assert status_of(await wire.ask(witness.request("/by-own-host"))) == "200", "positive control"
    paths = witness.paths()
    assert "/by-own-host" in paths
    assert "/by-host" not in paths


PATHS = ["/a/../b", "/a/%2e%2e/b", "/a/..%2fb", "/a/%2F/b", "/a;x=1/b", "/%C3%A9", "/a%00b", "/?next=/../x"]


async def test_paths_arrive_as_they_were_sent(witness: Witness, wire: Wire) -> None:
    """Nothing is decoded or joined on the way, so that nobody behind can be meant who was not decided about."""
    for path in PATHS:
        assert status_of(await wire.ask(witness.request(path))) == "200", path
    assert set(PATHS) <= set(witness.paths())


@pytest.mark.parametrize(
    "path",
    ["/x/../-/state", "/%2d/state", "/%252d/state", "/.//-/state", "/x/%2e%2e/-/state", "/-/../x", "/-/%73tate",
     "/-//state"],
)  # fmt: skip
async def test_paths_that_would_become_ours_arrive_nowhere(witness: Witness, wire: Wire, path: str) -> None:
    assert status_of(await wire.ask(witness.request(path))) == "400"


# Forged heads.

FORGED = [
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: gopher",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-Uri: /-/healthz",
    "X-Forwarded-User: root",
    "X_Forwarded_User: root",
    "X.Forwarded.User: root",
    "X-Original-URL: /-/healthz",
    "X-Original-URI: /-/healthz",
    "X-Rewrite-URL: /-/healthz",
    "X-Remote-User: root",
    "X-Remote-Group: system:masters",
    "x_remote_user: root",
    "X-Auth-Request-Email: root@example.com",
    "X-Envoy-Original-Dst-Host: 169.254.169.254:80",
    "X-Real-IP: 127.0.0.1",
    "True-Client-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1;host=evil.example",
    "Via: 1.1 evil",
    "Authorization: Bearer stolen",
    "Proxy-Authorization: Basic c3RvbGVu",
]


async def test_no_forged_identity_or_route_reaches_a_pod(witness: Witness, wire: Wire) -> None:
    assert status_of(await wire.ask(witness.request("/forged", *FORGED, "X-Ordinary: kept"))) == "200"
    head = witness.head("/forged")
    assert head.pop("x-ordinary") == "kept", "positive control"
    assert head.pop("x-forwarded-host") == head["host"] == witness.host
    assert head.pop("x-forwarded-proto") == "http"
    names = {field.partition(":")[0].lower().replace("_", "-").replace(".", "-") for field in FORGED}
    assert {name for name in head if name.replace("_", "-").replace(".", "-") in names} == set()
    assert "dw-" not in head.get("cookie", "")


@pytest.mark.parametrize("named", ["X-Forwarded-Host", "X-Forwarded-Proto, X-Forwarded-Host", "Host", "Cookie"])
async def test_a_client_cannot_take_away_what_we_set(witness: Witness, wire: Wire, named: str) -> None:
    """Traefik CVE-2024-45410: `Connection` names fields of the proxy's own, which then do not arrive."""
    path = f"/named-{named.replace(', ', '-')}"
    await wire.ask(witness.request(path, f"Connection: close, {named}"))
    head = witness.head(path)
    assert head["host"] == head["x-forwarded-host"] == witness.host
    assert head["x-forwarded-proto"] == "http"


@pytest.mark.parametrize(
    "field",
    [*FORGED, "User-Agent: kube-probe/1.36", "User-Agent: GoogleHC/1.0", "X-Forwarded-Uri: /-/static/style.css"],
)
async def test_no_field_stands_in_for_a_session(witness: Witness, wire: Wire, field: str) -> None:
    assert status_of(await wire.ask(witness.request("/unsigned", field, key="x=y"))) == "401"


CRAFTED = [
    "/proxy/{port}@evil.example/crafted",
    "/proxy/{port}@127.0.0.1:{port}/crafted",
    "/proxy/x@127.0.0.1:{port}/crafted",
    "/proxy/127.0.0.1:{port}/crafted",
    "/proxy/{port}%40evil.example/crafted",
    "/proxy/evil.example/crafted",
    "/absproxy/{port}@127.0.0.1:{port}/crafted",
    "/absproxy/evil.example/crafted",
]


@pytest.mark.parametrize("path", CRAFTED)
async def test_a_crafted_address_of_a_port_leads_nowhere_else(witness: Witness, wire: Wire, path: str) -> None:
    """code-server CVE-2025-47269: what stands for a port in the editor's own proxy is part of an address."""
    editor = witness.room.host
    answer = await wire.ask(witness.request(path.format(port=WITNESS_PORT), host=editor))
    assert status_of(answer) == "404", answer[:300]
    plain = await wire.ask(witness.request(f"/proxy/{WITNESS_PORT}/x", host=editor))
    assert f"\r\nLocation: http://{witness.host}/x\r\n".encode() in plain, "positive control"
    assert [seen for seen in witness.paths() if "crafted" in seen] == []


async def test_a_redirect_of_a_pod_is_not_followed(witness: Witness, wire: Wire) -> None:
    answer = await wire.ask(witness.request("/redirect"))
    assert status_of(answer) == "302"
    assert b"Location: http://169.254.169.254/\r\n" in answer


# Cross-site requests, as no browser would be needed for.


def origins(witness: Witness) -> dict[str, tuple[str, ...]]:
    own = f"http://{witness.host}"
    return {
        "foreign": ("Origin: http://evil.example",),
        "public host": (f"Origin: http://{witness.host.partition('.')[2]}",),
        "sibling": (f"Origin: {own.replace('--bobs', '--other')}",),
        "other port of it": (f"Origin: {own.replace(str(WITNESS_PORT), '3000')}",),
        "editor of it": (f"Origin: {own.replace(f'{WITNESS_PORT}--', '')}",),
        "null": ("Origin: null",),
        "suffix": (f"Origin: http://evil-{witness.host}",),
        "prefix": (f"Origin: {own}.evil.example",),
        "other tcp port": (f"Origin: {own.rpartition(':')[0]}:1",),
        "other scheme": (f"Origin: {own.replace('http:', 'https:')}",),
        "two of them": (f"Origin: {own}", "Origin: http://evil.example"),
        "none": (),
        "own, but the browser says otherwise": (f"Origin: {own}", "Sec-Fetch-Site: same-site"),
        "no-cors": ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Content-Type: text/plain"),
    }


async def test_sockets_and_writes_need_the_own_origin(witness: Witness, wire: Wire) -> None:
    own = f"Origin: http://{witness.host}"
    opened = await wire.answer(witness.request("/own-socket", *HANDSHAKE, own))
    posted = await wire.answer(witness.request("/own-post", own, "Content-Length: 0", method="POST"))
    assert (status_of(opened), status_of(posted)) == ("101", "200"), "positive control"
    for name, fields in origins(witness).items():
        socket = await wire.answer(witness.request("/foreign", *HANDSHAKE, *fields))
        write = await wire.answer(witness.request("/foreign", *fields, "Content-Length: 0", method="POST"))
        assert status_of(socket) in ("400", "403"), name
        assert status_of(write) in ("400", "403"), name
    paths = witness.paths()
    assert {"/own-socket", "/own-post"} <= set(paths)
    assert "/foreign" not in paths, "nothing is dialled before the decision"


async def test_the_api_takes_no_write_that_a_page_elsewhere_can_send(scene: Scene, wire: Wire) -> None:
    good = (f"Origin: {scene.origin}", "X-DevWorkspace-CSRF: 1", 'If-Match: "0"')
    cookie = scene.signed_in(scene.alice)

    async def stop(*fields: str) -> str:
        path = f"/api/v1/namespaces/{scene.one.namespace}/environments/one/stop"
        head = [f"POST {path} HTTP/1.1", f"Host: {scene.host}", f"Cookie: {cookie}", "Content-Length: 0", *fields]
        return status_of(await wire.ask("\r\n".join([*head, "Connection: close", "", ""]).encode()))

    assert await stop(*good) == "412", "positive control: it gets as far as the version"
    for fields in (
        good[1:],
        (good[0], good[2]),
        ("Origin: null", *good[1:]),
        (f"Origin: {scene.one.origin}", *good[1:]),
        (f"Origin: {scene.origin}.evil.example", *good[1:]),
        (*good, "Sec-Fetch-Site: same-site"),
        (*good, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    ):
        assert await stop(*fields) == "403", fields


@pytest.mark.parametrize(
    "address",
    ["//evil.example", "https:evil.example", "\\\\evil.example", "/\\evil.example", "/%0d%0aX: y",
     "/%5c%5cevil.example", "/%2f/evil.example", "http://evil.example/", "javascript:alert(1)",
     "{origin}@evil.example/", "{origin}.evil.example/"],
)  # fmt: skip
async def test_signing_in_leads_to_our_own_pages_only(scene: Scene, wire: Wire, address: str) -> None:
    async def goes_to(where: str) -> bytes:
        target = f"/signin?next={where.replace('%', '%25')}"
        head = f"GET {target} HTTP/1.1\r\nHost: {scene.host}\r\nCookie: {scene.signed_in(scene.alice)}\r\n"
        answer = await wire.ask((head + "Connection: close\r\n\r\n").encode())
        return answer.partition(b"\r\nLocation: ")[2].partition(b"\r\n")[0] or answer[:20]

    assert await goes_to("/x?y=z") == b"/x?y=z", "positive control"
    found = await goes_to(address.format(origin=scene.origin))
    assert found == b"/" or b" 400 " in found
