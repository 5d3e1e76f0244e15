"""The REST API over real sockets: who sees and does what, and what wrong requests are told."""

import asyncio
import re
from typing import Any

import msgspec
import pytest

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.kube.errors import AlreadyExists, ApiError, Forbidden, Invalid
from devworkspace.server.api import lookup
from tests.server.support import ADMIN, Browser, Harness, Pod, make_instance, read, send

API = "/api/v1"
DEMO = f"{API}/namespaces/team/environments/demo"
CREATE = f"{API}/namespaces/team/environments"
MAY_CREATE = (ADMIN, "create", "", "team", "")


class TestReading:
    async def test_an_environment_says_what_it_is_and_what_one_may_do(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, display_name="Payments", message="All good.")
        found = await read(server, signed_in, DEMO)
        assert found["displayName"] == "Payments"
        assert (found["phase"], found["message"], found["owner"]) == ("Running", "All good.", ADMIN)
        assert (found["url"], found["openPath"]) == (
            server.environment_origin() + "/",
            "/-/open?env=demo--team",
        )
        assert {action for action, allowed in found["allowed"].items() if allowed["allowed"]} == {
            "open",
            "stop",
            "restart",
            "safe-start",
            "extend",
            "delete",
            "edit",
            "logs",
        }
        assert found["allowed"]["start"] == {"allowed": False, "obstacle": "phase"}

    async def test_rights_of_others_are_told_apart(self, server: Harness, signed_in: Browser, pod: Pod) -> None:
        server.add(pod.port, owner="li.wei")
        server.rbac.grants.add((ADMIN, "team", "demo"))
        allowed = (await read(server, signed_in, DEMO))["allowed"]
        assert allowed["open"]["allowed"] is True
        assert {allowed[action]["obstacle"] for action in ("stop", "restart", "delete", "edit")} == {"right"}
        assert allowed["logs"]["allowed"] is True

    async def test_foreign_and_absent_are_the_same(self, server: Harness, signed_in: Browser, pod: Pod) -> None:
        server.add(pod.port, owner="li.wei")
        answers = [await signed_in.get(server.origin + path) for path in (DEMO, DEMO + "x")]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].body == answers[1].body
        server.rbac.grants.add((ADMIN, "team", "demo"))
        assert (await signed_in.get(server.origin + DEMO)).status == 200, "positive control"

    @pytest.mark.parametrize(
        "path", [DEMO, f"{API}/environments", f"{API}/me", f"{API}/templates", f"{API}/openapi.json"]
    )
    async def test_strangers_get_401(self, server: Harness, browser: Browser, pod: Pod, path: str) -> None:
        server.add(pod.port)
        answer = await browser.get(server.origin + path)
        assert (answer.status, answer.content_type) == (401, "application/problem+json")

    async def test_who_one_is_and_where_one_may_create(self, server: Harness, signed_in: Browser) -> None:
        server.catalogue.labels = {"team": {}, "other": {}}
        server.rbac.rights.add(MAY_CREATE)
        assert (await read(server, signed_in, f"{API}/me"))["name"] == ADMIN
        assert await read(server, signed_in, f"{API}/namespaces") == {"items": [{"name": "team", "workspace": ""}]}

    async def test_to_which_workspace_of_kubesphere_a_project_belongs(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        server.catalogue.labels = {"team": {names.LABEL_KUBESPHERE_WORKSPACE: "demo"}}
        server.rbac.rights.add(MAY_CREATE)
        assert await read(server, signed_in, f"{API}/namespaces") == {"items": [{"name": "team", "workspace": "demo"}]}
        assert (await read(server, signed_in, DEMO))["workspace"] == "demo"


class TestList:
    @pytest.fixture
    async def filled(self, server: Harness, signed_in: Browser, pod: Pod) -> Browser:
        for name, phase in (("ant", "Running"), ("bee", "Stopped"), ("cow", "Running"), ("dog", "Failed")):
            server.add(pod.port, name=name, phase=phase, display_name=name.upper())
        server.add(pod.port, name="elk", owner="li.wei")
        return signed_in

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", ["ant", "bee", "cow", "dog"]),
            ("?phase=Running", ["ant", "cow"]),
            ("?q=O", ["cow", "dog"]),
            ("?q=admin&phase=Failed", ["dog"]),
            ("?namespace=other", []),
            ("?owner=li.wei", []),
            ("?template=python", ["ant", "bee", "cow", "dog"]),
            ("?sort=-name", ["dog", "cow", "bee", "ant"]),
            ("?sort=phase", ["dog", "ant", "cow", "bee"]),
        ],
    )
    async def test_it_is_filtered_and_sorted(
        self, server: Harness, filled: Browser, query: str, expected: list[str]
    ) -> None:
        page = await read(server, filled, f"{API}/environments{query}")
        assert [item["name"] for item in page["items"]] == expected
        assert (page["total"], page["next"]) == (len(expected), None)

    async def test_pages_follow_each_other(self, server: Harness, filled: Browser) -> None:
        seen: list[str] = []
        cursor = ""
        for _ in range(10):
            page = await read(server, filled, f"{API}/environments?limit=3{cursor}")
            seen += [item["name"] for item in page["items"]]
            assert page["total"] == 4
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == ["ant", "bee", "cow", "dog"]

    @pytest.mark.parametrize(
        ("query", "status", "word"),
        [
            ("limit=0", 422, "limit"),
            ("limit=many", 422, "limit"),
            ("phase=Walking", 422, "phase"),
            ("sort=colour", 422, "sort"),
            ("colour=red", 400, "colour"),
            ("cursor=uid-of-nothing", 410, "first page"),
        ],
    )
    async def test_what_is_wrong_with_a_question_is_said(
        self, server: Harness, filled: Browser, query: str, status: int, word: str
    ) -> None:
        answer = await filled.get(f"{server.origin}{API}/environments?{query}")
        assert answer.status == status
        assert word in answer.json()["detail"]


class TestTemplates:
    async def test_the_catalogue_says_what_can_be_used_where(self, server: Harness, signed_in: Browser) -> None:
        server.catalogue.add("python", tags=["ml"])
        server.catalogue.add("old", state="Hidden")
        server.catalogue.add("gpu", access={"namespaceSelector": {"matchLabels": {"gpu": "yes"}}})
        server.catalogue.labels = {"team": {}, "lab": {"gpu": "yes"}}
        server.rbac.rights |= {MAY_CREATE, (ADMIN, "create", "", "lab", "")}

        async def usable(query: str) -> dict[str, bool]:
            items = (await read(server, signed_in, f"{API}/templates{query}"))["items"]
            return {item["name"]: item["usable"] for item in items}

        assert await usable("?namespace=team") == {"gpu": False, "old": False, "python": True}
        assert await usable("?namespace=lab") == {"gpu": True, "old": False, "python": True}
        assert await usable("") == {"gpu": True, "old": False, "python": True}
        one = await read(server, signed_in, f"{API}/templates/python")
        assert (one["image"], one["tags"], one["cpu"], one["storage"]) == ("python:1", ["ml"], "2", "10Gi")

    async def test_namespaces_of_others_tell_nothing(self, server: Harness, signed_in: Browser) -> None:
        server.catalogue.labels = {"secret": {}}
        for name in ("secret", "absent"):
            assert (await signed_in.get(f"{server.origin}{API}/templates?namespace={name}")).status == 403

    async def test_a_template_that_is_not_there(self, server: Harness, signed_in: Browser) -> None:
        assert (await signed_in.get(f"{server.origin}{API}/templates/none")).status == 404


class TestCreating:
    @pytest.fixture(autouse=True)
    def template(self, server: Harness) -> None:
        server.catalogue.add("python", overrides={"images": ["python:2"], "env": True, "maxStorage": "50Gi"})

    async def test_the_whole_request_becomes_an_instance(self, server: Harness, signed_in: Browser) -> None:
        server.rbac.rights.add(MAY_CREATE)
        body = {
            "name": "demo",
            "template": "python",
            "displayName": "Payments",
            "cpu": "2",
            "memory": "4Gi",
            "storage": "20Gi",
            "image": "python:2",
            "variables": [{"name": "A", "value": "1"}],
            "dataPolicy": "Delete",
            "adoptVolume": "old-1a2b3c4d",
            "gitUser": {"name": "Li Wei", "email": "li.wei@example.com"},
        }
        answer = await send(server, signed_in, "POST", CREATE, body=body)
        assert answer.status == 201, answer.text
        assert answer.json()["uid"] == "uid-new"
        ((made, dry_run),) = server.api.created
        assert not dry_run
        assert made == {
            "metadata": {
                "name": "demo",
                "namespace": "team",
                "annotations": {
                    names.ANNOTATION_ADOPT_VOLUME: "old-1a2b3c4d",
                    names.ANNOTATION_GIT_USER: "Li Wei <li.wei@example.com>",
                },
            },
            "spec": {
                "templateRef": "python",
                "owner": ADMIN,
                "running": True,
                "dataPolicy": "Delete",
                "displayName": "Payments",
                "overrides": {
                    "resources": {"limits": {"cpu": "2", "memory": "4Gi"}},
                    "storage": {"size": "20Gi"},
                    "image": "python:2",
                    "env": [{"name": "A", "value": "1"}],
                },
            },
        }

    async def test_whoever_made_it_finds_it_at_once(self, server: Harness, signed_in: Browser) -> None:
        """The watch tells of it a moment after the API server's answer; the browser goes there within it."""
        server.rbac.rights.add(MAY_CREATE)

        def tell_later(made: WorkspaceInstance) -> None:
            asyncio.get_running_loop().call_later(0.2, server.table.on_instance, None, made)

        server.api.on_create = tell_later
        assert (await send(server, signed_in, "POST", CREATE, body={"name": "new", "template": "python"})).status == 201
        assert (await signed_in.get(f"{server.origin}{CREATE}/new")).status == 200
        opened = await signed_in.get(f"{server.origin}/-/open?env=new--team")
        assert (opened.status, opened.headers["Location"]) == (302, f"{server.environment_origin('new')}/")

    async def test_a_watch_that_is_behind_keeps_nobody_waiting(
        self, server: Harness, signed_in: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lookup, "KNOWN_SECONDS", 0.05)
        server.rbac.rights.add(MAY_CREATE)
        server.api.on_create = lambda _: None
        body = {"name": "new", "template": "python"}
        assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 201

    async def test_a_dry_run_makes_nothing(self, server: Harness, signed_in: Browser) -> None:
        server.rbac.rights.add(MAY_CREATE)
        body = {"name": "demo", "template": "python"}
        assert (await send(server, signed_in, "POST", f"{CREATE}?dryRun=true", body=body)).status == 201
        assert [dry_run for _, dry_run in server.api.created] == [True]

    async def test_it_takes_the_right_to(self, server: Harness, signed_in: Browser) -> None:
        body = {"name": "demo", "template": "python"}
        assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 403
        server.rbac.rights.add((ADMIN, "create", "", "other", ""))
        assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 403
        assert server.api.created == []

    async def test_for_somebody_else_only_with_a_right_of_its_own(self, server: Harness, signed_in: Browser) -> None:
        server.rbac.rights.add(MAY_CREATE)
        body = {"name": "demo", "template": "python", "owner": "li.wei"}
        refused = await send(server, signed_in, "POST", CREATE, body=body)
        assert refused.status == 403
        assert refused.json()["errors"][0]["field"] == "owner"
        server.rbac.rights.add((ADMIN, "create", "owner", "team", "demo"))
        assert (await send(server, signed_in, "POST", CREATE, body=body)).status == 201
        ((made, _),) = server.api.created
        assert made["spec"]["owner"] == "li.wei"

    async def test_the_clusters_rules_come_back_by_field(self, server: Harness, signed_in: Browser) -> None:
        server.rbac.rights.add(MAY_CREATE)
        field, message = "spec.overrides.storage.size", "a volume has at least 1Mi: write a number with a unit"
        server.api.refusal = Invalid(
            status=422,
            reason="Invalid",
            message=f'{field}: Invalid value: "10GB": {message}',
            details={
                "causes": [
                    {"field": field, "message": f"Invalid value: \"10GB\": {field} in body should match '^[0-9]+$'"},
                    {"field": field, "message": f'Invalid value: "10GB": {message}'},
                ]
            },
        )
        body = {"name": "demo", "template": "python", "storage": "10GB"}
        answer = await send(server, signed_in, "POST", CREATE, body=body)
        assert answer.status == 422
        assert answer.json()["errors"] == [{"field": field, "message": message}]
        assert answer.json()["detail"] == f"{field}: {message}"

    @pytest.mark.parametrize(
        ("body", "reason", "word"),
        [
            ({"template": "absent"}, "TemplateMissing", "absent"),
            ({"template": "hidden"}, "TemplateHidden", "hidden"),
            ({"template": "python", "image": "evil:1"}, "OverrideNotAllowed", "python:2"),
            ({"template": "python", "storage": "51Gi"}, "OverrideNotAllowed", "50Gi"),
        ],
    )
    async def test_what_the_operator_would_refuse_is_refused_at_once(
        self, server: Harness, signed_in: Browser, body: dict[str, str], reason: str, word: str
    ) -> None:
        server.rbac.rights.add(MAY_CREATE)
        server.catalogue.add("hidden", state="Hidden")
        answer = await send(server, signed_in, "POST", CREATE, body={"name": "demo", **body})
        assert (answer.status, answer.json()["reason"]) == (422, reason)
        assert word in answer.json()["detail"]
        assert server.api.created == []

    @pytest.mark.parametrize(
        ("refusal", "status"),
        [
            (AlreadyExists(status=409, reason="AlreadyExists", message="exists"), 409),
            (Forbidden(status=403, reason="Forbidden", message="exceeded quota: count"), 403),
            (ApiError(status=500, reason="InternalError", message="etcd"), 503),
        ],
    )
    async def test_other_refusals(self, server: Harness, signed_in: Browser, refusal: ApiError, status: int) -> None:
        server.rbac.rights.add(MAY_CREATE)
        server.api.refusal = refusal
        answer = await send(server, signed_in, "POST", CREATE, body={"name": "demo", "template": "python"})
        assert answer.status == status
        assert "etcd" not in answer.text

    @pytest.mark.parametrize(
        ("body", "status", "word"),
        [
            (b"{", 400, "JSON"),
            (b"\xff\xfe", 400, "JSON"),
            (b"[" * 50_000, 422, "object"),
            (b'{"x":' * 10_000, 422, "unknown field"),
            ({"name": "demo"}, 422, "template"),
            ({"name": 7, "template": "python"}, 422, "name"),
            ({"name": "demo", "template": "python", "colour": "red"}, 422, "colour"),
            ({"name": "d" * 64, "template": "python"}, 422, "name"),
            ({"name": "demo", "template": "python", "description": "x" * 70_000}, 413, "65536"),
        ],
    )
    async def test_bodies_that_are_none(
        self, server: Harness, signed_in: Browser, body: Any, status: int, word: str
    ) -> None:
        server.rbac.rights.add(MAY_CREATE)
        answer = await send(server, signed_in, "POST", CREATE, body=body)
        assert answer.status == status, answer.text
        assert word in answer.text
        assert server.api.created == []

    async def test_only_json_is_read(self, server: Harness, signed_in: Browser) -> None:
        headers: dict[str, str | None] = {"Content-Type": "text/plain"}
        answer = await send(server, signed_in, "POST", CREATE, body=b"{}", headers=headers)
        assert answer.status == 415


class TestActing:
    async def test_start_stop_and_restart(self, server: Harness, signed_in: Browser, pod: Pod) -> None:
        instance = server.add(pod.port)
        assert (await send(server, signed_in, "POST", f"{DEMO}/stop")).status == 204
        assert (await send(server, signed_in, "POST", f"{DEMO}/restart")).status == 204
        server.table.on_instance(instance, make_instance(phase="Stopped"))
        assert (await send(server, signed_in, "POST", f"{DEMO}/start")).status == 204
        stop, restart, start = (patch for _, patch in server.api.patches)
        assert stop == {"metadata": {"uid": "uid-team-demo"}, "spec": {"running": False}}
        assert names.ANNOTATION_RESTARTED_AT in restart["metadata"]["annotations"]
        assert start["spec"] == {"running": True}

    async def test_what_does_not_fit_the_phase_is_a_conflict(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port, phase="Stopped")
        answer = await send(server, signed_in, "POST", f"{DEMO}/stop")
        assert answer.status == 409
        assert server.api.patches == []

    async def test_a_stop_says_who_and_why_until_the_next_start(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        answer = await send(server, signed_in, "POST", f"{DEMO}/stop?reason=maintenance")
        assert answer.status == 204
        ((_, patch),) = server.api.patches
        noted = patch["metadata"]["annotations"]
        assert msgspec.json.decode(noted[names.ANNOTATION_STOP_NOTE])["by"] == ADMIN
        server.add(pod.port, phase="Stopped", running=False, annotations=noted)
        note = (await read(server, signed_in, DEMO))["stopNote"]
        assert (note["by"], note["reason"]) == (ADMIN, "maintenance")
        server.add(pod.port, annotations=noted)
        assert (await read(server, signed_in, DEMO))["stopNote"] is None
        assert (await send(server, signed_in, "POST", f"{DEMO}/stop")).status == 204
        assert server.api.patches[-1][1]["metadata"]["annotations"] == {names.ANNOTATION_STOP_NOTE: None}

    @pytest.mark.parametrize("query", ["?reason=", f"?reason={'x' * 257}", "?why=x"])
    async def test_a_reason_has_bounds(self, server: Harness, signed_in: Browser, pod: Pod, query: str) -> None:
        server.add(pod.port)
        assert (await send(server, signed_in, "POST", f"{DEMO}/stop{query}")).status in (400, 422)
        assert server.api.patches == []

    @pytest.mark.parametrize(("action", "verb"), [("stop", "update"), ("restart", "update"), ("", "delete")])
    async def test_it_takes_the_right_to(
        self, server: Harness, signed_in: Browser, pod: Pod, action: str, verb: str
    ) -> None:
        server.add(pod.port, owner="li.wei")
        method, path = ("POST", f"{DEMO}/{action}") if action else ("DELETE", DEMO)
        assert (await send(server, signed_in, method, path)).status == 404
        server.rbac.grants.add((ADMIN, "team", "demo"))
        assert (await send(server, signed_in, method, path)).status == 403
        assert (server.api.patches, server.api.deleted) == ([], [])
        server.rbac.rights.add((ADMIN, verb, "", "team", "demo"))
        assert (await send(server, signed_in, method, path)).status == 204, "positive control"

    async def test_a_version_that_is_not_the_latest_is_refused(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        version = (await read(server, signed_in, DEMO))["resourceVersion"]
        old: dict[str, str | None] = {"If-Match": '"0"'}
        assert (await send(server, signed_in, "DELETE", DEMO, headers=old)).status == 412
        new: dict[str, str | None] = {"If-Match": f'"{version}"'}
        assert (await send(server, signed_in, "DELETE", DEMO, headers=new)).status == 204

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-DevWorkspace-CSRF": None},
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": None, "Sec-Fetch-Site": None},
        ],
    )
    async def test_other_sites_change_nothing(
        self, server: Harness, signed_in: Browser, pod: Pod, headers: dict[str, str | None]
    ) -> None:
        server.add(pod.port)
        assert (await send(server, signed_in, "POST", f"{DEMO}/stop", headers=headers)).status == 403
        assert (await send(server, signed_in, "DELETE", DEMO, headers=headers)).status == 403
        assert (server.api.patches, server.api.deleted) == ([], [])


class TestDeleting:
    async def test_by_default_nothing_is_said_about_the_volume(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        server.add(pod.port)
        assert (await send(server, signed_in, "DELETE", DEMO)).status == 204
        assert server.api.deleted == [(Key("team", "demo"), "uid-team-demo")]
        assert server.api.patches == []

    async def test_with_its_volume_only_after_the_operator_has_noted_it(
        self, server: Harness, signed_in: Browser, pod: Pod
    ) -> None:
        instance = server.add(pod.port)

        def note(_: Key, patch: dict[str, Any]) -> None:
            assert server.api.deleted == []
            replace = msgspec.structs.replace
            noted = replace(
                instance,
                metadata=replace(instance.metadata, finalizers=(names.FINALIZER_DELETE_VOLUME,)),
                spec=replace(instance.spec, data_policy="Delete"),
                status=replace(instance.status, data_policy="Delete"),
            )
            assert patch["spec"] == {"dataPolicy": "Delete"}
            server.table.on_instance(instance, noted)

        server.api.on_patch = note
        assert (await send(server, signed_in, "DELETE", f"{DEMO}?data=Delete")).status == 204
        assert len(server.api.deleted) == 1

    async def test_an_operator_that_is_away_deletes_nothing(
        self, server: Harness, signed_in: Browser, pod: Pod, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("devworkspace.server.api.environments.CONSENT_SECONDS", 0.2)
        server.add(pod.port)
        answer = await send(server, signed_in, "DELETE", f"{DEMO}?data=Delete")
        assert answer.status == 503
        assert "Nothing was deleted" in answer.json()["detail"]
        assert server.api.deleted == []


class TestAddresses:
    async def test_unknown_ones_are_404_as_json(self, server: Harness, signed_in: Browser) -> None:
        for path in ("/api/", f"{API}/nothing", f"{API}/namespaces/UPPER/environments/x", f"{DEMO}/../demo"):
            answer = await signed_in.get(server.origin + path)
            assert answer.status == 404, path

    async def test_other_methods_are_405(self, server: Harness, signed_in: Browser) -> None:
        answer = await send(server, signed_in, "PUT", DEMO)
        assert answer.status == 405
        assert answer.headers["Allow"] == "DELETE, GET, PATCH"

    async def test_the_document_describes_them_all(self, server: Harness, signed_in: Browser) -> None:
        document = await read(server, signed_in, f"{API}/openapi.json")
        operations = {f"{method} {path}" for path, methods in document["paths"].items() for method in methods}
        assert {"post /api/v1/namespaces/{namespace}/environments", "get /api/v1/environments/stream"} <= operations
        referenced = set(re.findall(r"#/components/schemas/(\w+)", msgspec.json.encode(document).decode()))
        assert referenced == set(document["components"]["schemas"])
        create = document["paths"]["/api/v1/namespaces/{namespace}/environments"]["post"]
        assert {"201", "400", "401", "403", "409", "413", "415", "422", "503"} <= set(create["responses"])
