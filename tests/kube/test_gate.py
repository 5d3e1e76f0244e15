"""The write gate: asked twice for every attempt to write, never for a read, and a bound for what it lets pass."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from devworkspace.kube.client import Client
from devworkspace.kube.config import Endpoint
from devworkspace.kube.credentials import StaticHeader
from devworkspace.kube.errors import NotLeading, Unreachable
from devworkspace.kube.resource import PODS
from devworkspace.kube.transport import RetryPolicy
from tests.kube.kinds import Thing, key, thing
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import QUICK_RETRY, client_of, eventually


class Gate:
    """Says yes so many times, of which an attempt needs two, each for `seconds`."""

    def __init__(self, yes: int = 0, seconds: float = 60.0) -> None:
        self.yes = yes
        self.seconds = seconds
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        if self.asked > self.yes:
            raise NotLeading("somebody else leads")
        return self.seconds


def stored() -> dict[str, Any]:
    body = thing("a", nodeName="n1")
    return {**body, "metadata": {**body["metadata"], "resourceVersion": "101"}}


WRITES: dict[str, Callable[[Client], Awaitable[object]]] = {
    "create": lambda client: client.create(PODS, thing("b"), Thing),
    "dry run": lambda client: client.create(PODS, thing("b"), Thing, dry_run=True),
    "apply": lambda client: client.apply(PODS, thing("a"), Thing),
    "apply_status": lambda client: client.apply_status(PODS, thing("a") | {"status": {"phase": "x"}}, Thing),
    "merge_patch": lambda client: client.merge_patch(PODS, key("a"), {"spec": {"x": 1}}, Thing),
    "replace": lambda client: client.replace(PODS, stored(), Thing),
    "delete": lambda client: client.delete(PODS, key("a"), uid="1"),
    "raw": lambda client: client.raw("POST", PODS.path("team"), resource="pods", body=thing("b")),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_closed_gate_lets_no_write_out(write: Callable[[Client], Awaitable[object]]) -> None:
    async with FakeApiServer() as server, client_of(server, gate=Gate()) as client:
        server.put(PODS, thing("a"))
        with pytest.raises(NotLeading):
            await write(client)
        assert server.requests == []


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_gate_that_closes_on_the_way_lets_nothing_out(write: Callable[[Client], Awaitable[object]]) -> None:
    gate = Gate(yes=1)
    async with FakeApiServer() as server, client_of(server, gate=gate) as client:
        server.put(PODS, thing("a"))
        with pytest.raises(NotLeading):
            await write(client)
        assert server.requests == []
        gate.yes = 4
        await client.apply(PODS, thing("c"), Thing)
        assert [request.verb for request in server.requests] == ["apply"], "positive control"


async def test_reads_and_watches_do_not_ask() -> None:
    gate = Gate()
    async with FakeApiServer() as server, client_of(server, gate=gate) as client:
        server.put(PODS, thing("a"))
        await client.get(PODS, key("a"), Thing)
        await client.list(PODS, Thing)
        watching = client.watch(PODS, Thing, resource_version="0")
        await anext(watching)
        await watching.aclose()
    assert gate.asked == 0


async def test_an_open_gate_lets_writes_pass() -> None:
    async with FakeApiServer() as server, client_of(server, gate=Gate(yes=4)) as client:
        await client.apply(PODS, thing("a"), Thing)
        await client.create(PODS, thing("b"), Thing)
        assert len(server.objects(PODS)) == 2


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"drop": "before"}, {"drop": "after"}])
async def test_it_is_asked_again_before_each_repeat(fault: dict[str, Any]) -> None:
    gate = Gate(yes=2)
    async with FakeApiServer() as server, client_of(server, gate=gate) as client:
        server.faults.append(Fault(**fault))
        with pytest.raises(NotLeading):
            await client.apply(PODS, thing("a"), Thing)
        assert (len(server.requests), gate.asked) == (1, 3)


async def test_a_delete_on_a_broken_connection_is_not_repeated_behind_its_back() -> None:
    gate = Gate(yes=2)
    async with FakeApiServer() as server, client_of(server, gate=gate) as client:
        uid = server.put(PODS, thing("a"))["metadata"]["uid"]
        await client.get(PODS, key("a"), Thing)
        server.faults.append(Fault(verb="delete", drop="before"))
        with pytest.raises(NotLeading):
            await client.delete(PODS, key("a"), uid=uid)
        assert [request.verb for request in server.requests] == ["get", "delete"]


async def test_it_is_asked_again_after_401() -> None:
    gate = Gate(yes=2)
    async with FakeApiServer(tokens={"right"}) as server:
        endpoint = Endpoint(server=server.url, credential=StaticHeader("Bearer wrong"))
        async with Client(endpoint, field_manager="test", retry=QUICK_RETRY, gate=gate) as client:
            with pytest.raises(NotLeading):
                await client.apply(PODS, thing("a"), Thing)
    assert gate.asked == 3


async def test_a_write_that_hangs_ends_with_the_lease() -> None:
    gate = Gate(yes=2, seconds=0.05)
    async with FakeApiServer() as server, client_of(server, gate=gate, timeout=3600.0) as client:
        server.faults.append(Fault(hang=True))
        with pytest.raises(NotLeading):
            await client.apply(PODS, thing("a"), Thing)


async def test_a_write_that_waits_for_a_connection_is_not_sent_after_the_lease() -> None:
    gate = Gate(yes=4)
    only_once = RetryPolicy(attempts=1)
    async with (
        FakeApiServer() as server,
        client_of(server, gate=gate, timeout=3600.0, limit=1, retry=only_once) as client,
    ):
        server.faults.append(Fault(hang=True))
        first = asyncio.create_task(client.apply(PODS, thing("a"), Thing))
        await eventually(lambda: server.requests)
        gate.seconds = 0.05
        with pytest.raises(Unreachable, match="no answer in time"):
            await client.apply(PODS, thing("b"), Thing)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert [request.key for request in server.requests] == [key("a")]


async def test_a_server_that_hangs_holds_its_caller_for_one_timeout_only() -> None:
    async with FakeApiServer() as server, client_of(server, timeout=0.05) as client:
        server.faults.append(Fault(hang=True, times=None))
        with pytest.raises(Unreachable, match="no answer in time"):
            await client.get(PODS, key("a"), Thing)
        assert len(server.requests) == 1
