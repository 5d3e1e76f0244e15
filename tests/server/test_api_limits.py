"""What one person, and one namespace, may have: refused by the REST API before anything is made, with the numbers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.meta import ObjectMeta
from devworkspace.api.surroundings import ConfigMap
from devworkspace.core.pacing import queue_hold
from devworkspace.kube.errors import Forbidden
from devworkspace.server.ownerlimits import OwnerLimits
from tests.server.cluster import put, wired
from tests.server.support import ADMIN, Browser, Harness, make_instance, read, running_server, send

API = "/api/v1"
CREATE = f"{API}/namespaces/team/environments"
DEMO = f"{CREATE}/demo"
QUOTA = f"{API}/namespaces/team/quota"
LIMITS = f"{API}/limits"
MAY_CREATE = (ADMIN, "create", "", "team", "")


class Limited:
    """A server whose admin can change the limits."""

    def __init__(self, server: Harness, browser: Browser, limits: OwnerLimits) -> None:
        self.server = server
        self.browser = browser
        self._limits = limits

    def allow(self, **data: str) -> None:
        values = {name.replace("_", ".", 1): text for name, text in data.items()}
        metadata = ObjectMeta(name=names.LIMITS_CONFIG_MAP, namespace="devworkspace-system")
        self._limits.on_object(None, ConfigMap(metadata=metadata, data=values))

    def unbound(self) -> None:
        self._limits.on_object(ConfigMap(metadata=ObjectMeta()), None)

    def add(self, name: str, *, running: bool = True, owner: str | None = ADMIN, namespace: str = "team") -> None:
        phase: Any = "Running" if running else "Stopped"
        self.server.table.on_instance(None, make_instance(name, namespace, owner=owner, phase=phase, running=running))

    def add_volume(self, name: str, size: str, *, uid: str = "gone", owner: str = ADMIN, kept: bool = True) -> None:
        labels = {names.LABEL_INSTANCE_UID: uid, **({names.LABEL_RETAINED: "true"} if kept else {})}
        metadata = {
            "name": name,
            "namespace": "team",
            "labels": labels,
            "annotations": {names.ANNOTATION_OWNER: owner},
        }
        self.server.volumes.add({"metadata": metadata, "spec": {"resources": {"requests": {"storage": size}}}})

    async def create(self, **body: Any) -> Any:
        wanted = {"name": "fresh", "template": "python", **body}
        return await send(self.server, self.browser, "POST", CREATE, body=wanted)


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[Limited]:
    limits = OwnerLimits()
    async with running_server(tmp_path, limits=limits) as server, server.browser() as browser:
        assert (await browser.sign_in()).status == 303
        server.rbac.rights.add(MAY_CREATE)
        resources = {"limits": {"cpu": "2", "memory": "4Gi"}}
        overrides = {"maxResources": {"cpu": "8"}, "maxStorage": "500Gi"}
        server.catalogue.add("python", resources=resources, storage={"size": "10Gi"}, overrides=overrides)
        yield Limited(server, browser, limits)


@pytest.mark.parametrize(
    ("key", "limit", "shortage"),
    [
        ("owner_environments", "2", {"resource": "environments", "used": "2", "needs": "1", "limit": "2"}),
        ("owner_running", "1", {"resource": "running", "used": "1", "needs": "1", "limit": "1"}),
        ("owner_cpu", "3", {"resource": "cpu", "used": "2", "needs": "2", "limit": "3"}),
        ("owner_memory", "7Gi", {"resource": "memory", "used": "4Gi", "needs": "4Gi", "limit": "7Gi"}),
        ("owner_storage", "29Gi", {"resource": "storage", "used": "20Gi", "needs": "10Gi", "limit": "29Gi"}),
    ],
)
async def test_one_too_many_is_refused_with_the_numbers(
    limited: Limited, key: str, limit: str, shortage: dict[str, str]
) -> None:
    limited.add("a")
    limited.add("b", running=False)
    limited.add("others", owner="li.wei")
    limited.allow(**{key: limit})
    answer = await limited.create()
    assert answer.status == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (answer.json()["reason"], answer.json()["limits"]) == ("OwnerLimitReached", [shortage])
    assert f"{shortage['used']} of {shortage['limit']} are taken" in answer.json()["detail"]
    assert limited.server.api.created == []
    assert (await send(limited.server, limited.browser, "POST", CREATE + "?dryRun=true", body=_WANTED)).status == 403
    limited.allow(**{key: "1000Gi" if key.endswith(("memory", "storage")) else "1000"})
    assert (await limited.create()).status == 201, "positive control"


_WANTED = {"name": "fresh", "template": "python"}


async def test_limits_count_over_all_namespaces(limited: Limited) -> None:
    limited.add("a", namespace="elsewhere")
    limited.allow(owner_running="1")
    assert (await limited.create()).status == 403


async def test_without_limits_nothing_is_refused_and_a_mistake_refuses_everything(limited: Limited) -> None:
    limited.allow(owner_runing="1")
    answer = await limited.create()
    assert (answer.status, answer.json()["reason"]) == (403, "LimitsUnreadable")
    assert "owner.runing" in answer.json()["detail"]
    limited.unbound()
    assert (await limited.create()).status == 201


async def test_a_bigger_size_counts_as_what_it_is(limited: Limited) -> None:
    limited.allow(owner_cpu="4")
    assert (await limited.create(cpu="5")).status == 403
    assert (await limited.create(cpu="4")).status == 201


async def test_a_start_past_the_limit_is_refused_and_a_running_one_is_left_alone(limited: Limited) -> None:
    limited.add("demo", running=False)
    limited.add("busy")
    limited.allow(owner_running="1")
    answer = await send(limited.server, limited.browser, "POST", f"{DEMO}/start")
    assert (answer.status, answer.json()["reason"]) == (403, "OwnerLimitReached")
    assert limited.server.api.patches == []
    limited.allow(owner_running="0")
    busy = await send(limited.server, limited.browser, "POST", f"{CREATE}/busy/restart")
    assert busy.status == 204, "the operator decides on who runs already"
    assert (await send(limited.server, limited.browser, "POST", f"{CREATE}/busy/stop")).status == 204
    limited.allow(owner_running="2")
    assert (await send(limited.server, limited.browser, "POST", f"{DEMO}/start")).status == 204


async def test_kept_disks_count_and_one_that_is_taken_over_counts_once(limited: Limited) -> None:
    limited.add_volume("old", "10Gi")
    limited.add_volume("foreign", "100Gi", owner="li.wei")
    limited.allow(owner_storage="15Gi")
    answer = await limited.create()
    assert answer.status == 403
    assert answer.json()["limits"][0]["used"] == "10Gi"
    assert (await limited.create(adoptVolume="old")).status == 201


async def test_a_disk_grows_within_the_limit(limited: Limited) -> None:
    limited.add("demo", running=False)
    limited.add_volume("demo", "10Gi", uid="uid-team-demo", kept=False)
    limited.allow(owner_storage="30Gi")
    answer = await send(limited.server, limited.browser, "PATCH", DEMO, body={"storage": "31Gi"})
    assert (answer.status, answer.json()["reason"]) == (403, "OwnerLimitReached")
    assert answer.json()["limits"] == [{"resource": "storage", "used": "10Gi", "needs": "21Gi", "limit": "30Gi"}]
    assert (await send(limited.server, limited.browser, "PATCH", DEMO, body={"storage": "30Gi"})).status == 200


async def test_the_numbers_that_hold_one_back_are_shown_with_it(limited: Limited) -> None:
    limited.add("demo")
    assert (await read(limited.server, limited.browser, DEMO))["shortages"] == []
    limited.add("busy")
    limited.allow(owner_running="1")
    refused = await limited.create()
    held = make_instance(phase="Pending", reason=refused.json()["reason"], message=refused.json()["detail"])
    limited.server.table.on_instance(None, held)
    found = await read(limited.server, limited.browser, DEMO)
    assert found["shortages"] == [{"resource": "running", "used": "2", "needs": "1", "limit": "1"}]


async def test_an_admin_sees_what_everybody_has_beside_the_limits(limited: Limited) -> None:
    limited.add("a")
    limited.add("b", running=False)
    limited.add("c", owner="li.wei", namespace="web")
    limited.add("d", owner=None, namespace="web")
    limited.add_volume("old", "100Gi", owner="li.wei")
    limited.allow(owner_running="1", owner_storage="200Gi", starts_namespace="7")
    assert (await limited.browser.get(limited.server.origin + LIMITS)).status == 403, "not for everybody"
    limited.server.rbac.grants.add((ADMIN, "", ""))
    found = await read(limited.server, limited.browser, LIMITS)
    assert (found["source"], found["problem"]) == ("devworkspace-system/devworkspace-limits", "")
    unbounded = {"environments": None, "cpu": None, "memory": None}
    assert found["owner"] == {"running": "1", "storage": "200Gi", **unbounded}
    assert (found["starts"], found["startsInNamespace"], found["total"]) == (300, 7, 3)
    rows = {(row["owner"], row["namespace"]): row for row in found["items"]}
    assert rows[ADMIN, ""] == {
        "owner": ADMIN,
        "namespace": "",
        "environments": "2",
        "running": "1",
        "cpu": "2",
        "memory": "4Gi",
        "storage": "20Gi",
        "starting": 0,
        "waiting": 0,
        "full": ["running"],
    }
    assert rows["li.wei", ""]["storage"] == "110Gi", "kept disks count"
    assert ("", "web") in rows, "what belongs to nobody is bounded by its namespace"


async def test_what_everybody_has_can_be_summed_up_by_namespace_and_searched(limited: Limited) -> None:
    limited.server.rbac.grants.add((ADMIN, "", ""))
    limited.add("a")
    limited.add("b", owner="li.wei")
    limited.add("c", owner="li.wei", namespace="web", running=False)
    hold = queue_hold(make_instance().status, position=1, total=1)
    limited.server.table.on_instance(None, make_instance("d", "web", phase="Pending", reason=hold.reason))
    limited.server.table.on_instance(None, make_instance("e", "web", phase="Provisioning"))
    limited.allow(owner_running="1")
    found = await read(limited.server, limited.browser, f"{LIMITS}?by=namespace")
    rows = [(row["namespace"], row["environments"], row["starting"], row["waiting"]) for row in found["items"]]
    assert rows == [("web", "3", 1, 1), ("team", "2", 0, 0)]
    assert {row["owner"] for row in found["items"]} == {""}
    assert {tuple(row["full"]) for row in found["items"]} == {()}, "one person's bounds are not a namespace's"
    one = await read(limited.server, limited.browser, f"{LIMITS}?q=LI.&limit=1")
    assert ([row["owner"] for row in one["items"]], one["total"]) == (["li.wei"], 1)
    fullest = await read(limited.server, limited.browser, f"{LIMITS}?limit=1")
    assert (len(fullest["items"]), fullest["total"]) == (1, 2)


async def test_limits_that_cannot_be_read_are_shown_as_a_problem(limited: Limited) -> None:
    limited.server.rbac.grants.add((ADMIN, "", ""))
    limited.allow(owner_runing="1")
    assert "owner.runing" in (await read(limited.server, limited.browser, LIMITS))["problem"]


async def test_a_place_in_the_queue_is_shown(limited: Limited) -> None:
    limited.add("demo")
    assert (await read(limited.server, limited.browser, DEMO))["queue"] is None
    hold = queue_hold(make_instance().status, position=12, total=80)
    waiting = make_instance(phase="Pending", reason=hold.reason, message=hold.message)
    limited.server.table.on_instance(None, waiting)
    assert (await read(limited.server, limited.browser, DEMO))["queue"] == {"position": 12, "total": 80}


async def test_a_quota_of_the_namespace_that_is_used_up_comes_back_with_its_numbers(limited: Limited) -> None:
    """The API server's own words, as Kubernetes 1.34 says them."""
    count = "count/workspaceinstances.devworkspace.kubesphere.io"
    words = (
        f'workspaceinstances.devworkspace.kubesphere.io "fresh" is forbidden: exceeded quota: environments, requested: '
        f"{count}=1, used: {count}=20, limited: {count}=20"
    )
    limited.server.api.refusal = Forbidden(status=403, reason="Forbidden", message=words)
    answer = await limited.create()
    assert (answer.status, answer.json()["reason"]) == (403, "QuotaExceeded")
    assert answer.json()["limits"] == [{"resource": count, "used": "20", "needs": "1", "limit": "20"}]
    assert "quota 'environments' is used up" in answer.json()["detail"]


async def test_what_is_left_for_oneself_stands_beside_the_quota_of_the_namespace(tmp_path: Path) -> None:
    limits = OwnerLimits()
    data = {"owner.running": "3", "owner.storage": "100Gi", "starts.cluster": "5"}
    limits.on_object(None, ConfigMap(metadata=ObjectMeta(), data=data))
    async with wired(tmp_path, limits=limits) as all_wired:
        all_wired.server.rbac.rights.add(MAY_CREATE)
        all_wired.server.catalogue.add("python", storage={"size": "10Gi"})
        put(all_wired)
        found = await read(all_wired.server, all_wired.browser, QUOTA)
        assert found["own"] == [
            {"resource": "running", "hard": "3", "used": "1", "left": 2},
            {"resource": "storage", "hard": "100Gi", "used": "10Gi", "left": 90 * 2**30},
        ]
