"""The operator as a whole: what a person does, what it writes, and that it then is silent."""

import base64
import json
from pathlib import Path

import pytest
from aiohttp import ClientSession

from devworkspace.api import names, reasons
from devworkspace.api.meta import Key
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, PVCS, SECRETS, SERVICES
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    own_writes,
    phase_of,
    pods_of,
    put_instance,
    put_template,
    running_operator,
    settled,
    silence,
    status_of,
)
from tests.support.fake_apiserver import INSTANCES, FakeApiServer
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually


def child(uid: str) -> Key:
    return Key("team", f"demo-{uid.replace('-', '')[:8]}")


async def start_demo(server: FakeApiServer) -> str:
    put_template(server)
    uid = put_instance(server)
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")
    return uid


async def test_an_instance_becomes_an_environment_in_six_writes(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        uid = await start_demo(server)
        for resource in (PVCS, SECRETS, SERVICES, PODS):
            made = server.get(resource, child(uid))
            assert made is not None, resource
            assert made["metadata"]["labels"][names.LABEL_INSTANCE_UID] == uid
            owned = resource != PVCS
            assert bool(made["metadata"].get("ownerReferences")) is owned
        own = [write.resource for write in own_writes(server)]
        assert sorted(own) == [
            "persistentvolumeclaims",
            "pods",
            "secrets",
            "services",
            "workspaceinstances/status",
            "workspaceinstances/status",
        ]
        assert await silence(server) == []


async def test_the_secret_is_never_read(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_demo(server)
        assert {request.verb for request in server.requests if request.resource == "secrets"} == {"apply"}


async def test_policies_edited_by_hand_are_put_right_with_one_write_each(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_demo(server)
        await settled(server)
        keys = [Key("team", name) for name in POLICY_NAMES]
        wanted = [(server.get(NETWORK_POLICIES, key) or {})["spec"] for key in keys]
        before = len(server.writes)
        for key, field in zip(keys, ("ingress", "egress"), strict=True):
            server.patch(NETWORK_POLICIES, key, {"spec": {field: [{}]}})
        await eventually(lambda: [(server.get(NETWORK_POLICIES, key) or {})["spec"] for key in keys] == wanted)
        assert await silence(server) == []
        healed = [write for write in server.writes[before:] if write.resource == NETWORK_POLICIES.plural]
        assert sorted((write.verb, write.key) for write in healed) == [("apply", key) for key in sorted(keys)]


async def test_stop_start_and_delete_keep_the_volume(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        uid = await start_demo(server)
        volume = server.get(PVCS, child(uid))
        assert volume is not None
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        assert pods_of(server) == []
        server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")
        server.remove(INSTANCES, DEMO)
        await eventually(lambda: server.get(PVCS, child(uid))["metadata"]["labels"].get(names.LABEL_RETAINED))  # type: ignore[index]
        kept = server.get(PVCS, child(uid))
        assert kept is not None
        assert kept["metadata"]["uid"] == volume["metadata"]["uid"]
        await eventually(lambda: not any(server.get(NETWORK_POLICIES, Key("team", name)) for name in POLICY_NAMES))
        # The fake collects the pod before Kopf tells that the instance is gone; its refused status is no write.
        lifecycle = [write for write in own_writes(server) if write.status < 400]
        assert len(lifecycle) <= 14, lifecycle
        assert not [write for write in lifecycle if write.verb == "delete" and write.resource == PVCS.plural]


async def test_a_restarted_operator_writes_nothing(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            await start_demo(server)
        before = len(server.writes)
        async with running_operator(server, tmp_path):
            assert await silence(server) == []
        assert own_writes(server, since=before) == []


async def test_a_write_of_the_last_activity_leads_to_no_write_and_survives_ours(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_demo(server)
        await settled(server)
        for minute in range(5):
            server.set_status(INSTANCES, DEMO, {**status_of(server), "lastActivity": f"2026-11-25T12:0{minute}:00Z"})
            assert await silence(server) == []
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")
        assert status_of(server)["lastActivity"] == "2026-11-25T12:04:00Z"


async def test_an_instance_deleted_while_the_operator_was_away_leaves_its_volume_marked(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        async with running_operator(server, tmp_path):
            uid = await start_demo(server)
        server.remove(INSTANCES, DEMO)
        async with running_operator(server, tmp_path):
            await eventually(lambda: server.get(PVCS, child(uid))["metadata"]["labels"].get(names.LABEL_RETAINED))  # type: ignore[index]


async def test_a_foreign_service_of_our_name_is_reported_and_not_touched(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        put_template(server)
        uid = put_instance(server)
        foreign = {"metadata": {"name": child(uid).name, "namespace": "team"}, "spec": {"ports": [{"port": 1}]}}
        before = server.put(SERVICES, foreign)
        async with running_operator(server, tmp_path):
            await eventually(lambda: phase_of(server) == "Pending")
            assert "belongs to somebody else; it was not touched" in status_of(server)["message"]
            assert server.get(SERVICES, child(uid)) == before
            assert pods_of(server) == []
            server.remove(SERVICES, child(uid))
            await let_pod_answer(server)
            await eventually(lambda: phase_of(server) == "Running")


async def test_a_used_up_quota_is_told_and_the_start_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        refusal = "exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"
        fault = Fault(verb="apply", resource="pods", times=None, status=403, reason=refusal)
        server.faults.append(fault)
        put_template(server)
        put_instance(server)
        await eventually(lambda: phase_of(server) == "Pending")
        conditions = {condition["type"]: condition["reason"] for condition in status_of(server)["conditions"]}
        assert conditions["Ready"] in (reasons.QUOTA_EXCEEDED, reasons.ADMISSION_REFUSED)
        fault.times = 0
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")


async def test_a_template_that_comes_later_starts_what_waited_for_it(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_instance(server)
        await eventually(lambda: phase_of(server) == "Pending")
        assert "Template 'python' does not exist" in status_of(server)["message"]
        put_template(server)
        await let_pod_answer(server)
        await eventually(lambda: phase_of(server) == "Running")


async def test_a_pod_deleted_by_hand_comes_back(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        uid = await start_demo(server)
        first = server.get(PODS, child(uid))
        assert first is not None
        server.remove(PODS, child(uid))
        await let_pod_answer(server)
        second = server.get(PODS, child(uid))
        assert second is not None
        assert second["metadata"]["uid"] != first["metadata"]["uid"]
        await eventually(lambda: phase_of(server) == "Running")


async def test_broken_watches_are_taken_up_again(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        await start_demo(server)
        server.abort_streams()
        server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
        await eventually(lambda: phase_of(server) == "Stopped")


async def test_an_instance_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    async with FakeApiServer() as server:
        server.put(INSTANCES, {"metadata": {"name": "broken", "namespace": "team"}, "spec": {"templateRef": 7}})
        async with running_operator(server, tmp_path):
            await start_demo(server)


async def test_nothing_is_made_for_an_instance_that_has_gone(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        put_template(server)
        server.faults.append(Fault(verb="apply", resource="workspaceinstances/status", status=404, reason="NotFound"))
        put_instance(server)
        await eventually(lambda: own_writes(server))
        assert await silence(server) == []
        assert server.objects(PVCS) == server.objects(PODS) == []


async def test_nothing_is_made_for_an_instance_whose_end_was_not_reported(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        service = child(await start_demo(server))
        server.remove(SERVICES, service)
        await eventually(lambda: server.get(SERVICES, service))
        await settled(server)
        before = len(server.writes)
        server.freeze_streams("workspaceinstances")
        server.remove(INSTANCES, DEMO)
        server.remove(SERVICES, service)
        await eventually(lambda: ("get", DEMO, 404) in {(seen.verb, seen.key, seen.status) for seen in server.requests})
        await settled(server)
        assert server.get(SERVICES, service) is None
        assert [write.resource for write in own_writes(server, since=before)] == ["persistentvolumeclaims"]


async def test_probes_and_metrics_answer(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path) as operator, ClientSession() as session:
        await start_demo(server)
        address = f"http://127.0.0.1:{operator.config.probe_port}"
        for path, text in (("/healthz", "ok\n"), ("/readyz", "ok: leading\n")):
            async with session.get(address + path) as response:
                assert (response.status, await response.text()) == (200, text)
        async with session.get(address + "/metrics") as response:
            text = await response.text()
        assert 'devworkspace_environments{phase="Running"} 1.0' in text
        assert 'devworkspace_namespace_requested_storage_bytes{namespace="team"} 1.073741824e+10' in text
        assert 'devworkspace_api_requests_total{resource="pods",status="200",verb="apply"} 1.0' in text


async def test_a_lost_answer_to_the_pod_s_apply_makes_no_second_pod(tmp_path: Path) -> None:
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        server.faults.append(Fault(verb="apply", resource="pods", drop="after"))
        await start_demo(server)
        assert len(pods_of(server)) == 1


async def test_the_credential_stands_in_no_log_and_no_other_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with FakeApiServer() as server, running_operator(server, tmp_path):
        uid = await start_demo(server)
        secret = server.get(SECRETS, child(uid))
        assert secret is not None
        credential = secret["data"][names.CREDENTIAL_KEY]
        assert credential
        assert credential not in json.dumps([status_of(server), server.get(PODS, child(uid))])
    assert "team/demo" in caplog.text
    assert credential not in caplog.text
    assert base64.b64decode(credential).decode() not in caplog.text
