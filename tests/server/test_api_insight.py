"""Events, usage, quota and the object of an environment, read from a real socket of the fake API server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.api.meta import Key
from devworkspace.core.render.common import child_name
from devworkspace.kube.resource import EVENTS, LIMIT_RANGES, POD_METRICS, RESOURCE_QUOTAS
from devworkspace.server.api.events import MAX_MESSAGE, MAX_READ
from tests.server.cluster import API, DEMO, Wired, put, wired
from tests.server.support import ADMIN, read
from tests.support.fake_apiserver import INSTANCES
from tests.support.fake_faults import Fault

QUOTA = f"{API}/namespaces/team/quota"


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


async def get(wired: Wired, path: str) -> Any:
    return await read(wired.server, wired.browser, path)


async def status_of(wired: Wired, path: str) -> int:
    return (await wired.browser.get(wired.server.origin + path)).status


@pytest.mark.parametrize("address", ["events", "logs", "usage", "yaml"])
async def test_what_one_may_not_open_tells_nothing(all_wired: Wired, address: str) -> None:
    put(all_wired, owner="li.wei")
    answers = [await all_wired.browser.get(f"{all_wired.server.origin}{path}/{address}") for path in (DEMO, DEMO + "x")]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].body == answers[1].body
    assert [request for request in all_wired.api.requests if request.resource != "workspaceinstances"] == []
    all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
    assert await status_of(all_wired, f"{DEMO}/{address}") in (200, 409), "positive control"


class TestEvents:
    def tell(self, wired: Wired, name: str, *, kind: str = "Pod", about: str, uid: str = "", **more: Any) -> None:
        involved = {"kind": kind, "namespace": "team", "name": about, "uid": uid}
        body = {"metadata": {"name": name, "namespace": "team"}, "involvedObject": involved, **more}
        wired.api.put(EVENTS, body)

    async def test_they_are_about_the_environment_and_its_parts_newest_first(self, all_wired: Wired) -> None:
        instance = put(all_wired)
        child, uid = child_name(instance), instance.metadata.uid
        self.tell(all_wired, "a", about=child, reason="Pulled", lastTimestamp="2026-11-24T12:00:05Z", type="Normal")
        self.tell(
            all_wired,
            "b",
            kind="WorkspaceInstance",
            about="demo",
            uid=uid,
            reason="Evicted",
            type="Warning",
            eventTime="2026-11-24T12:00:09.250000Z",
            source={"component": "devworkspace-operator"},
        )
        self.tell(
            all_wired,
            "c",
            kind="PersistentVolumeClaim",
            about=child,
            reason="Provisioned",
            lastTimestamp="2026-11-24T12:00:03Z",
        )
        self.tell(all_wired, "d", about="other-pod", reason="Foreign")
        self.tell(all_wired, "e", kind="WorkspaceInstance", about="demo", uid="a-namesake-before", reason="Foreign")
        found = await get(all_wired, f"{DEMO}/events")
        told = [(item["about"], item["reason"], item["type"], item["lastSeen"]) for item in found["items"]]
        assert told == [
            ("Environment", "Evicted", "Warning", "2026-11-24T12:00:09Z"),
            ("Pod", "Pulled", "Normal", "2026-11-24T12:00:05Z"),
            ("Volume", "Provisioned", "Normal", "2026-11-24T12:00:03Z"),
        ]
        assert found["items"][0]["source"] == "devworkspace-operator"
        assert found["complete"] is True

    async def test_equal_ones_are_one_with_the_sum_of_their_counts(self, all_wired: Wired) -> None:
        child = child_name(put(all_wired))
        same = {"about": child, "uid": "pod-1", "reason": "BackOff", "message": "waits", "type": "Warning"}
        first, second, last = (f"2026-11-24T12:0{minute}:00Z" for minute in range(3))
        self.tell(all_wired, "a", count=3, firstTimestamp=first, lastTimestamp=second, **same)
        self.tell(all_wired, "b", series={"count": 4, "lastObservedTime": last}, eventTime=second, **same)
        self.tell(all_wired, "c", **{**same, "message": "waits longer"}, lastTimestamp=second)
        items = (await get(all_wired, f"{DEMO}/events"))["items"]
        (merged,) = [item for item in items if item["message"] == "waits"]
        assert (merged["count"], merged["firstSeen"], merged["lastSeen"]) == (7, first, last)
        assert len(items) == 2

    async def test_there_is_an_end_to_them(self, all_wired: Wired) -> None:
        child = child_name(put(all_wired))
        for number in range(MAX_READ + 50):
            self.tell(all_wired, f"e{number:05}", about=child, reason="Many", message=f"{number}" + "x" * 3000)
        found = await get(all_wired, f"{DEMO}/events?limit=7")
        assert (len(found["items"]), found["complete"]) == (7, False)
        assert {len(item["message"]) for item in found["items"]} == {MAX_MESSAGE}
        lists = [request for request in all_wired.api.requests if request.resource == "events"]
        assert len(lists) == 3, "no second page is asked for"

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x"])
    async def test_limits_are_checked(self, all_wired: Wired, query: str) -> None:
        put(all_wired)
        assert await status_of(all_wired, f"{DEMO}/events?{query}") == 422


class TestUsage:
    async def test_figures_stand_beside_their_bounds(self, all_wired: Wired) -> None:
        instance = put(all_wired)
        all_wired.server.volumes.add(
            {
                "metadata": {
                    "name": "demo-disk",
                    "namespace": "team",
                    "labels": {"devworkspace.kubesphere.io/instance-uid": instance.metadata.uid},
                },
                "status": {"phase": "Bound", "capacity": {"storage": "10Gi"}},
            }
        )
        all_wired.api.put(
            POD_METRICS,
            {
                "metadata": {"name": child_name(instance), "namespace": "team"},
                "timestamp": "2026-11-24T12:00:00Z",
                "window": "15s",
                "containers": [
                    {"name": "sidecar", "usage": {"cpu": "4", "memory": "9Gi"}},
                    {"name": "workspace", "usage": {"cpu": "250000000n", "memory": "524288Ki"}},
                ],
            },
        )
        found = await get(all_wired, f"{DEMO}/usage")
        assert len(found.pop("months")) == 3
        assert found == {
            "available": True,
            "detail": "",
            "measuredAt": "2026-11-24T12:00:00Z",
            "window": "15s",
            "cpu": {"used": 0.25, "request": 0.5, "limit": 2.0},
            "memory": {"used": 512 * 2**20, "request": 2**30, "limit": 2 * 2**30},
            "disk": {"used": None, "request": None, "limit": 10 * 2**30},
            "currency": None,
        }

    async def test_why_there_are_none(self, all_wired: Wired) -> None:
        put(all_wired)
        found = await get(all_wired, f"{DEMO}/usage")
        assert (found["available"], found["cpu"]["used"], found["cpu"]["limit"]) == (False, None, 2.0)
        assert "no metrics API" in found["detail"] or "no figures yet" in found["detail"]
        all_wired.api.faults.append(Fault(resource="pods", verb="get", status=503, times=None))
        found = await get(all_wired, f"{DEMO}/usage")
        assert (found["available"], "does not answer" in found["detail"]) == (False, True)

    async def test_one_that_does_not_run_uses_nothing(self, all_wired: Wired) -> None:
        put(all_wired, pod=False, phase="Stopped", podName=None)
        found = await get(all_wired, f"{DEMO}/usage")
        assert (found["available"], "does not run" in found["detail"]) == (False, True)
        assert all_wired.api.requests == []


class TestYaml:
    async def test_it_is_the_object_without_what_nobody_reads(self, all_wired: Wired) -> None:
        put(all_wired)
        answer = await all_wired.browser.get(f"{all_wired.server.origin}{DEMO}/yaml")
        assert (answer.status, answer.content_type) == (200, "application/yaml")
        found = yaml.safe_load(answer.text)
        assert (found["metadata"]["name"], found["spec"]["templateRef"]) == ("demo", "python")
        assert "managedFields" not in found["metadata"]

    async def test_a_namesake_made_since_is_another_one(self, all_wired: Wired) -> None:
        put(all_wired)
        all_wired.api.remove(INSTANCES, Key("team", "demo"))
        all_wired.api.put(INSTANCES, {"metadata": {"name": "demo", "namespace": "team"}, "spec": {"owner": "x"}})
        assert await status_of(all_wired, f"{DEMO}/yaml") == 404


class TestQuota:
    def put_quota(self, wired: Wired, name: str = "team", scopes: tuple[str, ...] = (), **hard: str) -> None:
        hard = hard or {"limits.cpu": "8", "requests.storage": "100Gi", "count/ingresses": "3", "pods": "10"}
        used = {"limits.cpu": "7500m", "requests.storage": "120Gi", "count/ingresses": "1", "pods": "2"}
        body = {"metadata": {"name": name, "namespace": "team"}, "spec": {"scopes": scopes, "hard": hard}}
        wired.api.put(RESOURCE_QUOTAS, body)
        wired.api.set_status(RESOURCE_QUOTAS, Key("team", name), {"hard": hard, "used": used})

    async def test_what_is_left_for_environments(self, all_wired: Wired) -> None:
        all_wired.server.rbac.rights.add((ADMIN, "create", "", "team", ""))
        self.put_quota(all_wired)
        self.put_quota(all_wired, "best-effort", ("BestEffort",))
        all_wired.api.put(
            LIMIT_RANGES,
            {
                "metadata": {"name": "bounds", "namespace": "team"},
                "spec": {
                    "limits": [
                        {"type": "Container", "max": {"cpu": "4"}, "default": {"cpu": "1", "memory": "1Gi"}},
                        {"type": "openshift.io/Image", "max": {"storage": "1Gi"}},
                    ]
                },
            },
        )
        found = await get(all_wired, QUOTA)
        (quota,) = found["quotas"]
        assert [(item["resource"], item["hard"], item["used"], item["left"]) for item in quota["items"]] == [
            ("limits.cpu", "8", "7500m", 0.5),
            ("pods", "10", "2", 8),
            ("requests.storage", "100Gi", "120Gi", 0),
        ]
        assert [(item["resource"], item["max"], item["default"]) for item in found["limits"]] == [
            ("cpu", "4", "1"),
            ("memory", None, "1Gi"),
        ]

    async def test_it_is_for_those_who_have_business_there(self, all_wired: Wired) -> None:
        assert await status_of(all_wired, QUOTA) == 403
        assert await status_of(all_wired, QUOTA.replace("team", "absent")) == 403
        put(all_wired)
        assert await status_of(all_wired, QUOTA) == 200, "an owner there may see why a start waits"
