"""Trying a template before it is published: who may, what is made, what nobody else gets, and that all of it goes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.kube.client import Client
from devworkspace.kube.informer import Informer
from tests.server.cluster import API, Wired, wired
from tests.server.support import ADMIN, Answer, Synced, read, send
from tests.support.fake_apiserver import INSTANCES, TEMPLATES
from tests.support.fake_faults import Fault
from tests.support.fixtures import eventually

TRIALS = f"{API}/trials"
MAY_PUBLISH = (ADMIN, "create", names.TEMPLATE_PLURAL, "", "")
MAY_CREATE = (ADMIN, "create", "", "team", "")
SPEC: dict[str, Any] = {
    "displayName": "Draft",
    "state": "Hidden",
    "replacedBy": "other",
    "environment": {"image": "draft:1"},
    "access": {"namespaceSelector": {"matchLabels": {"team": "other"}}},
    "lifecycle": {"idleTimeout": "30m", "deleteAfterStopped": "1m"},
    "fieldOfTheFuture": {"x": 1},
}
BODY = {"namespace": "team", "spec": SPEC}
ONLY_HERE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team"}}}


@pytest.fixture
async def trying(tmp_path: Path) -> AsyncIterator[Wired]:
    """A server with both rights, whose table and catalogue follow the cluster by watches."""
    watch = Synced()
    async with wired(tmp_path, watches=(("workspaceinstances", watch),)) as made, contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(made.api.endpoint, field_manager="test"))
        catalogue = made.server.catalogue
        catalogue.labels["team"] = {"kubernetes.io/metadata.name": "team"}

        def on_template(old: WorkspaceTemplate | None, new: WorkspaceTemplate | None) -> None:
            if new is not None:
                catalogue.known[new.metadata.name] = new
            elif old is not None:
                catalogue.known.pop(old.metadata.name, None)

        for informer in (
            Informer(client, INSTANCES, WorkspaceInstance, on_change=made.server.table.on_instance),
            Informer(client, TEMPLATES, WorkspaceTemplate, on_change=on_template),
        ):
            task = asyncio.create_task(informer.run())
            stack.callback(task.cancel)
            await informer.synced.wait()
        made.server.rbac.rights |= {MAY_PUBLISH, MAY_CREATE}
        yield made


async def ask(wired: Wired, body: Any = BODY) -> Answer:
    return await send(wired.server, wired.browser, "POST", TRIALS, body=body)


def back(wired: Wired, **by: float) -> None:
    """What is made from now on was made so long ago."""
    wired.api.clock = lambda: datetime.now(UTC) - timedelta(**by)


async def sweep(wired: Wired) -> None:
    await wired.server.rooms.trials.sweep()


async def test_a_trial_is_an_environment_of_a_template_that_only_it_can_use(trying: Wired) -> None:
    answer = await ask(trying)
    assert answer.status == 201, answer.text
    view = answer.json()
    assert (view["trial"], view["owner"], view["dataPolicy"], view["displayName"]) == (True, ADMIN, "Delete", "Draft")
    template = trying.api.get(TEMPLATES, Key("", view["template"])) or {}
    assert template["metadata"]["labels"] == {names.LABEL_TRIAL: "true"}
    wanted = {field: SPEC[field] for field in ("displayName", "environment", "fieldOfTheFuture")}
    assert template["spec"] == {**wanted, "lifecycle": {"idleTimeout": "30m"}, "access": ONLY_HERE}
    instance = trying.api.get(INSTANCES, Key("team", view["name"])) or {}
    assert instance["metadata"]["labels"] == {names.LABEL_TRIAL: "true"}
    found = await read(trying.server, trying.browser, f"{API}/namespaces/team/environments/{view['name']}")
    assert found["uid"] == view["uid"]


@pytest.mark.parametrize("missing", [MAY_PUBLISH, MAY_CREATE])
async def test_it_takes_both_rights(trying: Wired, missing: Any) -> None:
    trying.server.rbac.rights.remove(missing)
    assert (await ask(trying)).status == 403
    assert trying.api.writes == []
    trying.server.rbac.rights.add(missing)
    assert (await ask(trying)).status == 201, "positive control"


async def test_what_is_tried_is_nobody_elses_to_choose(trying: Wired) -> None:
    template = (await ask(trying)).json()["template"]
    await eventually(lambda: template in trying.server.catalogue.known)
    assert (await read(trying.server, trying.browser, f"{API}/templates"))["items"] == []
    wanted = {"name": "mine", "template": template}
    path = f"{API}/namespaces/team/environments"
    answer = await send(trying.server, trying.browser, "POST", path, body=wanted)
    assert (answer.status, answer.json()["reason"]) == (422, "TemplateMissing")


async def test_a_draft_that_the_cluster_refuses_leaves_nothing(trying: Wired) -> None:
    trying.api.faults.append(Fault(resource=INSTANCES.plural, verb="create", status=403, reason="Forbidden"))
    answer = await ask(trying)
    assert answer.status == 403
    assert trying.api.objects(TEMPLATES) == []
    trying.api.faults.append(Fault(resource=TEMPLATES.plural, verb="create", status=422, reason="Invalid"))
    assert (await ask(trying)).status == 422
    assert trying.api.objects(INSTANCES) == []
    assert (await ask(trying, {"namespace": "team", "spec": {"displayName": "x"}})).status == 422


async def test_a_trial_ends_after_an_hour_and_its_template_goes_after_it(trying: Wired) -> None:
    back(trying, minutes=59)
    young = (await ask(trying)).json()
    back(trying, minutes=61)
    old = (await ask(trying)).json()
    await eventually(lambda: {young["template"], old["template"]} <= set(trying.server.catalogue.known))
    await sweep(trying)
    assert trying.api.get(INSTANCES, Key("team", old["name"])) is None
    assert trying.api.get(INSTANCES, Key("team", young["name"])) is not None, "not before its time"
    await eventually(lambda: trying.server.table.find(old["id"]) is None)
    await sweep(trying)
    assert [found["metadata"]["name"] for found in trying.api.objects(TEMPLATES)] == [young["template"]]


async def test_nobodys_disk_is_lost_by_a_label(trying: Wired) -> None:
    """Who marks an environment of a published template as a trial keeps it."""
    body = {"displayName": "P", "environment": {"image": "p:1"}}
    trying.api.put(TEMPLATES, {"metadata": {"name": "python"}, "spec": body})
    back(trying, days=1)
    metadata = {"name": "demo", "namespace": "team", "labels": {names.LABEL_TRIAL: "true"}}
    trying.api.put(INSTANCES, {"metadata": metadata, "spec": {"templateRef": "python", "owner": ADMIN}})
    await eventually(lambda: "python" in trying.server.catalogue.known and len(trying.server.table) == 1)
    await sweep(trying)
    assert trying.api.get(INSTANCES, Key("team", "demo")) is not None
    assert trying.api.get(TEMPLATES, Key("", "python")) is not None


async def test_on_a_stale_view_nothing_is_deleted(trying: Wired) -> None:
    back(trying, minutes=3)
    metadata = {"name": "trial-0", "labels": {names.LABEL_TRIAL: "true"}}
    trying.api.put(TEMPLATES, {"metadata": metadata, "spec": {"displayName": "T", "environment": {"image": "t:1"}}})
    await eventually(lambda: "trial-0" in trying.server.catalogue.known)
    trying.server.rooms.readiness.leaving = True
    await sweep(trying)
    assert trying.api.get(TEMPLATES, Key("", "trial-0")) is not None
    trying.server.rooms.readiness.leaving = False
    await sweep(trying)
    assert trying.api.get(TEMPLATES, Key("", "trial-0")) is None
