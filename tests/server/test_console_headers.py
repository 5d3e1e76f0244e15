"""What comes through ks-apiserver's proxy, with our ReverseProxy, to a server process: nobody is who a header says.

The stand-in does with headers what 4.1.3 was seen to do; each test has a control that shows it doing so.
"""

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from devworkspace.server.config import KubeSphereConfig
from tests.server.process import put_environment, put_record, running_process
from tests.server.support import running_pod
from tests.support.extension import read_reverse_proxy
from tests.support.fake_apiserver import FakeApiServer
from tests.support.kubesphere import HOST, PREFIX, KubeSphereStandIn, running_kubesphere
from tests.support.ports import free_port

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
SPOOFED = {"X-Remote-User": "admin", "X-Remote-Group": "system:masters"}
OF_A_BROWSER = {"Origin": "http://console.example", "Referer": "http://console.example/devworkspace"}
BOTH = pytest.mark.parametrize("head", [{}, UPGRADE], ids=["plain", "upgrade"])


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


async def ask(
    kubesphere: KubeSphereStandIn, path: str, *, token: str = "", headers: dict[str, str] | None = None
) -> Answer:
    """A request of a browser that has the console's cookie."""
    cookie = {"Cookie": f"token={token}; refreshToken=secret; lang=en"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(kubesphere.url + PREFIX + path, headers={**cookie, **OF_A_BROWSER, **(headers or {})}) as answer,
    ):
        return Answer(answer.status, await answer.json(content_type=None))


@pytest.fixture
async def kubesphere(tmp_path: Path) -> AsyncIterator[KubeSphereStandIn]:
    """In front of a server process that knows it; eve has an environment there."""
    port = free_port()
    async with (
        FakeApiServer() as api,
        running_pod() as pod,
        running_kubesphere(upstream=port) as console,
    ):
        put_record(api)
        put_environment(api, "demo", owner="eve", port=pod.port)
        config = KubeSphereConfig(url=console.url, host=HOST)
        async with running_process(tmp_path, api, listen_port=port, kubesphere=config, admin_dir=None) as process:
            await process.ready()
            yield console


async def test_nobody_is_signed_in_by_a_header(kubesphere: KubeSphereStandIn) -> None:
    token = kubesphere.add("eve")
    for head in ({}, UPGRADE):
        spoofed = {**head, **SPOOFED}
        for path in ("/api/v1/me", "/api/v1/environments"):
            assert (await ask(kubesphere, path, headers=spoofed)).status == 401
            assert (await ask(kubesphere, path, token="forged", headers=spoofed)).status == 401
        me = await ask(kubesphere, "/api/v1/me", token=token, headers=spoofed)
        assert (me.status, me.body["name"], me.body["groups"]) == (200, "eve", ["system:authenticated"])
        seen = await ask(kubesphere, "/api/v1/environments", token=token, headers=spoofed)
        assert [item["name"] for item in seen.body["items"]] == ["demo"], "positive control"


async def test_a_pod_of_the_cluster_gets_no_further_by_calling_the_server_itself(
    kubesphere: KubeSphereStandIn,
) -> None:
    address = f"{kubesphere.upstream}/api/v1/me"
    token = kubesphere.add("eve")
    async with aiohttp.ClientSession() as session:
        for head in ({}, UPGRADE):
            sent = {"Host": HOST, **SPOOFED, **head}
            async with session.get(address, headers=sent) as answer:
                assert answer.status == 401
            async with session.get(address, headers={**sent, "Authorization": f"Bearer {token}"}) as answer:
                assert (await answer.json())["name"] == "eve", "positive control"


class Witness:
    """An upstream that notes the heads it gets."""

    def __init__(self) -> None:
        self.heads: list[CIMultiDict[str]] = []

    async def note(self, request: web.BaseRequest) -> web.StreamResponse:
        self.heads.append(CIMultiDict(request.headers))
        return web.Response(text=json.dumps({}), content_type="application/json")


async def head_by(reverse_proxy: dict[str, Any], head: dict[str, str]) -> CIMultiDict[str]:
    """What an upstream gets by this ReverseProxy, of a request that claims to be somebody's."""
    witness = Witness()
    async with (
        running_pod(witness.note) as upstream,
        running_kubesphere(upstream=upstream.port, reverse_proxy=reverse_proxy) as kubesphere,
    ):
        token = kubesphere.add("eve")
        assert (await ask(kubesphere, "/x", token=token, headers={**SPOOFED, **head})).status == 200
        (found,) = witness.heads
        assert found["Authorization"] == f"Bearer {token}"
        assert found["Host"] == HOST
        return found


@BOTH
async def test_the_reverse_proxy_takes_off_what_is_not_ours(head: dict[str, str]) -> None:
    found = await head_by(read_reverse_proxy(), head)
    assert not {"Cookie", "Origin", "Referer"} & set(found)
    if head:
        assert not {"X-Remote-User", "X-Remote-Group"} & set(found)
    else:
        assert (found.getall("X-Remote-User"), found.getall("X-Remote-Group")) == (["eve"], ["system:authenticated"])


@BOTH
async def test_without_its_directives_it_would_come_through(head: dict[str, str]) -> None:
    """The control of the test above, and why the server believes no such header."""
    careless = copy.deepcopy(read_reverse_proxy())
    careless["spec"]["directives"]["headerUp"] = []
    found = await head_by(careless, head)
    assert found["Origin"] == OF_A_BROWSER["Origin"]
    # The console takes these two off by itself, but not from an upgrade.
    assert ("Cookie" in found, "Referer" in found) == (bool(head), bool(head))
    assert found["X-Remote-User"] == ("admin" if head else "eve")
