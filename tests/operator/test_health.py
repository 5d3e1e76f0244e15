"""The probes fail when the operator no longer sees the cluster: each failure beside the case in which all is well."""

import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client
from devworkspace.kube.workqueue import WorkQueue
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.health import STALE_AFTER_SECONDS, Health, Sweep
from devworkspace.operator.store import Store
from tests.operator.running import DEMO, put_instance, put_template
from tests.support.builders import INSTALLATION, make_instance
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fixtures import client_of, running


async def no_pause() -> None:
    return None


def sweep_of(
    client: Client, store: Store[WorkspaceInstance], *, pause: Callable[[], Awaitable[None]] = no_pause
) -> Sweep[WorkspaceInstance]:
    return Sweep(client, INSTANCES, WorkspaceInstance, store, pause=pause)


async def test_a_store_that_holds_what_is_listed_is_in_step() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        put_instance(server)
        store: Store[WorkspaceInstance] = Store()
        sweep = sweep_of(client, store)
        await sweep.fill()
        assert await sweep.run_once() == ()
        assert not sweep.lagging


async def test_a_list_completes_the_store_and_the_watch_then_tells_nothing_new() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        put_instance(server)
        store: Store[WorkspaceInstance] = Store()
        sweep = sweep_of(client, store)
        assert not sweep.synced
        await sweep.fill()
        assert sweep.synced
        (listed,) = store.values()
        assert not store.hear(listed)
        assert store.hear(replace(listed, metadata=replace(listed.metadata, resource_version="900000")))


async def test_the_template_that_an_unreadable_environment_uses_is_known_from_the_start() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        put_instance(server, running="not a truth value")
        put_instance(server, "nameless", running="not a truth value", templateRef=7)
        store: Store[WorkspaceInstance] = Store()
        await sweep_of(client, store).fill()
        found = {key.name: unread.template for key, unread in store.unreadable.items()}
        assert found == {"demo": "python", "nameless": None}


async def test_what_a_watch_missed_is_put_into_the_store() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        store: Store[WorkspaceInstance] = Store()
        sweep = sweep_of(client, store)
        assert await sweep.run_once() == ()
        put_instance(server)
        assert await sweep.run_once() == (DEMO,)
        found = store.get(DEMO)
        assert found is not None
        assert found.spec.template_ref == "python"
        assert not sweep.lagging, "a single dropped line is repaired and no reason to restart"
        assert await sweep.run_once() == ()


async def test_a_watch_that_misses_changes_again_and_again_is_dead() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        sweep = sweep_of(client, Store())
        await sweep.run_once()
        put_instance(server)
        await sweep.run_once()
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        assert await sweep.run_once() == (DEMO,)
        assert sweep.lagging
        await sweep.run_once()
        assert not sweep.lagging


async def test_a_watch_that_catches_up_in_the_pause_has_missed_nothing() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        store: Store[WorkspaceInstance] = Store()

        async def catch_up() -> None:
            for instance in (await client.list(INSTANCES, WorkspaceInstance)).items:
                store.put(instance)

        sweep = sweep_of(client, store, pause=catch_up)
        await sweep.run_once()
        for running in (True, False, True):
            put_instance(server, running=running)
            assert await sweep.run_once() == ()
            assert not sweep.lagging


async def test_a_missed_object_that_cannot_be_read_is_no_reason_to_restart() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        sweep = sweep_of(client, Store())
        await sweep.run_once()
        server.put(INSTANCES, {"metadata": {"name": "broken", "namespace": "team"}, "spec": {"templateRef": 7}})
        for _ in range(3):
            assert await sweep.run_once() == ()
            assert not sweep.lagging


async def test_an_object_that_is_deleted_meanwhile_is_not_late() -> None:
    async with FakeApiServer() as server, client_of(server) as client:

        async def remove_it() -> None:
            server.remove(INSTANCES, Key("team", "demo"))

        sweep = sweep_of(client, Store(), pause=remove_it)
        await sweep.run_once()
        put_instance(server)
        await sweep.run_once()
        assert server.get(INSTANCES, Key("team", "demo")) is None
        assert not sweep.lagging


async def test_a_missed_deletion_is_repaired() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        put_template(server)
        store: Store[WorkspaceInstance] = Store()
        ghost = make_instance(metadata={"resourceVersion": "1"})
        store.put(ghost)
        sweep = sweep_of(client, store)
        assert await sweep.run_once() == (ghost.metadata.key,)
        assert len(store) == 0


async def test_a_silent_watch_fails_the_liveness_probe() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        later = 0.0
        cluster = Cluster(client, INSTALLATION, WorkQueue[Key]().add)
        state = Health(cluster, client, every=120.0, monotonic=lambda: time.monotonic() + later)
        assert "pods are not listed yet" in state.unready()
        async with running(cluster.pods):
            assert state.failures() == ()
            later = STALE_AFTER_SECONDS + 1
            assert state.failures() == (f"the watch of pods gave no sign of life for {STALE_AFTER_SECONDS:.0f} s",)
