"""The probes fail when the operator no longer sees the cluster: each failure beside the case in which all is well."""

import time

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.health import STALE_AFTER_SECONDS, Health, Sweep
from devworkspace.operator.kinds import INSTANCES
from devworkspace.operator.store import Store
from tests.operator.running import put_instance, put_template
from tests.support.builders import INSTALLATION, make_instance
from tests.support.fake_apiserver import TEMPLATES, FakeApiServer
from tests.support.fixtures import client_of, running


async def no_pause(_: float) -> None:
    return None


async def test_a_store_that_holds_what_is_listed_is_in_step() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        put_instance(server)
        store: Store[WorkspaceInstance] = Store()
        for instance in (await client.list(INSTANCES, WorkspaceInstance)).items:
            store.put(instance)
        sweep = Sweep(client, INSTANCES, store)
        assert await sweep.run_once() == ()
        assert (sweep.synced, sweep.lagging) == (True, False)


async def test_a_store_is_not_complete_before_it_holds_what_is_listed() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        put_instance(server)
        sweep = Sweep(client, INSTANCES, Store())
        await sweep.run_once()
        assert not sweep.synced


async def test_a_watch_that_misses_a_change_is_found_out() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        sweep = Sweep(client, INSTANCES, Store(), pause=no_pause)
        await sweep.run_once()
        put_instance(server)
        await sweep.run_once()
        assert sweep.lagging


async def test_an_object_that_is_deleted_meanwhile_is_not_late() -> None:
    async with FakeApiServer() as server, client_of(server) as client:

        async def remove_it(_: float) -> None:
            server.remove(INSTANCES, Key("team", "demo"))

        sweep = Sweep(client, INSTANCES, Store(), pause=remove_it)
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
        sweep = Sweep(client, INSTANCES, store)
        assert await sweep.run_once() == (ghost.metadata.key,)
        assert len(store) == 0


async def test_a_silent_watch_fails_the_liveness_probe() -> None:
    async with FakeApiServer() as server, client_of(server) as client:
        later = 0.0
        cluster = Cluster(client, INSTALLATION, lambda _: None)
        state = Health(cluster, client, (INSTANCES, TEMPLATES), monotonic=lambda: time.monotonic() + later)
        assert "pods are not listed yet" in state.unready()
        async with running(cluster.pods):
            assert state.failures() == ()
            later = STALE_AFTER_SECONDS + 1
            assert state.failures() == (f"the watch of pods gave no sign of life for {STALE_AFTER_SECONDS:.0f} s",)
