"""Kopf, as the operator uses it, runs against the fake API server: otherwise operator tests on it prove nothing."""

import asyncio
from typing import Any

import kopf

from devworkspace.api.meta import Key
from tests.support.fake_apiserver import GROUP, INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fixtures import eventually


def instance(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "team"}, "spec": {"templateRef": "python", **spec}}


class _Null(kopf.DiffBaseStorage):
    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


def registry_of(seen: list[tuple[str, str | None, str]], url: str) -> kopf.OperatorRegistry:
    """Return handlers that record (kind, event type, name) and do nothing else."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=url)

    @kopf.on.startup(registry=registry)
    async def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.peering.standalone = True
        settings.scanning.disabled = True
        settings.watching.chunk_size = 2
        settings.watching.reconnect_backoff = 0.01
        settings.queueing.idle_timeout = 0.05
        settings.queueing.exit_timeout = 0.05
        settings.persistence.diffbase_storage = _Null()

    for resource in (INSTANCES, TEMPLATES):

        @kopf.on.event(GROUP, resource.version, resource.plural, registry=registry)
        async def on_event(event: kopf.RawEvent, **_: Any) -> None:
            body = event["object"]
            seen.append((body["kind"], event["type"], body["metadata"]["name"]))

    return registry


async def test_kopf_sees_both_kinds_and_writes_nothing() -> None:
    seen: list[tuple[str, str | None, str]] = []
    async with FakeApiServer() as server:
        for number in range(5):
            server.put(INSTANCES, instance(f"early-{number}"))
        server.put(TEMPLATES, {"metadata": {"name": "python"}, "spec": {"displayName": "Python"}})
        stop, ready = asyncio.Event(), asyncio.Event()
        registry = registry_of(seen, server.url)
        task = asyncio.create_task(kopf.operator(registry=registry, clusterwide=True, stop_flag=stop, ready_flag=ready))
        try:
            await eventually(lambda: len(seen) == 6)
            assert {kind for kind, _, _ in seen} == {"WorkspaceInstance", "WorkspaceTemplate"}
            assert {event for _, event, _ in seen} == {None}
            seen.clear()
            server.put(INSTANCES, instance("late"))
            await eventually(lambda: seen == [("WorkspaceInstance", "ADDED", "late")])
            server.patch(INSTANCES, Key("team", "late"), {"spec": {"running": False}})
            server.remove(INSTANCES, Key("team", "late"))
            await eventually(lambda: [event for _, event, _ in seen] == ["ADDED", "MODIFIED", "DELETED"])
            seen.clear()
            server.abort_streams(INSTANCES.plural)
            server.put(INSTANCES, instance("after-reconnect"))
            await eventually(lambda: ("WorkspaceInstance", "ADDED", "after-reconnect") in seen)
            server.store.compact()
            server.fail_streams(410, "Expired", INSTANCES.plural)
            await eventually(lambda: len([name for _, event, name in seen if event is None]) == 6)
        finally:
            stop.set()
            await server.stop()
            await task
        assert server.writes == []
