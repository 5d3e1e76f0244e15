"""What no watch told is found all the same, and looking costs no write."""

from pathlib import Path

from devworkspace.api.meta import Key
from devworkspace.kube.resource import PODS
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.resync import Resync
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    settled,
    status_of,
)
from tests.support.builders import INSTALLATION, make_instance
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fake_faults import Logged
from tests.support.fixtures import client_of, eventually


class Enough(Exception):  # noqa: N818
    """Ends an endless loop."""


async def rounds_of(count: int, *, every: float, pauses: int) -> tuple[list[str], list[float]]:
    """The keys that were woken and the pauses before them, for `count` instances."""
    woken: list[str] = []
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        if len(waited) == pauses:
            raise Enough
        waited.append(seconds)

    def wake(key: Key, *, urgent: bool = False) -> None:
        assert not urgent
        woken.append(key.name)

    async with FakeApiServer() as server, client_of(server) as client:
        cluster = Cluster(client, INSTALLATION, wake)
        for number in range(count):
            cluster.instances.put(make_instance(f"n{number}", metadata={"uid": f"u{number}"}))
        try:
            await Resync(cluster, every=every, pause=pause).run()
        except Enough:
            return woken, waited
    raise AssertionError("it never ends by itself")


async def test_each_instance_is_woken_once_in_a_period_and_they_are_spread_over_it() -> None:
    woken, waited = await rounds_of(4, every=120.0, pauses=8)
    assert woken == ["n0", "n1", "n2", "n3"] * 2
    assert waited == [30.0] * 8


async def test_ten_thousand_take_longer_instead_of_costing_more() -> None:
    woken, waited = await rounds_of(10_000, every=120.0, pauses=10_000)
    assert len(set(woken)) == 10_000
    assert set(waited) == {0.2}


async def test_an_empty_cluster_is_no_busy_loop() -> None:
    assert await rounds_of(0, every=120.0, pauses=3) == ([], [120.0] * 3)


async def start(server: FakeApiServer) -> None:
    put_template(server)
    put_instance(server)
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")


async def test_looking_again_writes_nothing_where_nothing_differs(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, resync_seconds=0.05) as operator:
        await start(server)

        def rounds() -> float:
            return operator.metrics.registry.get_sample_value("devworkspace_reconciles_total", {"result": "ok"}) or 0

        def writes() -> list[Logged]:
            # The counts of a template follow a second later, whoever looks.
            return [write for write in server.writes if not write.resource.startswith(TEMPLATES.plural)]

        await settled(server)
        before, seen = writes(), rounds()
        await eventually(lambda: rounds() > seen + 5)
        assert writes() == before


async def test_a_dropped_line_of_an_instance_s_watch_heals(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, resync_seconds=0.1):
        await start(server)
        server.freeze_streams("workspaceinstances")
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: pods_of(server) == [])


async def test_a_dropped_line_of_a_template_s_watch_heals(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, resync_seconds=0.1):
        put_instance(server)
        await eventually(lambda: "does not exist" in status_of(server).get("message", ""))
        server.freeze_streams(TEMPLATES.plural)
        put_template(server)
        await let_pod_answer(server)


async def test_a_missed_deletion_of_a_template_is_told_to_its_instances(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, resync_seconds=0.1):
        put_template(server)
        put_instance(server, running=False)
        await eventually(lambda: phase_of(server) == "Stopped")

        def is_resolved() -> str:
            conditions = {condition["type"]: condition for condition in status_of(server)["conditions"]}
            return str(conditions["TemplateResolved"]["status"])

        assert is_resolved() == "True"
        server.freeze_streams(TEMPLATES.plural)
        server.remove(TEMPLATES, Key("", "python"))
        await eventually(lambda: is_resolved() == "False")


async def test_a_dropped_line_of_a_child_s_watch_heals_by_a_new_list(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, resync_seconds=0.1):
        await start(server)
        (before,) = pods_of(server)
        server.freeze_streams(PODS.plural)
        server.remove(PODS, Key("team", before["metadata"]["name"]))
        for stream in server.streams:
            stream.frozen = False

        def is_back() -> bool:
            # Any line lets the informer see that its list is due; a real server sends a bookmark each minute.
            server.bookmark()
            return pods_of(server) != []

        await eventually(is_back, within=10)
        (after,) = pods_of(server)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
