"""The client against the fake API server over real HTTP: verbs, retries, credentials."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.kube import errors
from devworkspace.kube.client import Client, OnlyMetadata
from devworkspace.kube.config import Endpoint
from devworkspace.kube.credentials import StaticHeader, TokenFile
from devworkspace.kube.resource import NAMESPACES, PODS, SECRETS
from devworkspace.kube.transport import RetryPolicy
from tests.kube.kinds import Thing, key, thing
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import client_of


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[FakeApiServer, Client]]:
    async with FakeApiServer() as server, client_of(server, **options) as client:
        yield server, client


def log_of(server: FakeApiServer) -> list[tuple[str, int]]:
    return [(request.verb, request.status) for request in server.requests]


async def test_a_life_from_create_to_delete() -> None:
    async with opened() as (server, client):
        created = await client.create(PODS, thing("a", nodeName="n1"), Thing)
        assert (created.metadata.key, created.spec.node_name, created.metadata.generation) == (key("a"), "n1", 1)
        assert await client.get(PODS, key("a"), Thing) == created
        patched = await client.merge_patch(PODS, key("a"), {"spec": {"nodeName": None}}, Thing)
        assert (patched.spec.node_name, patched.metadata.generation) == (None, 2)
        await client.merge_patch(PODS, key("a"), {"status": {"phase": "Running"}}, Thing, subresource="status")
        assert (await client.get(PODS, key("a"), Thing)).status.phase == "Running"
        await client.delete(PODS, key("a"), uid=created.metadata.uid)
        with pytest.raises(errors.NotFound, match='pods "a" not found'):
            await client.get(PODS, key("a"), Thing)
        assert server.objects(PODS) == []


async def test_create_refuses_a_taken_name() -> None:
    async with opened() as (_, client):
        await client.create(NAMESPACES, {"metadata": {"name": "team"}}, OnlyMetadata)
        with pytest.raises(errors.AlreadyExists):
            await client.create(NAMESPACES, {"metadata": {"name": "team"}}, OnlyMetadata)


async def test_apply_creates_then_changes_only_its_fields() -> None:
    async with opened(field_manager="operator") as (server, client):
        first = await client.apply(PODS, thing("a", labels={"mine": "1", "old": "1"}), Thing)
        server.patch(PODS, key("a"), {"metadata": {"labels": {"theirs": "1"}}})
        second = await client.apply(PODS, thing("a", labels={"mine": "2"}), Thing)
        assert second.metadata.labels == {"mine": "2", "theirs": "1"}
        assert second.metadata.uid == first.metadata.uid
        repeated = await client.apply(PODS, thing("a", labels={"mine": "2"}), Thing)
        assert repeated.metadata.resource_version == second.metadata.resource_version
        owned = server.store.objects[PODS][key("a")].managers["operator"]
        assert owned == {("metadata", "labels", "mine"), ("spec",)}


async def test_apply_without_force_reports_the_conflict() -> None:
    async with FakeApiServer() as server, client_of(server) as ours, client_of(server, field_manager="other") as theirs:
        await ours.apply(PODS, thing("a", nodeName="n1"), Thing)
        with pytest.raises(errors.Conflict, match=r"spec\.nodeName"):
            await theirs.apply(PODS, thing("a", nodeName="n2"), Thing, force=False)
        assert (await theirs.apply(PODS, thing("a", nodeName="n2"), Thing)).spec.node_name == "n2"


async def test_apply_status_touches_nothing_else_and_never_creates() -> None:
    async with opened() as (server, client):
        body = thing("a", nodeName="n2") | {"status": {"phase": "Running"}}
        with pytest.raises(errors.NotFound):
            await client.apply_status(PODS, body, Thing)
        server.put(PODS, thing("a", nodeName="n1"))
        result = await client.apply_status(PODS, body, Thing)
        assert (result.spec.node_name, result.status.phase, result.metadata.generation) == ("n1", "Running", 1)


async def test_a_dry_run_changes_nothing() -> None:
    async with opened() as (server, client):
        assert (await client.create(PODS, thing("a"), Thing, dry_run=True)).metadata.uid
        assert (await client.apply(PODS, thing("a"), Thing, dry_run=True)).metadata.uid
        assert server.objects(PODS) == []


async def test_delete_spares_a_successor_of_the_same_name() -> None:
    async with opened() as (server, client):
        old = server.put(PODS, thing("a"))["metadata"]["uid"]
        server.remove(PODS, key("a"))
        server.put(PODS, thing("a"))
        with pytest.raises(errors.Conflict):
            await client.delete(PODS, key("a"), uid=old)
        assert len(server.objects(PODS)) == 1


async def test_delete_without_uid_is_a_bug_of_the_caller() -> None:
    async with opened() as (server, client):
        with pytest.raises(ValueError, match="needs the uid"):
            await client.delete(PODS, key("a"), uid="")
        assert server.requests == []


async def test_a_patch_with_a_version_is_an_optimistic_lock() -> None:
    async with opened() as (server, client):
        old = server.put(PODS, thing("a"))["metadata"]["resourceVersion"]
        server.patch(PODS, key("a"), {"spec": {"x": 1}})
        with pytest.raises(errors.Conflict):
            await client.merge_patch(PODS, key("a"), {"metadata": {"resourceVersion": old}, "spec": {"x": 2}}, Thing)


async def test_replace_happens_on_the_version_that_was_read_and_no_other() -> None:
    async with opened() as (server, client):
        server.put(PODS, thing("a", nodeName="n1"))
        read = await client.get(PODS, key("a"), dict)
        replaced = await client.replace(PODS, {**read, "spec": {"nodeName": "n2"}}, Thing)
        assert (replaced.spec.node_name, replaced.metadata.uid) == ("n2", read["metadata"]["uid"])
        with pytest.raises(errors.Conflict, match="the resource version does not match"):
            await client.replace(PODS, {**read, "spec": {"nodeName": "n3"}}, Thing)
        with pytest.raises(ValueError, match="needs the resourceVersion"):
            await client.replace(PODS, thing("a"), Thing)


async def test_a_lost_reply_to_replace_is_not_repeated_by_anybody() -> None:
    async with opened() as (server, client):
        read = server.put(PODS, thing("a"))
        await client.get(PODS, key("a"), Thing)
        server.faults.append(Fault(verb="update", drop="after"))
        with pytest.raises(errors.Unreachable):
            await client.replace(PODS, {**read, "spec": {"nodeName": "n2"}}, Thing)
        assert log_of(server) == [("get", 200), ("update", 0)]


async def test_a_hostile_name_is_refused_before_any_request() -> None:
    async with opened() as (server, client):
        with pytest.raises(errors.InvalidName):
            await client.get(PODS, Key("team", "../../kube-system/pods/x"), Thing)
        assert server.requests == []


async def test_a_list_is_paged_and_selected() -> None:
    async with opened() as (server, client):
        for number in range(7):
            server.put(PODS, thing(f"p{number}", labels={"odd": str(number % 2)}))
        server.put(PODS, thing("elsewhere", namespace="other"))
        everything = await client.list(PODS, Thing, limit=3)
        assert len(everything.items) == 8
        assert everything.resource_version == str(server.store.version)
        assert log_of(server) == [("list", 200)] * 3
        odd = await client.list(PODS, Thing, namespace="team", label_selector="odd=1")
        assert [item.metadata.name for item in odd.items] == ["p1", "p3", "p5"]
        one = await client.list(PODS, Thing, field_selector="metadata.name=p2")
        assert [item.metadata.name for item in one.items] == ["p2"]


async def test_an_expired_continue_token_restarts_the_list() -> None:
    async with opened() as (server, client):
        for number in range(5):
            server.put(PODS, thing(f"p{number}"))
        server.faults.append(Fault(verb="list", times=1, status=None))  # the first page passes
        server.faults.append(Fault(verb="list", times=1, status=410, reason="Expired"))
        result = await client.list(PODS, Thing, limit=2)
        assert [item.metadata.name for item in result.items] == [f"p{number}" for number in range(5)]
        assert log_of(server) == [("list", 200), ("list", 410)] + [("list", 200)] * 3


async def test_a_list_that_always_expires_gives_up() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(verb="list", times=None, status=410, reason="Expired"))
        with pytest.raises(errors.Gone):
            await client.list(PODS, Thing)
        assert log_of(server) == [("list", 410)] * 4


async def test_one_misshapen_object_does_not_hide_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with opened() as (server, client):
        server.put(PODS, thing("bad", nodeName=5))
        server.put(PODS, thing("good"))
        result = await client.list(PODS, Thing)
        assert [item.metadata.name for item in result.items] == ["good"]
        assert [metadata.name for metadata in result.unreadable] == ["bad"]
        assert "team/bad does not fit Thing" in caplog.text
        with pytest.raises(errors.DecodeError, match=r"pods/bad: the answer does not fit Thing"):
            await client.get(PODS, key("bad"), Thing)


async def test_metadata_only_keeps_the_content_of_secrets_on_the_server() -> None:
    class Secret(OnlyMetadata, frozen=True):
        data: dict[str, str] = {}

    async with opened() as (server, client):
        server.put(SECRETS, {"metadata": {"name": "s", "namespace": "team"}, "data": {"password": "c2VjcmV0"}})
        open_list = await client.list(SECRETS, Secret)
        assert open_list.items[0].data == {"password": "c2VjcmV0"}
        closed_list = await client.list(SECRETS, Secret, metadata_only=True)
        assert (closed_list.items[0].metadata.name, closed_list.items[0].data) == ("s", {})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_passing_trouble_is_retried(status: int) -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(times=2, status=status))
        assert (await client.apply(PODS, thing("a"), Thing)).metadata.name == "a"
        assert log_of(server) == [("apply", status), ("apply", status), ("apply", 200)]


async def test_retries_are_bounded() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(times=None, status=503))
        with pytest.raises(errors.ServerError):
            await client.get(PODS, key("a"), Thing)
        assert len(server.requests) == 4


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refusal_is_not_retried(status: int) -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(times=None, status=status))
        with pytest.raises(errors.ApiError) as caught:
            await client.apply(PODS, thing("a"), Thing)
        assert caught.value.status == status
        assert len(server.requests) == 1


async def test_retry_after_is_honoured() -> None:
    waits: list[float] = []
    policy = RetryPolicy(base_delay=0.001, jitter=lambda: 1.0)

    class Recording(RetryPolicy):
        def delay(self, attempt: int, error: Exception) -> float | None:
            waits.append(policy.delay(attempt, error) or -1.0)
            return 0.0

    async with opened(retry=Recording()) as (server, client):
        server.faults.append(Fault(status=429, retry_after="3"))
        server.faults.append(Fault(status=429))
        server.put(PODS, thing("a"))
        await client.get(PODS, key("a"), Thing)
        assert waits == [3.0, 0.002]


async def test_a_long_retry_after_is_left_to_the_caller() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(status=429, retry_after="600"))
        with pytest.raises(errors.TooManyRequests) as caught:
            await client.get(PODS, key("a"), Thing)
        assert caught.value.retry_after == 600.0
        assert len(server.requests) == 1


async def test_a_lost_reply_to_apply_is_repeated_and_leaves_one_object() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(verb="apply", drop="after"))
        result = await client.apply(PODS, thing("a"), Thing)
        assert log_of(server) == [("apply", 0), ("apply", 200)]
        stored = server.objects(PODS)
        assert [obj["metadata"]["uid"] for obj in stored] == [result.metadata.uid]
        assert result.metadata.generation == 1


async def test_a_lost_reply_to_create_is_not_repeated() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(verb="create", drop="after"))
        with pytest.raises(errors.Unreachable):
            await client.create(PODS, thing("a"), Thing)
        assert (log_of(server), len(server.objects(PODS))) == ([("create", 0)], 1)


async def test_a_create_that_was_turned_away_is_repeated() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(verb="create", status=429))
        await client.create(PODS, thing("a"), Thing)
        assert log_of(server) == [("create", 429), ("create", 201)]


async def test_a_create_that_failed_inside_the_server_is_not_repeated() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(verb="create", status=500))
        with pytest.raises(errors.ServerError):
            await client.create(PODS, thing("a"), Thing)
        assert log_of(server) == [("create", 500)]


async def test_a_connection_that_died_in_the_pool_does_not_fail_a_write() -> None:
    async with opened() as (server, client):
        await client.apply(PODS, thing("a"), Thing)
        await server.stop()
        async with FakeApiServer(port=int(server.url.rpartition(":")[2])) as successor:
            await client.apply(PODS, thing("a"), Thing)
            assert len(successor.objects(PODS)) == 1


async def test_a_server_that_hangs_is_given_up_after_the_timeout() -> None:
    async with opened(timeout=0.05, retry=RetryPolicy(attempts=1)) as (server, client):
        server.faults.append(Fault(hang=True))
        with pytest.raises(errors.Unreachable, match="no answer in time"):
            await client.get(PODS, key("a"), Thing)


async def test_nobody_listening() -> None:
    async with FakeApiServer() as server:
        endpoint = server.endpoint
    async with Client(endpoint, field_manager="test", retry=RetryPolicy(attempts=2, base_delay=0.001)) as client:
        with pytest.raises(errors.Unreachable, match=r"GET /api/v1/namespaces/team/pods/a: .*"):
            await client.get(PODS, key("a"), Thing)


async def test_a_rotated_token_is_picked_up_after_401(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    async with FakeApiServer(tokens={"old"}) as server:
        server.put(PODS, thing("a"))
        endpoint = Endpoint(server=server.url, credential=TokenFile(file))
        async with Client(endpoint, field_manager="test") as client:
            await client.get(PODS, key("a"), Thing)
            server.tokens = {"new"}
            file.write_text("new")
            await client.get(PODS, key("a"), Thing)
            await client.create(PODS, thing("b"), Thing)
            server.tokens = {"newest"}
            file.write_text("newest")
            watching = client.watch(PODS, Thing, resource_version="0")
            assert (await anext(watching)).metadata.name == "a"
            await watching.aclose()


async def test_a_refused_token_is_tried_twice_and_not_shown() -> None:
    calls: list[tuple[str, str, int]] = []
    async with FakeApiServer(tokens={"right"}) as server:
        endpoint = Endpoint(server=server.url, credential=StaticHeader("Bearer wrong-token"))

        def hook(verb: str, resource: str, status: int, seconds: float) -> None:
            calls.append((verb, resource, status))

        async with Client(endpoint, field_manager="test", on_request=hook) as client:
            with pytest.raises(errors.Unauthorized) as caught:
                await client.get(PODS, key("a"), Thing)
            with pytest.raises(errors.Unauthorized):
                await anext(client.watch(PODS, Thing, resource_version="0"))
    assert calls == [("get", "pods", 401)] * 2 + [("watch", "pods", 401)] * 2
    assert "wrong-token" not in repr(caught.value)


async def test_the_hook_sees_every_exchange() -> None:
    calls: list[tuple[str, str, int]] = []

    def hook(verb: str, resource: str, status: int, seconds: float) -> None:
        assert 0 <= seconds < 5
        calls.append((verb, resource, status))

    async with opened(on_request=hook) as (server, client):
        server.faults.append(Fault(drop="before"))
        await client.apply(PODS, thing("a"), Thing)
        await client.apply_status(PODS, thing("a") | {"status": {}}, Thing)
        with pytest.raises(errors.NotFound):
            await client.get(PODS, key("b"), Thing)
    assert calls == [("apply", "pods", 0), ("apply", "pods", 200), ("apply", "pods/status", 200), ("get", "pods", 404)]


async def test_a_redirect_is_not_followed_with_the_credential() -> None:
    async with opened() as (server, client):
        server.faults.append(Fault(status=302, location=f"{server.url}/version"))
        with pytest.raises(errors.ApiError) as caught:
            await client.get(PODS, key("a"), Thing)
        assert (caught.value.status, len(server.requests)) == (302, 1)


async def test_writes_share_the_limit_of_connections_with_no_watch() -> None:
    async with opened(limit=1) as (server, client):
        server.put(PODS, thing("a"))
        watches = [client.watch(PODS, Thing, resource_version="0") for _ in range(3)]
        for watch in watches:
            assert (await anext(watch)).metadata.name == "a"
        async with asyncio.timeout(30):
            await asyncio.gather(*(client.get(PODS, key("a"), Thing) for _ in range(5)))
        for watch in watches:
            await watch.aclose()


async def test_raw_sends_what_has_no_verb_of_its_own() -> None:
    async with opened() as (_, client):
        assert b"v1.36.0-fake" in await client.raw("GET", "/version", resource="version", idempotent=True)


async def test_a_closed_client_says_how_it_is_used() -> None:
    client = Client(Endpoint(server="http://127.0.0.1:1"), field_manager="test")
    with pytest.raises(RuntimeError, match="async with"):
        await client.get(PODS, key("a"), Thing)


async def test_a_proxy_gets_the_request() -> None:
    received: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readline())
        body = b'{"metadata": {"name": "a"}}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        endpoint = Endpoint(server="http://api.example", proxy=f"http://127.0.0.1:{port}")
        async with Client(endpoint, field_manager="test") as client:
            result = await client.get(PODS, key("a"), OnlyMetadata)
    assert result == OnlyMetadata(ObjectMeta(name="a"))
    assert received == [b"GET http://api.example/api/v1/namespaces/team/pods/a HTTP/1.1\r\n"]
