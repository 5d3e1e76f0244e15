"""Kept volumes: who sees them, who may delete one for good, and what stands against it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.resource import PODS, PVCS
from tests.server.cluster import API, Wired, wired
from tests.server.support import ADMIN, Answer, read, send
from tests.support.fake_apiserver import INSTANCES
from tests.support.fake_faults import Fault

MAY_DELETE_KEPT = (ADMIN, "delete", "volume")
MAY_DELETE_CLAIMS = (ADMIN, "delete", "persistentvolumeclaims")


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


def keep(
    wired: Wired,
    name: str = "demo-old",
    *,
    owner: str | None = ADMIN,
    namespace: str = "team",
    labels: dict[str, str | None] | None = None,
    subject: str = "",
) -> str:
    """A kept volume at the API server and in the watch; returns its UID. `labels` change them, None leaves one out."""
    usual: dict[str, str | None] = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_RETAINED: "true",
        names.LABEL_INSTANCE_UID: "uid-gone",
    }
    told = {
        names.ANNOTATION_OWNER: owner,
        names.ANNOTATION_OWNER_SUBJECT: subject or None,
        names.ANNOTATION_INSTANCE: "demo",
        names.ANNOTATION_TEMPLATE: "python",
        names.ANNOTATION_RETAINED_AT: "2026-11-24T12:00:00Z",
    }
    body: dict[str, Any] = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {key: value for key, value in {**usual, **(labels or {})}.items() if value is not None},
            "annotations": {key: value for key, value in told.items() if value is not None},
        },
        "spec": {"resources": {"requests": {"storage": "10Gi"}}},
        "status": {"capacity": {"storage": "12Gi"}},
    }
    made = wired.api.put(PVCS, body)
    wired.server.volumes.add({**made, "status": body["status"]})
    return str(made["metadata"]["uid"])


def is_there(wired: Wired, name: str = "demo-old") -> bool:
    return wired.api.get(PVCS, Key("team", name)) is not None


async def purge(wired: Wired, uid: str, name: str = "demo-old", **options: Any) -> Answer:
    path = f"{API}/namespaces/team/volumes/{name}?uid={uid}"
    return await send(wired.server, wired.browser, "DELETE", path, **options)


async def listed(wired: Wired, query: str = "") -> list[Any]:
    items: list[Any] = (await read(wired.server, wired.browser, f"{API}/volumes{query}"))["items"]
    return items


class TestList:
    async def test_it_says_what_is_on_them(self, all_wired: Wired) -> None:
        uid = keep(all_wired)
        (found,) = await listed(all_wired)
        assert found["uid"] == uid
        assert (found["environment"], found["template"], found["owner"]) == ("demo", "python", ADMIN)
        assert (found["size"], found["keptSince"], found["deleting"]) == ("12Gi", "2026-11-24T12:00:00Z", False)
        assert found["allowed"] == {"adopt": False, "delete": True}
        all_wired.server.rbac.rights.add((ADMIN, "create", "", "team", ""))
        assert (await listed(all_wired))[0]["allowed"]["adopt"] is True

    @pytest.mark.parametrize("right", [MAY_DELETE_KEPT, MAY_DELETE_CLAIMS])
    async def test_those_of_others_need_a_right_to_delete_them(
        self, all_wired: Wired, right: tuple[str, str, str]
    ) -> None:
        keep(all_wired, "mine")
        keep(all_wired, "theirs", owner="li.wei")
        keep(all_wired, "elsewhere", owner="li.wei", namespace="other")
        assert [item["name"] for item in await listed(all_wired, "?all=true")] == ["mine"]
        all_wired.server.rbac.rights.add((*right, "team", ""))
        assert [item["name"] for item in await listed(all_wired)] == ["mine"]
        assert [item["name"] for item in await listed(all_wired, "?all=true")] == ["mine", "theirs"]
        assert [item["name"] for item in await listed(all_wired, "?all=true&namespace=other")] == []

    async def test_an_administrator_sees_all_and_deletes_them_but_takes_none_over(self, all_wired: Wired) -> None:
        keep(all_wired, "theirs", owner="li.wei")
        uid = keep(all_wired, "elsewhere", owner="li.wei", namespace="other")
        everywhere = {(*MAY_DELETE_KEPT, "", ""), (*MAY_DELETE_KEPT, "other", ""), (ADMIN, "create", "", "", "")}
        all_wired.server.rbac.rights |= everywhere
        found = await listed(all_wired, "?all=true")
        assert [(item["name"], item["owner"]) for item in found] == [("elsewhere", "li.wei"), ("theirs", "li.wei")]
        assert {(item["allowed"]["adopt"], item["allowed"]["delete"]) for item in found} == {(False, True)}
        path = f"{API}/namespaces/other/volumes/elsewhere?uid={uid}"
        assert (await send(all_wired.server, all_wired.browser, "DELETE", path)).status == 204

    async def test_a_name_that_was_given_out_again_inherits_nothing(self, all_wired: Wired) -> None:
        uid = keep(all_wired, subject="the account before")
        assert await listed(all_wired) == []
        assert (await purge(all_wired, uid)).status == 404
        assert is_there(all_wired)


class TestPurge:
    async def test_the_owner_deletes_it_for_good(self, all_wired: Wired) -> None:
        uid = keep(all_wired)
        with capture_logs() as lines:
            assert (await purge(all_wired, uid)).status == 204
        assert not is_there(all_wired)
        (line,) = [line for line in lines if line.get("action") == "purge-volume"]
        assert (line["result"], line["namespace"], line["volume"], line["uid"]) == ("ok", "team", "demo-old", uid)
        assert (line["user"], line["source"], line["owner"], line["of"]) == (ADMIN, "127.0.0.1", ADMIN, "demo")

    async def test_others_only_with_the_right_to_delete_the_claim(self, all_wired: Wired) -> None:
        uid = keep(all_wired, owner="li.wei")
        absent = await purge(all_wired, uid, "absent")
        refused = await purge(all_wired, uid)
        assert (absent.status, refused.status, absent.body == refused.body) == (404, 404, True)
        assert is_there(all_wired)
        all_wired.server.rbac.rights.add((*MAY_DELETE_CLAIMS, "team", "demo-old"))
        assert (await purge(all_wired, uid)).status == 204, "positive control"

    @pytest.mark.parametrize(
        ("labels", "word"),
        [
            ({names.LABEL_RETAINED: None}, "belongs to an environment"),
            ({names.LABEL_RETAINED: "false"}, "belongs to an environment"),
            ({names.LABEL_MANAGED_BY: "somebody"}, "No environment made"),
            ({names.LABEL_INSTANCE_UID: None}, "No environment made"),
        ],
    )
    async def test_what_is_not_kept_is_not_touched(
        self, all_wired: Wired, labels: dict[str, str | None], word: str
    ) -> None:
        uid = keep(all_wired, labels=labels)
        with capture_logs() as lines:
            answer = await purge(all_wired, uid)
        assert (answer.status, word in answer.json()["detail"]) == (409, True)
        assert [line["result"] for line in lines if line.get("action") == "purge-volume"] == ["denied"]
        assert is_there(all_wired)

    async def test_a_mark_on_the_volume_of_one_that_lives_is_a_lie(self, all_wired: Wired) -> None:
        """Whoever may edit claims can set label and owner; the instance that is still there speaks against it."""
        made = all_wired.api.put(INSTANCES, {"metadata": {"name": "demo", "namespace": "team"}, "spec": {}})
        uid = keep(all_wired, labels={names.LABEL_INSTANCE_UID: made["metadata"]["uid"]})
        assert (await purge(all_wired, uid)).status == 409
        assert is_there(all_wired)
        all_wired.api.remove(INSTANCES, Key("team", "demo"))
        assert (await purge(all_wired, uid)).status == 204, "positive control"

    @pytest.mark.parametrize(("phase", "status"), [("Running", 409), ("Pending", 409), ("Succeeded", 204)])
    async def test_a_pod_on_it_is_in_the_way(self, all_wired: Wired, phase: str, status: int) -> None:
        uid = keep(all_wired)
        claim = {"persistentVolumeClaim": {"claimName": "demo-old"}}
        body = {"metadata": {"name": "user", "namespace": "team"}, "spec": {"volumes": [{"emptyDir": {}}, claim]}}
        all_wired.api.put(PODS, body)
        all_wired.api.set_status(PODS, Key("team", "user"), {"phase": phase})
        assert (await purge(all_wired, uid)).status == status
        assert is_there(all_wired) is (status == 409)

    async def test_a_namesake_made_since_is_safe(self, all_wired: Wired) -> None:
        keep(all_wired)
        assert (await purge(all_wired, "uid-of-another")).status == 412
        assert is_there(all_wired)

    async def test_the_uid_must_be_named(self, all_wired: Wired) -> None:
        keep(all_wired)
        path = f"{API}/namespaces/team/volumes/demo-old"
        assert (await send(all_wired.server, all_wired.browser, "DELETE", path)).status == 422
        assert is_there(all_wired)

    async def test_one_that_was_taken_over_a_moment_ago_is_not_touched(self, all_wired: Wired) -> None:
        """Between the look and the deletion the operator gave it to a new environment."""
        uid = keep(all_wired)
        slow = Fault(verb="list", resource="pods", delay=0.5)
        all_wired.api.faults.append(slow)
        asked = asyncio.create_task(purge(all_wired, uid))
        async with asyncio.timeout(30):
            while slow.times:
                await asyncio.sleep(0.01)
        taken = {"metadata": {"labels": {names.LABEL_RETAINED: None, names.LABEL_INSTANCE_UID: "uid-new"}}}
        all_wired.api.patch(PVCS, Key("team", "demo-old"), taken)
        assert (await asked).status == 412
        assert is_there(all_wired)

    async def test_other_sites_delete_nothing(self, all_wired: Wired) -> None:
        uid = keep(all_wired)
        assert (await purge(all_wired, uid, headers={"Origin": "http://evil.example"})).status == 403
        assert (await purge(all_wired, uid, headers={"X-DevWorkspace-CSRF": None})).status == 403
        assert is_there(all_wired)
