"""Templates for those who publish them: rights, the cluster's judgement, lost updates, templates in use."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from structlog.testing import capture_logs

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.api.template import PrePullStatus, TemplateStatus, WorkspaceTemplate
from devworkspace.server.starters import read_starters
from tests.server.cluster import API, Wired, put, put_template, wired
from tests.server.support import ADMIN, Answer, read, send
from tests.support.fake_apiserver import TEMPLATES
from tests.support.fake_faults import Fault

ALL = f"{API}/templates"
ONE = f"{ALL}/python"
SPEC: dict[str, Any] = {"displayName": "Python", "environment": {"image": "python:2"}}


@pytest.fixture
async def all_wired(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        yield made


def grant(wired: Wired, verb: str, name: str = "python") -> None:
    wired.server.rbac.rights.add((ADMIN, verb, names.TEMPLATE_PLURAL, "", name))


async def ask(wired: Wired, method: str, path: str, **options: Any) -> Answer:
    return await send(wired.server, wired.browser, method, path, **options)


def stored(wired: Wired, name: str = "python") -> dict[str, Any] | None:
    return wired.api.get(TEMPLATES, Key("", name))


@pytest.mark.parametrize(
    ("method", "path", "verb", "body", "status"),
    [
        ("POST", ALL, "create", {"name": "python", "spec": SPEC}, 201),
        ("PUT", ONE, "update", {"spec": SPEC}, 200),
        ("DELETE", ONE, "delete", None, 204),
        ("GET", f"{ONE}/yaml", "get", None, 200),
    ],
)
async def test_each_takes_the_right_to(
    all_wired: Wired, method: str, path: str, verb: str, body: Any, status: int
) -> None:
    if verb != "create":
        put_template(all_wired)
    for other in {"create", "update", "delete", "get"} - {verb}:
        grant(all_wired, other)
    before = stored(all_wired)
    assert (await ask(all_wired, method, path, body=body)).status == 403
    assert stored(all_wired) == before
    assert all_wired.api.writes == []
    grant(all_wired, verb)
    assert (await ask(all_wired, method, path, body=body)).status == status, "positive control"


class TestPublishing:
    async def test_what_was_sent_is_what_is_stored(self, all_wired: Wired) -> None:
        grant(all_wired, "create")
        spec = {**SPEC, "tags": ["ml"], "storage": {"size": "20Gi"}, "fieldOfTheFuture": {"x": 1}}
        with capture_logs() as lines:
            answer = await ask(all_wired, "POST", ALL, body={"name": "python", "spec": spec})
        assert answer.status == 201, answer.text
        assert (answer.json()["name"], answer.json()["storage"]) == ("python", "20Gi")
        assert (stored(all_wired) or {})["spec"] == spec, "what this server does not know is the cluster's to judge"
        (line,) = [line for line in lines if line.get("action") == "create-template"]
        assert (line["template"], line["user"]) == ("python", ADMIN)

    async def test_a_dry_run_makes_nothing_and_leaves_no_line(self, all_wired: Wired) -> None:
        grant(all_wired, "create")
        with capture_logs() as lines:
            answer = await ask(all_wired, "POST", f"{ALL}?dryRun=true", body={"name": "python", "spec": SPEC})
        assert answer.status == 201
        assert stored(all_wired) is None
        assert [line for line in lines if "action" in line] == []

    async def test_a_name_that_is_taken(self, all_wired: Wired) -> None:
        put_template(all_wired)
        grant(all_wired, "create")
        answer = await ask(all_wired, "POST", ALL, body={"name": "python", "spec": SPEC})
        assert (answer.status, "python" in answer.json()["detail"]) == (409, True)

    @pytest.mark.parametrize(
        ("spec", "field"),
        [
            ({"environment": {"image": "x"}}, "displayName"),
            ({"displayName": "X"}, "environment"),
            ({**SPEC, "state": "Asleep"}, "spec.state"),
            ({**SPEC, "storage": {"size": ["10Gi"]}}, "spec.storage.size"),
        ],
    )
    async def test_what_is_wrong_is_said_by_field(self, all_wired: Wired, spec: dict[str, Any], field: str) -> None:
        grant(all_wired, "create")
        answer = await ask(all_wired, "POST", ALL, body={"name": "python", "spec": spec})
        assert answer.status == 422
        assert field in answer.json()["detail"]
        assert stored(all_wired) is None


class TestEditing:
    async def test_the_spec_is_replaced_and_the_rest_kept(self, all_wired: Wired) -> None:
        put_template(all_wired, tags=["old"])
        all_wired.api.patch(TEMPLATES, Key("", "python"), {"metadata": {"labels": {"team": "ml"}}})
        grant(all_wired, "update")
        answer = await ask(all_wired, "PUT", ONE, body={"spec": SPEC})
        assert answer.status == 200, answer.text
        after = stored(all_wired) or {}
        assert after["spec"] == SPEC
        assert after["metadata"]["labels"] == {"team": "ml"}
        assert answer.json()["resourceVersion"] == after["metadata"]["resourceVersion"]

    async def test_a_dry_run_changes_nothing(self, all_wired: Wired) -> None:
        put_template(all_wired)
        grant(all_wired, "update")
        before = stored(all_wired)
        answer = await ask(all_wired, "PUT", f"{ONE}?dryRun=true", body={"spec": {**SPEC, "displayName": "New"}})
        assert (answer.status, answer.json()["displayName"]) == (200, "New")
        assert stored(all_wired) == before

    async def test_an_edit_of_somebody_else_is_not_lost(self, all_wired: Wired) -> None:
        put_template(all_wired)
        grant(all_wired, "update")
        etag = (await all_wired.browser.get(all_wired.server.origin + ONE)).headers["ETag"]
        all_wired.api.patch(TEMPLATES, Key("", "python"), {"spec": {"displayName": "Theirs"}})
        stale = await ask(all_wired, "PUT", ONE, body={"spec": SPEC}, headers={"If-Match": etag})
        assert stale.status == 412
        assert (stored(all_wired) or {})["spec"]["displayName"] == "Theirs"
        version = (stored(all_wired) or {})["metadata"]["resourceVersion"]
        fresh = await ask(all_wired, "PUT", ONE, body={"spec": SPEC}, headers={"If-Match": f'"{version}"'})
        assert fresh.status == 200, "positive control"

    @pytest.mark.parametrize("version", ["", '""', '"0"', "W/", '"-abc"', "latest"])
    async def test_what_is_no_version_is_not_any_version(self, all_wired: Wired, version: str) -> None:
        put_template(all_wired)
        grant(all_wired, "update")
        answer = await ask(all_wired, "PUT", ONE, body={"spec": SPEC}, headers={"If-Match": version})
        assert answer.status == 412
        assert all_wired.api.writes == []

    async def test_one_that_is_not_there(self, all_wired: Wired) -> None:
        grant(all_wired, "update")
        assert (await ask(all_wired, "PUT", ONE, body={"spec": SPEC})).status == 404


class TestDeleting:
    async def test_one_in_use_stays(self, all_wired: Wired) -> None:
        put_template(all_wired)
        instance = put(all_wired)
        grant(all_wired, "delete")
        answer = await ask(all_wired, "DELETE", ONE)
        assert (answer.status, "1 environment uses" in answer.json()["detail"]) == (409, True)
        assert stored(all_wired) is not None
        all_wired.server.table.on_instance(instance, None)
        assert (await ask(all_wired, "DELETE", ONE)).status == 204, "positive control"
        assert stored(all_wired) is None

    async def test_the_cluster_s_own_count_speaks_last(self, all_wired: Wired) -> None:
        put_template(all_wired)
        grant(all_wired, "delete")
        all_wired.api.faults.append(Fault(verb="delete", status=403, reason="Forbidden"))
        assert (await ask(all_wired, "DELETE", ONE)).status == 409
        assert stored(all_wired) is not None

    async def test_an_edit_made_meanwhile_is_not_deleted(self, all_wired: Wired) -> None:
        put_template(all_wired)
        grant(all_wired, "delete")
        assert (await ask(all_wired, "DELETE", ONE, headers={"If-Match": '"1"'})).status == 412
        all_wired.api.patch(TEMPLATES, Key("", "python"), {"spec": {"displayName": "Theirs"}})
        assert (await ask(all_wired, "DELETE", ONE)).status == 412
        assert stored(all_wired) is not None


class TestReading:
    async def test_how_they_are_used_is_for_those_who_may_change_them(self, all_wired: Wired) -> None:
        put_template(all_wired)
        put(all_wired)
        put(all_wired, name="other", phase="Stopped")
        put(all_wired, name="of-somebody-else", owner="li.wei", phase="Stopped")
        assert (await read(all_wired.server, all_wired.browser, ONE))["use"] is None
        grant(all_wired, "update", "")
        assert (await read(all_wired.server, all_wired.browser, ONE))["use"] == {
            "instances": 3,
            "people": 2,
            "running": 1,
            "outdated": 0,
        }
        (listed,) = (await read(all_wired.server, all_wired.browser, ALL))["items"]
        assert listed["use"]["instances"] == 3

    async def test_where_their_images_are_is_for_them_too(self, all_wired: Wired) -> None:
        template = put_template(all_wired, prePull=True)
        status = TemplateStatus(pre_pull=PrePullStatus(ready=1, wanted=2, message="Node n: refused."))
        all_wired.server.catalogue.known["python"] = msgspec.structs.replace(template, status=status)
        assert (await read(all_wired.server, all_wired.browser, ONE))["prePull"] is None
        grant(all_wired, "update", "")
        told = (await read(all_wired.server, all_wired.browser, ONE))["prePull"]
        assert told == {"ready": 1, "wanted": 2, "message": "Node n: refused."}

    async def test_as_yaml(self, all_wired: Wired) -> None:
        put_template(all_wired, tags=["ml"])
        grant(all_wired, "get")
        answer = await all_wired.browser.get(f"{all_wired.server.origin}{ONE}/yaml")
        assert (answer.status, answer.content_type) == (200, "application/yaml")
        assert yaml.safe_load(answer.text)["spec"]["tags"] == ["ml"]

    async def test_what_one_may_is_said(self, all_wired: Wired) -> None:
        me = await read(all_wired.server, all_wired.browser, f"{API}/me")
        assert (me["mayCreate"], me["seesAll"]) == (False, False)
        assert me["templates"] == {"create": False, "edit": False, "delete": False}
        assert "logs" in me["features"]
        grant(all_wired, "update", "")
        all_wired.server.rbac.rights.add((ADMIN, "create", "", "team", ""))
        me = await read(all_wired.server, all_wired.browser, f"{API}/me")
        assert me["mayCreate"] is True
        assert me["templates"] == {"create": False, "edit": True, "delete": False}

    async def test_for_whom_it_was_written_stands_at_it(self, all_wired: Wired) -> None:
        grant(all_wired, "create")
        grant(all_wired, "update")
        assert (await ask(all_wired, "POST", ALL, body={"name": "python", "spec": SPEC})).status == 201
        told = {names.ANNOTATION_CHANGED_BY: ADMIN}
        assert (stored(all_wired) or {})["metadata"]["annotations"] == told
        other = {"metadata": {"annotations": {names.ANNOTATION_CHANGED_BY: "li.wei", "team": "ml"}}}
        all_wired.api.patch(TEMPLATES, Key("", "python"), other)
        assert (await ask(all_wired, "PUT", ONE, body={"spec": SPEC})).status == 200
        assert (stored(all_wired) or {})["metadata"]["annotations"] == {**told, "team": "ml"}

    @pytest.mark.parametrize(
        ("last", "by"),
        [("2026-11-24T09:59:59Z", "li.wei"), ("2026-11-24T10:00:00Z", None), ("2026-11-25T10:00:00Z", None)],
    )
    async def test_when_it_was_last_changed_and_by_whom(self, all_wired: Wired, last: str, by: str | None) -> None:
        """By whomever; the operator's status is no change of the template. Who used kubectl is not known here."""
        template = put_template(all_wired)
        assert (await read(all_wired.server, all_wired.browser, ONE))["changedAt"] == (
            template.metadata.creation_timestamp
        )
        written = {
            "managedFields": [
                {"manager": "kubectl-edit", "operation": "Update", "time": last, "fieldsV1": {}},
                {"manager": "devworkspace-server", "operation": "Update", "time": "2026-11-24T10:00:00Z"},
                {"manager": "operator", "time": "2026-11-26T10:00:00Z", "subresource": "status"},
            ],
            "annotations": {names.ANNOTATION_CHANGED_BY: "li.wei"},
        }
        body = {**(stored(all_wired) or {})}
        body["metadata"] = {**body["metadata"], **written}
        all_wired.server.catalogue.known["python"] = msgspec.convert(body, WorkspaceTemplate)
        found = await read(all_wired.server, all_wired.browser, ONE)
        assert (found["changedAt"], found["changedBy"]) == (max(last, "2026-11-24T10:00:00Z"), by)


class TestStarters:
    async def test_those_that_are_not_there_can_be_published_as_they_are(self, all_wired: Wired) -> None:
        starters = f"{API}/starter-templates"
        assert (await ask(all_wired, "GET", starters)).status == 403
        for name in ("", "base", "go", "java", "nodejs", "python"):
            grant(all_wired, "create", name)
        put_template(all_wired)
        items = (await read(all_wired.server, all_wired.browser, starters))["items"]
        assert [item["name"] for item in items] == ["base", "go", "java", "nodejs"]
        for item in items:
            answer = await ask(all_wired, "POST", ALL, body=item)
            assert answer.status == 201, answer.text
            assert (stored(all_wired, item["name"]) or {})["spec"] == item["spec"]

    def test_their_images_are_those_of_the_installation(self) -> None:
        base, *_ = read_starters("registry.corp/ide")
        assert base.spec.environment.image == "registry.corp/ide/base:0.1.0"
        assert all(image.startswith("registry.corp/ide/") for image in base.spec.overrides.images)
