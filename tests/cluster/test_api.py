"""The REST API on a real cluster: a person's way through it, with the cluster's own answers instead of a fake's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.api import names
from devworkspace.kube.resource import PVCS
from tests.cluster.serving import Served, serving
from tests.support.live import Anything, Live

pytestmark = pytest.mark.cluster

INSTANCE_RULES = [
    {"apiGroups": [names.GROUP], "resources": [names.INSTANCE_PLURAL], "verbs": ["create"]},
]


@pytest.fixture
async def served(live: Live, tmp_path: Path) -> AsyncIterator[Served]:
    """Ada may create environments in the namespace; Eve may nothing."""
    kubectl = live.surroundings.run_kubectl
    ada = {"kind": "ServiceAccount", "name": "ada", "namespace": live.namespace}
    bodies: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}} for name in ("ada", "eve")
    ]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "ada"}}
    bodies += [
        {**role, "kind": "Role", "rules": INSTANCE_RULES},
        {
            **role,
            "kind": "RoleBinding",
            "subjects": [ada],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ada"},
        },
    ]
    kubectl("apply", f"--namespace={live.namespace}", "-f", "-", input_text=yaml.safe_dump_all(bodies))
    async with serving(live, tmp_path) as made:
        yield made


async def create(served: Served, token: str, name: str = "demo", **more: Any) -> dict[str, Any]:
    """A running environment."""
    body = {"name": name, "template": "base", **more}
    answer = await served.ask(token, "POST", served.environments, body)
    assert answer.status == 201, answer.body
    return await served.until(token, f"{served.environments}/{name}", {"phase": "Running"})


async def test_everything_about_a_running_environment(served: Served, live: Live) -> None:
    token = served.token("ada")
    demo = f"{served.environments}/demo"
    made = await create(served, token)
    assert [stage["state"] for stage in made["startup"]["stages"]] == ["done"] * 6
    assert (made["disk"]["size"] or 0) > 0
    assert made["cpu"] and made["memory"] and "base" in made["image"]
    assert {condition["type"]: condition["status"] for condition in made["conditions"]}["Ready"] == "True"

    events = (await served.ask(token, "GET", f"{demo}/events")).json()["items"]
    assert {"Scheduled", "Started"} <= {event["reason"] for event in events}
    assert [event["lastSeen"] for event in events] == sorted((event["lastSeen"] for event in events), reverse=True)

    object_ = yaml.safe_load((await served.ask(token, "GET", f"{demo}/yaml")).body)
    assert (object_["metadata"]["uid"], object_["spec"]["owner"]) == (made["uid"], made["owner"])

    log = await served.ask(token, "GET", f"{demo}/logs")
    assert (log.status, b"HTTP server listening" in log.body) == (200, True)
    assert (await served.ask(token, "GET", f"{demo}/logs?previous=true")).status == 409
    await follow(served, live, token, demo)

    etag = (await served.ask(token, "GET", demo)).etag
    unchanged = await served.ask(token, "GET", demo, **{"If-None-Match": etag})
    assert unchanged.status in (200, 304)
    for address in ("events", "logs", "usage", "yaml"):
        assert (await served.ask(served.token("eve"), "GET", f"{demo}/{address}")).status == 404


async def follow(served: Served, live: Live, token: str, demo: str) -> None:
    """What the container's first process prints reaches a reader who follows."""
    pod = (await live.get()).status.pod_name or ""
    headers = {"Authorization": f"Bearer {token}"}
    async with served.session.get(f"{served.url}{demo}/logs?follow=true&tailLines=0", headers=headers) as response:
        assert response.status == 200
        await live.execute(pod, "sh", "-c", "echo a-line-from-$((40 + 2)) > /proc/1/fd/1")
        async with asyncio.timeout(20):
            while b"a-line-from-42" not in await response.content.readline():
                pass


async def test_usage_is_that_of_the_metrics_api(served: Served) -> None:
    token = served.token("ada")
    await create(served, token)
    found = await served.until(token, f"{served.environments}/demo/usage", {"available": True}, seconds=180)
    assert 0 < found["memory"]["used"] < found["memory"]["limit"]
    assert found["cpu"]["used"] >= 0
    assert found["disk"]["used"] is None


async def test_quota_and_bounds_of_the_namespace(served: Served, live: Live) -> None:
    token = served.token("ada")
    path = f"/api/v1/namespaces/{live.namespace}/quota"
    nothing = {"namespace": live.namespace, "quotas": [], "limits": [], "own": []}
    assert (await served.ask(token, "GET", path)).json() == nothing
    bodies = [
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"limits.cpu": "8"}}},
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "bounds"},
            "spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "20Gi"}}]},
        },
    ]
    live.surroundings.run_kubectl(
        "apply", f"--namespace={live.namespace}", "-f", "-", input_text=yaml.safe_dump_all(bodies)
    )
    await create(served, token)
    found = (await served.ask(token, "GET", path)).json()
    (item,) = found["quotas"][0]["items"]
    assert (item["resource"], item["hard"], 0 < item["left"] < 8) == ("limits.cpu", "8", True)
    assert [(limit["type"], limit["max"]) for limit in found["limits"]] == [("PersistentVolumeClaim", "20Gi")]
    assert (await served.ask(served.token("eve"), "GET", path)).status == 403


async def test_an_environment_past_the_namespace_s_count_is_refused_with_the_numbers(
    served: Served, live: Live
) -> None:
    """The documented use of a ResourceQuota: already the dry run of the form says so."""
    count = f"count/{names.INSTANCE_PLURAL}.{names.GROUP}"
    kubectl = live.surroundings.run_kubectl
    in_namespace = f"--namespace={live.namespace}"
    kubectl("create", "quota", "environments", f"--hard={count}=1", in_namespace)
    query = f"-ojsonpath={{.status.used.{count.replace('.', chr(92) + '.')}}}"
    async with asyncio.timeout(20):
        while not kubectl("get", "quota", "environments", in_namespace, query):
            await asyncio.sleep(0.2)
    token, body = served.token("ada"), {"name": "one", "template": "base"}
    first = await served.ask(token, "POST", served.environments, body)
    assert first.status == 201, first.body
    async with asyncio.timeout(20):
        while kubectl("get", "quota", "environments", in_namespace, query) != "1":
            await asyncio.sleep(0.2)
    for path in (f"{served.environments}?dryRun=true", served.environments):
        second = await served.ask(token, "POST", path, {**body, "name": "two"})
        assert (second.status, second.json()["reason"]) == (403, "QuotaExceeded"), second.body
        assert second.json()["limits"] == [{"resource": count, "used": "1", "needs": "1", "limit": "1"}]


async def test_settings_are_changed_and_judged_by_the_cluster(served: Served) -> None:
    token = served.token("ada")
    demo = f"{served.environments}/demo"
    body = {"name": "demo", "template": "base", "running": False, "storage": "1Gi"}
    assert (await served.ask(token, "POST", served.environments, body)).status == 201
    first = await served.until(token, demo, {"phase": "Stopped"})
    etag = (await served.ask(token, "GET", demo)).etag
    dry = await served.ask(token, "PATCH", f"{demo}?dryRun=true", {"displayName": "Name"})
    assert (dry.status, dry.json()["displayName"]) == (200, "Name")
    assert (await served.ask(token, "GET", demo)).json()["displayName"] == "demo"

    changed = await served.ask(token, "PATCH", demo, {"displayName": "Name", "paused": True}, **{"If-Match": etag})
    assert (changed.status, changed.json()["paused"]) == (200, True)
    assert changed.json()["resourceVersion"] != first["resourceVersion"]
    stale = await served.ask(token, "PATCH", demo, {"displayName": "Other"}, **{"If-Match": etag})
    assert stale.status == 412
    for storage, word in (("10GB", "1Mi"), ("1Mi", "grow")):
        refused = await served.ask(token, "PATCH", demo, {"storage": storage})
        assert refused.status == 422
        errors = refused.json()["errors"]
        assert {error["field"] for error in errors} <= {"spec.overrides.storage.size", "spec.overrides.storage", "spec"}
        assert any(word in error["message"] for error in errors), errors


async def test_a_kept_volume_is_purged_by_its_owner_only(served: Served, live: Live) -> None:
    ada, eve = served.token("ada"), served.token("eve")
    made = await create(served, ada)
    volume, path = made["volume"], f"/api/v1/namespaces/{live.namespace}/volumes"
    uid = (await live.volume(volume)).metadata.uid
    # Whoever may edit claims can set the mark; the environment that is there speaks against it.
    await live.client.merge_patch(
        PVCS, live.key(volume), {"metadata": {"labels": {names.LABEL_RETAINED: "true"}}}, Anything
    )
    assert (await served.ask(ada, "DELETE", f"{path}/{volume}?uid={uid}")).status == 409
    await live.client.merge_patch(
        PVCS, live.key(volume), {"metadata": {"labels": {names.LABEL_RETAINED: None}}}, Anything
    )

    assert (await served.ask(ada, "DELETE", f"{served.environments}/demo")).status == 204
    await live.wait_retained(volume)
    async with asyncio.timeout(60):
        # The server hears of the mark by a watch of its own.
        while not (listed := (await served.ask(ada, "GET", "/api/v1/volumes")).json()["items"]):
            await asyncio.sleep(0.1)
    (kept,) = listed
    assert (kept["name"], kept["environment"], kept["allowed"]["adopt"]) == (volume, "demo", True)
    assert (await served.ask(eve, "GET", "/api/v1/volumes?all=true")).json() == {"items": []}
    assert (await served.ask(eve, "DELETE", f"{path}/{volume}?uid={uid}")).status == 404
    assert (await served.ask(ada, "DELETE", f"{path}/{volume}?uid=another")).status == 412
    await live.volume(volume)
    async with asyncio.timeout(60):
        # The pod of the environment may still be ending.
        while (answer := await served.ask(ada, "DELETE", f"{path}/{volume}?uid={uid}")).status == 409:
            await asyncio.sleep(0.5)
    assert answer.status == 204
    await live.wait_gone(PVCS, volume)
    assert "purge-volume" in served.log_file.read_text(), "the audit line"


async def test_the_server_s_account_can_delete_no_other_claim(served: Served, live: Live) -> None:
    """A policy, not the server's own code, stands before the volumes of environments and of everybody else."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "somebodys"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    kubectl = live.surroundings
    here = f"--namespace={live.namespace}"
    kubectl.run_kubectl("apply", here, "-f", "-", input_text=yaml.safe_dump(claim))
    as_server = f"--as=system:serviceaccount:{live.namespace}:devworkspace-server"
    refused = kubectl.try_kubectl("delete", "pvc", "somebodys", here, as_server, "--wait=false")
    async with asyncio.timeout(20):
        # A new policy takes a moment to be enforced.
        while refused.returncode == 0:
            kubectl.run_kubectl("apply", here, "-f", "-", input_text=yaml.safe_dump(claim))
            await asyncio.sleep(1)
            refused = kubectl.try_kubectl("delete", "pvc", "somebodys", here, as_server, "--wait=false")
    assert "kept volumes" in refused.stderr
    marks = (f"{names.LABEL_RETAINED}=true", f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}")
    kubectl.run_kubectl("label", "pvc", "somebodys", here, *marks)
    kubectl.run_kubectl("delete", "pvc", "somebodys", here, as_server, "--wait=false")


async def test_templates_are_published_and_judged_by_the_cluster(served: Served, live: Live) -> None:
    kubectl, name = live.surroundings.run_kubectl, f"{live.namespace}-made"
    role = f"{live.namespace}-publisher"
    kubectl(
        "create",
        "clusterrole",
        role,
        f"--resource={names.TEMPLATE_PLURAL}.{names.GROUP}",
        "--verb=create,update,delete,get",
    )
    kubectl("create", "clusterrolebinding", role, f"--clusterrole={role}", f"--serviceaccount={live.namespace}:ada")
    try:
        await publish(served, live, name)
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", role)


async def publish(served: Served, live: Live, name: str) -> None:
    token = served.token("ada")
    one = f"/api/v1/templates/{name}"
    spec: dict[str, Any] = {"displayName": "Made", "environment": {"image": live.surroundings.base_image}}
    assert (
        await served.ask(served.token("eve"), "POST", "/api/v1/templates", {"name": name, "spec": spec})
    ).status == 403
    wrong = {**spec, "tagz": [], "storage": {"size": "10GB"}}
    refused = await served.ask(token, "POST", "/api/v1/templates?dryRun=true", {"name": name, "spec": wrong})
    assert refused.status == 422
    assert {error["field"] for error in refused.json()["errors"]} & {"spec.tagz", "spec.storage.size"}
    assert (await served.ask(token, "POST", "/api/v1/templates", {"name": name, "spec": spec})).status == 201
    await served.until(token, one, {"displayName": "Made"})
    etag = (await served.ask(token, "GET", one)).etag
    edited = await served.ask(token, "PUT", one, {"spec": {**spec, "displayName": "New"}}, **{"If-Match": etag})
    assert (edited.status, edited.json()["displayName"]) == (200, "New")
    assert (await served.ask(token, "PUT", one, {"spec": spec}, **{"If-Match": etag})).status == 412
    assert b"displayName: New" in (await served.ask(token, "GET", f"{one}/yaml")).body
    body = {"name": "user", "template": name, "running": False}
    assert (await served.ask(token, "POST", served.environments, body)).status == 201
    await served.until(token, f"{served.environments}/user", {"phase": "Stopped"})
    assert (await served.ask(token, "DELETE", one)).status == 409
    assert (await served.ask(token, "DELETE", f"{served.environments}/user")).status == 204
    async with asyncio.timeout(30):
        while (answer := await served.ask(token, "DELETE", one)).status in (409, 412):
            await asyncio.sleep(0.3)
    assert answer.status == 204
    async with asyncio.timeout(10):
        while (await served.ask(token, "GET", one)).status != 404:
            await asyncio.sleep(0.2)
