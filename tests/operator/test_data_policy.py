"""Volumes over the life of their environments: deleted with consent, kept otherwise, taken over, grown."""

from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.kinds import CRDS, INSTANCE_CRD
from devworkspace.kube.resource import EVENTS, NAMESPACES, NETWORK_POLICIES, PODS, PVCS
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    own_writes,
    phase_of,
    pods_of,
    put_instance,
    put_instance_crd,
    put_template,
    running_operator,
    settled,
    silence,
    status_of,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually


def child(uid: str, name: str = "demo") -> Key:
    return Key("team", f"{name}-{uid.replace('-', '')[:8]}")


async def start_with_consent(server: FakeApiServer) -> Key:
    """A running environment whose volume is to go with it; returns the name of its children."""
    put_instance_crd(server)
    put_template(server)
    uid = put_instance(server, dataPolicy="Delete")
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running" and names.FINALIZER_DELETE_VOLUME in finalizers(server))
    return child(uid)


def finalizers(server: FakeApiServer) -> list[str]:
    found: list[str] = (server.get(INSTANCES, DEMO) or {"metadata": {}})["metadata"].get("finalizers", [])
    return found


def is_retained(server: FakeApiServer, volume: Key) -> bool:
    return names.LABEL_RETAINED in (server.get(PVCS, volume) or {"metadata": {"labels": {}}})["metadata"]["labels"]


async def test_the_volume_goes_with_its_environment_once_the_pod_has_ended(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        name = await start_with_consent(server)
        before = len(server.writes)
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: server.get(INSTANCES, DEMO) is None)
        assert server.get(PVCS, name) is None
        # The Event is written beside the rest and may come before or after the last of them.
        await eventually(lambda: [event["reason"] for event in server.objects(EVENTS)] == [reasons.VOLUME_DELETED])
        await settled(server)
        own = [(write.verb, write.resource) for write in own_writes(server, since=before)]
        assert own.count(("apply", "events")) == 1
        assert [write for write in own if write != ("apply", "events")] == [
            ("apply", "workspaceinstances/status"),
            ("delete", "pods"),
            # The consent, on the volume itself.
            ("patch", "persistentvolumeclaims"),
            ("delete", "persistentvolumeclaims"),
            ("patch", "workspaceinstances"),
        ]
        # The last environment of a namespace takes the policies with it.
        policies = [write for write in server.writes[before:] if write.resource == NETWORK_POLICIES.plural]
        assert {write.verb for write in policies} == {"delete"}
        assert sorted(write.key.name for write in policies) == sorted(POLICY_NAMES)


@pytest.mark.parametrize("resource", ["namespace", "definition"])
async def test_tearing_everything_down_is_no_consent(tmp_path: Path, resource: str) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        name = await start_with_consent(server)
        parent, key = (NAMESPACES, Key("", "team")) if resource == "namespace" else (CRDS, INSTANCE_CRD)
        server.patch(parent, key, {"metadata": {"finalizers": ["kubernetes"]}})
        server.remove(parent, key)
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: server.get(INSTANCES, DEMO) is None)
        await eventually(lambda: is_retained(server, name))


async def test_a_volume_that_somebody_still_uses_is_waited_for(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        name = await start_with_consent(server)
        volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": name.name}}]
        server.put(PODS, {"metadata": {"name": "debug", "namespace": "team"}, "spec": {"volumes": volumes}})
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: "still used by pod 'debug'" in status_of(server).get("message", ""))
        assert server.get(PVCS, name) is not None
        assert phase_of(server) == "Stopping"


async def test_without_the_definition_in_sight_nothing_is_deleted(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        name = await start_with_consent(server)
        server.faults.append(Fault(verb="get", resource="customresourcedefinitions", times=None, status=403))
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: pods_of(server) == [])
        await silence(server)
        assert server.get(PVCS, name) is not None
        assert server.get(INSTANCES, DEMO) is not None
        server.faults.clear()
        await eventually(lambda: server.get(INSTANCES, DEMO) is None)
        assert server.get(PVCS, name) is None


async def test_changing_ones_mind_lets_go_of_the_instance_and_keeps_the_volume(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        name = await start_with_consent(server)
        server.patch(INSTANCES, DEMO, {"spec": {"dataPolicy": "Retain"}})
        await eventually(lambda: finalizers(server) == [])
        assert status_of(server)["dataPolicy"] == "Retain"
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: is_retained(server, name))


async def leave_a_volume(server: FakeApiServer, **spec: Any) -> Key:
    put_template(server)
    uid = put_instance(server, **spec)
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")
    server.remove(INSTANCES, DEMO)
    await eventually(lambda: is_retained(server, child(uid)))
    return child(uid)


def ask_for(server: FakeApiServer, volume: Key, name: str, **spec: Any) -> str:
    metadata = {
        "name": name,
        "namespace": "team",
        "generation": 1,
        "annotations": {names.ANNOTATION_ADOPT_VOLUME: volume.name},
    }
    made = server.put(INSTANCES, {"metadata": metadata, "spec": {"templateRef": "python", **spec}})
    uid: str = made["metadata"]["uid"]
    return uid


async def test_a_left_volume_is_taken_over_with_its_identity(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        volume = await leave_a_volume(server, owner="ada")
        before = server.get(PVCS, volume)
        uid = ask_for(server, volume, "next", owner="ada")
        await let_pod_answer(server, Key("team", "next"))
        await eventually(lambda: phase_of(server, Key("team", "next")) == "Running")
        after = server.get(PVCS, volume)
        assert before is not None
        assert after is not None
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["metadata"]["labels"][names.LABEL_INSTANCE_UID] == uid
        assert after["metadata"]["annotations"][names.ANNOTATION_INSTANCE] == "next"
        assert not is_retained(server, volume)
        assert status_of(server, Key("team", "next"))["pvcName"] == volume.name
        await eventually(lambda: [event["reason"] for event in server.objects(EVENTS)] == [reasons.VOLUME_ADOPTED])
        (pod,) = pods_of(server, Key("team", "next"))
        assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == volume.name
        assert server.get(PVCS, child(uid, "next")) is None
        assert await silence(server) == []


async def test_of_two_that_want_a_volume_one_gets_it(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        volume = await leave_a_volume(server, owner="ada")
        keys = [Key("team", name) for name in ("first", "second")]
        uids = [ask_for(server, volume, key.name, owner="ada") for key in keys]
        await eventually(lambda: sorted(str(phase_of(server, key)) for key in keys) == ["Pending", "Provisioning"])
        found = server.get(PVCS, volume)
        assert found is not None
        assert found["metadata"]["labels"][names.LABEL_INSTANCE_UID] in uids
        (loser,) = [key for key in keys if phase_of(server, key) == "Pending"]
        assert "belongs to environment" in status_of(server, loser)["message"]
        assert pods_of(server, loser) == []


async def test_who_waits_for_a_volume_gets_it_once_its_environment_is_gone(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        volume = child(put_instance(server))
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        heir = Key("team", "heir")
        ask_for(server, volume, heir.name)
        await eventually(lambda: "delete that one first" in status_of(server, heir).get("message", ""))
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: phase_of(server, heir) == "Provisioning")
        assert status_of(server, heir)["pvcName"] == volume.name


async def test_who_waits_for_a_volume_gets_it_when_the_earlier_pod_has_ended(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        server.store.graceful = {PODS}
        put_template(server)
        volume = child(put_instance(server))
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: is_retained(server, volume))
        heir = Key("team", "heir")
        ask_for(server, volume, heir.name)
        await eventually(lambda: "still used by pod" in status_of(server, heir).get("message", ""))
        server.remove(PODS, volume)
        await eventually(lambda: phase_of(server, heir) == "Provisioning")
        assert status_of(server, heir)["pvcName"] == volume.name


async def test_nobody_takes_over_what_belongs_to_another_owner(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        volume = await leave_a_volume(server, owner="ada")
        ask_for(server, volume, "next", owner="bob")
        await eventually(lambda: "another owner" in status_of(server, Key("team", "next")).get("message", ""))
        assert is_retained(server, volume)


async def test_a_refused_growth_is_told_and_the_environment_starts_all_the_same(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        uid = put_instance(server)
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        server.set_status(PVCS, child(uid), {"phase": "Bound", "capacity": {"storage": "10Gi"}})
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        server.faults.append(
            Fault(verb="apply", resource="persistentvolumeclaims", times=None, status=403, reason="Forbidden")
        )
        server.patch(INSTANCES, DEMO, {"spec": {"running": True, "overrides": {"storage": {"size": "20Gi"}}}})
        await let_pod_answer(server)
        await eventually(
            lambda: phase_of(server) == "Running" and volume_reason(server) == reasons.VOLUME_RESIZE_REFUSED
        )
        server.faults.clear()
        await eventually(lambda: volume_reason(server) == reasons.VOLUME_RESIZING)
        server.set_status(PVCS, child(uid), {"phase": "Bound", "capacity": {"storage": "20Gi"}})
        await eventually(lambda: volume_reason(server) == reasons.BOUND)
        told = {("Warning", reasons.VOLUME_RESIZE_REFUSED), ("Normal", reasons.VOLUME_RESIZED)}
        await eventually(lambda: told <= {(event["type"], event["reason"]) for event in server.objects(EVENTS)})


def volume_reason(server: FakeApiServer) -> str | None:
    conditions = {condition["type"]: condition["reason"] for condition in status_of(server).get("conditions", ())}
    return conditions.get("VolumeReady")
