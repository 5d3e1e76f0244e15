"""Environments made in advance: made, taken once by whom they are for, and dropped; whatever is interrupted."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core import pool
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.resource import CONFIG_MAPS, NAMESPACES, NETWORK_POLICIES, PODS, PVCS, SECRETS, SERVICES
from devworkspace.operator import pool_keeper, reconciler
from tests.operator.running import (
    DEMO,
    LIMITS,
    own_writes,
    phase_of,
    put_instance,
    put_limits,
    put_template,
    running_operator,
    settled,
    silence,
    status_of,
)
from tests.support.builders import running_status
from tests.support.fake_apiserver import FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

Object = dict[str, Any]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pool_keeper, "DELAY_SECONDS", 0.02)
    # A pool that is half full waits for people who open their editors; tests/core/test_pool.py looks at that.
    monkeypatch.setattr(pool_keeper, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(pool, "OPENING", timedelta())
    yield


def put_pool(server: FakeApiServer, replicas: int = 1, **spec: Any) -> None:
    server.put(NAMESPACES, {"metadata": {"name": "team"}})
    put_template(server, warmPool={"perNamespace": [{"namespace": "team", "replicas": replicas}]}, **spec)


def members(server: FakeApiServer) -> list[Object]:
    """The pods that are nobody's."""
    return [pod for pod in server.objects(PODS, "team") if names.LABEL_POOL in pod["metadata"]["labels"]]


def pods_of(server: FakeApiServer) -> list[Object]:
    """Those of the environment `demo` that were made for it, or taken; the pool's are not among them."""
    found = server.objects(PODS, "team")
    return [pod for pod in found if pod["metadata"]["labels"].get(names.LABEL_INSTANCE) == "demo"]


def name_of(obj: Object) -> str:
    name: str = obj["metadata"]["name"]
    return name


async def fill(server: FakeApiServer, replicas: int) -> list[str]:
    """Plays volumes and kubelet until the pool is full and the operator knows it; the names of its members."""

    def ready() -> int:
        status = (server.get(TEMPLATES, Key("", "python")) or {}).get("status", {})
        return sum(pool.get("ready", 0) for pool in status.get("pools", ()))

    def play() -> bool:
        for volume in server.objects(PVCS, "team"):
            if volume.get("status", {}).get("phase") != "Bound":
                server.set_status(PVCS, Key("team", name_of(volume)), {"phase": "Bound"})
        for pod in members(server):
            if "conditions" not in pod.get("status", {}):
                server.set_status(PODS, Key("team", name_of(pod)), running_status())
        found = [pod for pod in members(server) if "deletionTimestamp" not in pod["metadata"]]
        return ready() == replicas == len(found) == sum("conditions" in pod.get("status", {}) for pod in found)

    await eventually(play, within=10)
    await settled(server, 0.1)
    return sorted(name_of(pod) for pod in members(server))


async def take(server: FakeApiServer, name: str = "demo", **spec: Any) -> str:
    """Creates an instance and waits until it runs; the name of its pod."""
    put_instance(server, name, **spec)
    key = Key("team", name)
    await eventually(lambda: phase_of(server, key) == "Running", within=10)
    pod: str = status_of(server, key)["podName"]
    return pod


async def test_a_pool_is_made_in_advance_isolated_and_without_anything_of_anybody(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server, 2)
        await fill(server, 2)
        template = server.get(TEMPLATES, Key("", "python")) or {}
        for pod in members(server):
            labels = pod["metadata"]["labels"]
            assert labels[names.LABEL_POOL] == template["metadata"]["uid"]
            assert not {names.LABEL_INSTANCE, names.LABEL_INSTANCE_UID} & labels.keys()
            assert [owner["uid"] for owner in pod["metadata"]["ownerReferences"]] == [template["metadata"]["uid"]]
            policy = server.get(NETWORK_POLICIES, Key("team", POLICY_NAMES[0])) or {}
            assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            (container,) = pod["spec"]["containers"]
            assert not [one for one in container["env"] if "valueFrom" in one]
            assert names.CREDENTIAL_VARIABLE not in {one["name"] for one in container["env"]}
        assert [name_of(pod) for pod in members(server)] == [name_of(volume) for volume in server.objects(PVCS, "team")]
        assert server.objects(SECRETS, "team") == []
        writes = [write.resource for write in server.writes]
        assert writes.index(NETWORK_POLICIES.plural) < writes.index(PODS.plural), "isolated before it runs"
        assert template["status"]["pools"] == [{"namespace": "team", "wanted": 2, "ready": 2}]
        assert await silence(server) == []


async def test_of_many_who_come_at_once_the_first_do_not_wait_for_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "CLAIMS_AT_ONCE", 2)
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server, 6)
        await fill(server, 6)
        server.faults.append(Fault(verb="patch", resource=PVCS.plural, delay=0.2, times=6))
        keys = [Key("team", f"crowd-{index}") for index in range(6)]
        for key in keys:
            put_instance(server, key.name)
        seen: set[tuple[int, int, int]] = set()

        def all_run() -> bool:
            taken = [write for write in server.writes if (write.verb, write.resource) == ("patch", PVCS.plural)]
            on_the_way = [write for write in taken if not write.status]
            running = sum(phase_of(server, key) == "Running" for key in keys)
            seen.add((len(on_the_way), len(taken), running))
            return running == 6

        await eventually(all_run)
        assert max(on_the_way for on_the_way, _, _ in seen) == 2
        assert any(running and taken < 6 for _, taken, running in seen), seen


async def test_a_new_environment_takes_one_in_five_writes_and_the_pool_is_filled_again(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server)
        (member,) = await fill(server, 1)
        before = server.get(PODS, Key("team", member)) or {}
        since = len(server.writes)
        uid = put_instance(server)
        await eventually(lambda: phase_of(server) == "Running")
        await eventually(lambda: server.objects(SERVICES, "team"))
        child = f"demo-{uid.replace('-', '')[:8]}"
        about = [write for write in own_writes(server, since=since) if write.key.name in (member, "demo", child)]
        assert [(write.verb, write.resource) for write in about[:3]] == [
            ("apply", "workspaceinstances/status"),
            ("patch", PVCS.plural),
            ("patch", PODS.plural),
        ]
        assert sorted(write.resource for write in about[3:]) == [SERVICES.plural, "workspaceinstances/status"]
        pod, volume = server.get(PODS, Key("team", member)) or {}, server.get(PVCS, Key("team", member)) or {}
        assert pod["metadata"]["uid"] == before["metadata"]["uid"]
        assert pod["spec"] == before["spec"]
        for part in (pod, volume):
            assert part["metadata"]["labels"][names.LABEL_INSTANCE_UID] == uid
            assert names.LABEL_POOL not in part["metadata"]["labels"]
        assert [owner["uid"] for owner in pod["metadata"]["ownerReferences"]] == [uid]
        assert "ownerReferences" not in volume["metadata"]
        assert server.objects(SECRETS, "team") == []
        (next_one,) = await fill(server, 1)
        assert next_one != member
        assert await silence(server) == []


async def test_it_stops_and_starts_cold_on_its_volume_and_keeps_it(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server)
        await fill(server, 1)
        member = await take(server)
        put_pool(server, 0)
        await eventually(lambda: members(server) == [])
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        assert server.get(PODS, Key("team", member)) is None
        assert status_of(server)["pvcName"] == member
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await eventually(lambda: pods_of(server))
        (pod,) = pods_of(server)
        assert name_of(pod) != member
        assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == member
        server.set_status(PODS, Key("team", name_of(pod)), running_status())
        await eventually(lambda: phase_of(server) == "Running")
        assert status_of(server)["podName"] == name_of(pod)
        server.remove(INSTANCES, DEMO)
        kept = Key("team", member)
        await eventually(lambda: names.LABEL_RETAINED in (server.get(PVCS, kept) or {})["metadata"]["labels"])
        await eventually(lambda: server.get(NETWORK_POLICIES, Key("team", POLICY_NAMES[0])) is None)


async def test_ten_at_once_take_ten_and_nobody_two(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path, workers=16):
        put_pool(server, 10)
        ready = await fill(server, 10)
        people = [f"person-{number}" for number in range(10)]
        taken = await asyncio.gather(*(take(server, name) for name in people))
        assert sorted(taken) == ready
        owners = [server.get(PODS, Key("team", name)) or {} for name in ready]
        uids = {pod["metadata"]["labels"][names.LABEL_INSTANCE_UID] for pod in owners}
        assert len(uids) == 10
        refused = [
            write for write in server.writes if write.resource in (PODS.plural, PVCS.plural) and write.status >= 400
        ]
        assert refused == [], "nobody even tried to take another's"


@pytest.mark.parametrize("resource", ["workspaceinstances/status", PVCS.plural, PODS.plural])
@pytest.mark.parametrize("drop", ["before", "after"])
async def test_an_operator_that_ends_at_any_write_of_a_claim_is_followed_by_one_that_goes_on(
    tmp_path: Path, resource: str, drop: Any
) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            put_pool(server, 2)
            ready = await fill(server, 2)
            verb = "apply" if "status" in resource else "patch"
            # The answer never comes; what follows is refused for as long as this operator lives.
            server.faults.append(Fault(verb=verb, resource=resource, drop=drop))
            server.faults.append(
                Fault(verb=verb, resource=resource, times=None, status=503, reason="ServiceUnavailable")
            )
            put_instance(server)
            await eventually(lambda: any(write.resource == resource and write.verb == verb for write in server.writes))
            await silence(server, 0.1)
        server.faults.clear()
        async with running_operator(server, tmp_path):
            put_instance(server, "other")
            for key in (DEMO, Key("team", "other")):
                await eventually(lambda key=key: phase_of(server, key) == "Running")  # type: ignore[misc]
            taken = {status_of(server, key)["podName"] for key in (DEMO, Key("team", "other"))}
            assert taken == set(ready)
            for key in (DEMO, Key("team", "other")):
                pod = server.get(PODS, Key("team", status_of(server, key)["podName"])) or {}
                instance = server.get(INSTANCES, key) or {}
                assert pod["metadata"]["labels"][names.LABEL_INSTANCE_UID] == instance["metadata"]["uid"]
            await fill(server, 2)
            await settled(server)


@pytest.mark.parametrize("resource", [PVCS, PODS])
async def test_who_comes_second_to_a_member_starts_cold_and_touches_nothing(tmp_path: Path, resource: Any) -> None:
    """As if another operator, which should not be writing any more, had handed it out in this moment."""
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server)
        (member,) = await fill(server, 1)
        server.faults.append(Fault(verb="patch", resource=PVCS.plural, delay=0.5))
        put_instance(server)
        await eventually(lambda: status_of(server).get("podName") == member)
        theirs = {"labels": {names.LABEL_INSTANCE_UID: "somebody-else", names.LABEL_POOL: None}}
        for kind in (PVCS, PODS) if resource is PVCS else (PODS,):
            server.patch(kind, Key("team", member), {"metadata": theirs})
        before = server.get(resource, Key("team", member)) or {}
        put_pool(server, 0)
        await eventually(lambda: pods_of(server))
        assert server.get(resource, Key("team", member)) == before
        (own,) = pods_of(server)
        server.set_status(PODS, Key("team", name_of(own)), running_status())
        await eventually(lambda: phase_of(server) == "Running")
        assert status_of(server)["podName"] == name_of(own)


async def test_an_environment_that_goes_during_its_claim_leaves_the_member_to_the_next(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server)
        (member,) = await fill(server, 1)
        server.faults.append(Fault(verb="apply", resource="workspaceinstances/status", status=404, reason="NotFound"))
        put_instance(server)
        await eventually(lambda: not server.faults or server.faults[0].times == 0)
        server.remove(INSTANCES, DEMO)
        assert await take(server, "next") == member


async def test_limits_and_turns_hold_for_what_is_ready_as_for_what_is_not(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, owner_running="1", owner_storage="15Gi")
        put_pool(server, 2)
        await fill(server, 2)
        first = await take(server, owner="ada")
        ready = await fill(server, 2)
        other = Key("team", "other")
        put_instance(server, "other", owner="ada")
        await eventually(lambda: phase_of(server, other) == "Pending")
        await settled(server)
        assert "running environments: 1 of 1 are taken, and this needs 1" in status_of(server, other)["message"]
        assert sorted(map(name_of, members(server))) == ready, "it has taken nothing"
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: "storage of all disks: 10Gi of 15Gi" in status_of(server, other)["message"])
        server.remove(CONFIG_MAPS, LIMITS)
        await eventually(lambda: phase_of(server, other) == "Running")
        assert status_of(server, other)["podName"] in {*ready} - {first}


async def test_what_is_nobodys_counts_in_nobodys_limits(tmp_path: Path) -> None:
    """Environments without an owner share one limit in each namespace; the pool is not theirs."""
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_limits(server, owner_storage="15Gi", owner_environments="1", starts_cluster="1")
        put_pool(server, 3)
        ready = await fill(server, 3)
        assert await take(server) in ready


async def test_whoever_wants_something_else_starts_cold_beside_the_pool(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server)
        (member,) = await fill(server, 1)
        put_instance(server, overrides={"resources": {"limits": {"cpu": "3"}}})
        await eventually(lambda: len(server.objects(PODS, "team")) == 2)
        own = next(pod for pod in server.objects(PODS, "team") if name_of(pod) != member)
        assert own["metadata"]["labels"][names.LABEL_INSTANCE] == "demo"
        assert [name_of(pod) for pod in members(server)] == [member]


async def test_a_changed_template_gets_new_members_and_the_old_ones_go_with_their_volumes(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_pool(server)
        (old,) = await fill(server, 1)
        put_pool(server, resources={"limits": {"cpu": "4"}})
        await eventually(lambda: server.get(PVCS, Key("team", old)) is None, within=10)
        (new,) = await fill(server, 1)
        assert new != old
        assert await silence(server) == []


async def test_a_name_that_somebody_has_is_left_to_them(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            put_pool(server)
            (first,) = await fill(server, 1)
            put_pool(server, 0)
            await eventually(lambda: server.get(PVCS, Key("team", first)) is None, within=10)
        foreign = server.put(PVCS, {"metadata": {"name": first, "namespace": "team"}, "spec": {"resources": {}}})
        async with running_operator(server, tmp_path):
            put_pool(server)
            (second,) = await fill(server, 1)
            assert second != first
        assert server.get(PVCS, Key("team", first))["metadata"]["uid"] == foreign["metadata"]["uid"]  # type: ignore[index]
        assert names.LABEL_POOL not in (server.get(PVCS, Key("team", first)) or {})["metadata"].get("labels", {})


async def test_a_pool_that_the_quota_refuses_says_so_and_asks_rarely(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        refusal = "exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"
        server.faults.append(Fault(verb="create", resource="pods", times=None, status=403, reason=refusal))
        put_pool(server)

        def told() -> str:
            status = (server.get(TEMPLATES, Key("", "python")) or {}).get("status", {})
            return str([pool.get("message") for pool in status.get("pools", ())])

        await eventually(lambda: "quota" in told() or "refuse" in told(), within=10)
        asked = [write for write in server.writes if write.verb == "create" and write.resource == "pods"]
        await silence(server, 0.5)
        again = [write for write in server.writes if write.verb == "create" and write.resource == "pods"]
        assert len(again) == len(asked) == 1


async def test_a_restarted_operator_leaves_a_full_pool_alone(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            put_pool(server, 2)
            await fill(server, 2)
        before = len(server.writes)
        async with running_operator(server, tmp_path):
            assert await silence(server, 0.5) == []
        assert own_writes(server, since=before) == []
