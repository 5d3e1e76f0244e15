"""Changing an environment's settings: what becomes of each field, who may, and what is refused where."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.server.api.requests import merged, touched
from tests.server.cluster import DEMO, Wired, put, put_template, wired
from tests.server.support import ADMIN, Answer, read, send
from tests.support.fake_apiserver import INSTANCES


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        put_template(made, overrides={"images": ["python:2"], "env": True, "maxStorage": "50Gi"})
        yield made


async def change(wired: Wired, body: Any, *, query: str = "", **options: Any) -> Answer:
    return await send(wired.server, wired.browser, "PATCH", DEMO + query, body=body, **options)


def stored(wired: Wired) -> dict[str, Any]:
    return wired.api.get(INSTANCES, Key("team", "demo")) or {}


async def test_every_field_has_its_place(all_wired: Wired) -> None:
    put(all_wired)
    hours = {"days": ["Mon"], "stop": "18:00", "timeZone": "Asia/Shanghai", "except": ["2026-10-01"]}
    body = {
        "displayName": "Payments",
        "description": "pays",
        "cpu": "4",
        "memory": "8Gi",
        "storage": "20Gi",
        "image": "python:2",
        "variables": [{"name": "A", "value": "1"}],
        "idleTimeout": "30m",
        "maxRunDuration": "8h",
        "schedule": [hours],
        "dataPolicy": "Delete",
        "paused": True,
    }
    answer = await change(all_wired, body)
    assert answer.status == 200, answer.text
    assert stored(all_wired)["spec"] == {
        "templateRef": "python",
        "owner": ADMIN,
        "displayName": "Payments",
        "description": "pays",
        "overrides": {
            "resources": {"limits": {"cpu": "4", "memory": "8Gi"}},
            "storage": {"size": "20Gi"},
            "image": "python:2",
            "env": [{"name": "A", "value": "1"}],
        },
        "lifecycle": {"idleTimeout": "30m", "maxRunDuration": "8h", "schedule": [hours]},
        "dataPolicy": "Delete",
    }
    assert stored(all_wired)["metadata"]["annotations"] == {names.ANNOTATION_PAUSED: "true"}
    shown = answer.json()
    assert (shown["displayName"], shown["paused"], shown["own"]["image"]) == ("Payments", True, "python:2")
    assert shown["own"] == {
        "cpu": "4",
        "memory": "8Gi",
        "storage": "20Gi",
        "image": "python:2",
        "variables": [{"name": "A", "value": "1"}],
        "idleTimeout": "30m",
        "maxRunDuration": "8h",
        "schedule": [hours],
    }


async def test_null_goes_back_to_the_template_and_the_rest_stays(all_wired: Wired) -> None:
    put(all_wired)
    await change(all_wired, {"cpu": "4", "memory": "8Gi", "variables": [{"name": "A"}], "paused": True})
    assert (await change(all_wired, {"cpu": None, "variables": [], "paused": False})).status == 200
    assert stored(all_wired)["spec"]["overrides"] == {"resources": {"limits": {"memory": "8Gi"}}}
    assert stored(all_wired)["metadata"].get("annotations", {}) == {}


async def test_nothing_to_change_writes_nothing(all_wired: Wired) -> None:
    put(all_wired)
    assert (await change(all_wired, {})).status == 200
    assert all_wired.api.writes == []


async def test_a_dry_run_changes_nothing_and_leaves_no_line(all_wired: Wired) -> None:
    put(all_wired)
    with capture_logs() as lines:
        answer = await change(all_wired, {"displayName": "New"}, query="?dryRun=true")
    assert (answer.status, answer.json()["displayName"]) == (200, "New")
    assert "displayName" not in stored(all_wired)["spec"]
    assert [line for line in lines if "action" in line] == []
    with capture_logs() as lines:
        assert (await change(all_wired, {"displayName": "New"})).status == 200
    (line,) = [line for line in lines if line.get("action") == "edit"]
    assert (line["environment"], line["result"], line["fields"]) == ("demo", "ok", "displayName")


async def test_it_takes_the_right_to(all_wired: Wired) -> None:
    put(all_wired, owner="li.wei")
    assert (await change(all_wired, {"displayName": "Mine"})).status == 404
    all_wired.server.rbac.grants.add((ADMIN, "team", "demo"))
    assert (await change(all_wired, {"displayName": "Mine"})).status == 403
    assert all_wired.api.writes == []
    all_wired.server.rbac.rights.add((ADMIN, "update", "", "team", "demo"))
    assert (await change(all_wired, {"displayName": "Mine"})).status == 200, "positive control"


async def test_a_change_of_somebody_else_is_not_lost(all_wired: Wired) -> None:
    put(all_wired)
    etag = (await all_wired.browser.get(all_wired.server.origin + DEMO)).headers["ETag"]
    all_wired.api.patch(INSTANCES, Key("team", "demo"), {"spec": {"displayName": "Theirs"}})
    stale = await change(all_wired, {"displayName": "Mine"}, headers={"If-Match": etag})
    assert stale.status == 412, "the watch has not told of it yet; the API server knows"
    assert stored(all_wired)["spec"]["displayName"] == "Theirs"
    version = stored(all_wired)["metadata"]["resourceVersion"]
    late = await change(all_wired, {"displayName": "Mine"}, headers={"If-Match": f'"{version}"'})
    assert late.status == 412, "this server's own view is behind; it asks to read again"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"storage": "51Gi"}, "spec.overrides.storage.size"),
        ({"image": "evil:1"}, "spec.overrides.image"),
    ],
)
async def test_what_the_template_does_not_allow_is_said_by_field(
    all_wired: Wired, body: dict[str, str], field: str
) -> None:
    put(all_wired)
    answer = await change(all_wired, body)
    assert (answer.status, answer.json()["reason"]) == (422, "OverrideNotAllowed")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert all_wired.api.writes == []


async def test_what_was_allowed_before_is_nobody_s_obstacle_now(all_wired: Wired) -> None:
    """An admin lowered the bound; the name can be changed all the same."""
    instance = put(all_wired)
    put_template(all_wired, overrides={"maxStorage": "5Gi"})
    all_wired.api.patch(INSTANCES, Key("team", "demo"), {"spec": {"overrides": {"storage": {"size": "20Gi"}}}})
    assert instance.spec.template_ref == "python"
    assert (await change(all_wired, {"displayName": "New", "cpu": "1"})).status == 200
    assert (await change(all_wired, {"storage": "30Gi"})).status == 422, "positive control"


@pytest.mark.parametrize(
    "body",
    [
        {"owner": "li.wei"},
        {"template": "go"},
        {"storage": None},
        {"dataPolicy": "Burn"},
        {"cpu": ""},
        {"paused": 1},
        [],
    ],
)
async def test_what_cannot_change_is_refused(all_wired: Wired, body: Any) -> None:
    put(all_wired)
    assert (await change(all_wired, body)).status == 422
    assert all_wired.api.writes == []


async def test_one_that_is_being_deleted_is_left_alone(all_wired: Wired) -> None:
    instance = put(all_wired)
    metadata = msgspec.structs.replace(instance.metadata, deletion_timestamp="2026-11-24T12:00:00Z")
    all_wired.server.table.on_instance(instance, msgspec.structs.replace(instance, metadata=metadata))
    assert (await change(all_wired, {"displayName": "New"})).status == 409
    assert (await read(all_wired.server, all_wired.browser, DEMO))["allowed"]["edit"]["obstacle"] == "phase"


def test_merging_is_what_the_api_server_does() -> None:
    value = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merged(value, {"a": {"b": None, "e": {"f": 3}}, "d": [2]}) == {"a": {"c": 2, "e": {"f": 3}}, "d": [2]}
    assert value == {"a": {"b": 1, "c": 2}, "d": [1]}, "inputs are never changed"


def test_what_a_patch_touches() -> None:
    assert touched({"spec": {"overrides": {"image": None, "env": [{"name": "A"}]}, "running": True}}) == {
        "spec.overrides.image",
        "spec.overrides.env",
        "spec.running",
    }
