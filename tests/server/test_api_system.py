"""Whether the parts of the installation work, as the admins' page is told it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.kube.clock import micro_timestamp
from devworkspace.kube.resource import LEASES, POD_METRICS, STORAGE_CLASSES
from tests.server.cluster import API, Wired, wired
from tests.server.support import ADMIN, read
from tests.support.fake_faults import Fault

SYSTEM = f"{API}/system"


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        made.server.rbac.grants.add((ADMIN, "", ""))
        yield made


def put_lease(wired: Wired, name: str, *, age: timedelta, holder: str | None = None) -> None:
    renewed = micro_timestamp(datetime.now(UTC) - age)
    spec: dict[str, Any] = {"renewTime": renewed, "leaseDurationSeconds": 15, "holderIdentity": holder}
    metadata = {"name": name, "namespace": names.SYSTEM_NAMESPACE}
    wired.api.put(LEASES, {"metadata": metadata, "spec": spec})


async def checks(wired: Wired) -> dict[str, tuple[str, str]]:
    found = await read(wired.server, wired.browser, SYSTEM)
    return {check["id"]: (check["state"], check["detail"]) for check in found["checks"]}


async def test_parts_that_work(all_wired: Wired) -> None:
    put_lease(all_wired, names.OPERATOR_LEASE, age=timedelta(seconds=1), holder="operator-1_uid")
    put_lease(all_wired, names.ACTIVITY_LEASE, age=timedelta(minutes=2))
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    all_wired.api.put(STORAGE_CLASSES, {"metadata": {"name": "fast"}})
    all_wired.api.put(STORAGE_CLASSES, {"metadata": {"name": "local", "annotations": default}})
    assert await checks(all_wired) == {
        "operator": ("ok", "operator-1"),
        "activity": ("ok", ""),
        "metrics": ("ok", ""),
        "storage": ("ok", "local"),
    }
    found = await read(all_wired.server, all_wired.browser, SYSTEM)
    assert (found["addressMode"], found["secure"]) == ("subdomain", False)


async def test_parts_that_are_not_there(all_wired: Wired) -> None:
    all_wired.api.resources = tuple(resource for resource in all_wired.api.resources if resource != POD_METRICS)
    all_wired.api.put(STORAGE_CLASSES, {"metadata": {"name": "fast"}})
    assert {state for state, _ in (await checks(all_wired)).values()} == {"problem"}


async def test_an_operator_that_has_gone_or_hangs(all_wired: Wired) -> None:
    put_lease(all_wired, names.OPERATOR_LEASE, age=timedelta(minutes=1), holder="operator-1_uid")
    put_lease(all_wired, names.ACTIVITY_LEASE, age=timedelta(minutes=5))
    found = await checks(all_wired)
    assert (found["operator"], found["activity"]) == (("problem", "operator-1"), ("problem", ""))
    put_lease(all_wired, names.OPERATOR_LEASE, age=timedelta(0), holder="")
    assert (await checks(all_wired))["operator"] == ("problem", "")


async def test_what_cannot_be_asked_is_unknown_and_not_a_problem(all_wired: Wired) -> None:
    for resource in ("leases", "storageclasses"):
        all_wired.api.faults.append(Fault(resource=resource, times=None, status=403))
    found = await checks(all_wired)
    assert {found[part][0] for part in ("operator", "activity", "storage")} == {"unknown"}


async def test_only_for_those_who_may_open_everything(all_wired: Wired) -> None:
    all_wired.server.rbac.grants.clear()
    all_wired.server.rbac.grants.add((ADMIN, "team", ""))
    answer = await all_wired.browser.get(all_wired.server.origin + SYSTEM)
    assert answer.status == 403
    assert all_wired.api.requests == []
