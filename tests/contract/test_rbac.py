"""The rights in deploy/ are what the code uses: every request is allowed, and every right is needed.

The requests are those of whole processes in front of the fake API server, told apart by method and path as the real
one does it.
"""

import asyncio
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml
from aiohttp import web
from tests.operator.running import (
    DEMO,
    let_pod_answer,
    phase_of,
    pods_of,
    put_instance,
    put_instance_crd,
    put_operator_deployment,
    put_template,
    running_operator,
    status_of,
)
from tests.server.process import answer_as_reporter, put_environment, put_record, running_process
from tests.server.support import ADMIN, TYPED, Browser, browsing, running_pod
from tests.support.fake_apiserver import INSTANCES, TEMPLATES, FakeApiServer
from tests.support.fixtures import eventually

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.core.render.policy import POLICY_NAMES
from devworkspace.kube.resource import DAEMON_SETS, EVENTS, NETWORK_POLICIES, PVCS, SERVICES
from devworkspace.operator.config import OperatorConfig
from devworkspace.server.authorizer import DELETE_KEPT
from devworkspace.server.signin.accounts import ADMIN_GROUPS

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
MANIFESTS: Final = ("rbac.yaml", "roles.yaml")
# Every authenticated account may ask which APIs there are (ClusterRole system:discovery).
DISCOVERY: Final = re.compile(r"/(api|apis|version)(/.*)?")


class Right(NamedTuple):
    """One verb on one resource, `resource/subresource` where there is one."""

    verb: str
    group: str
    resource: str


CREATE_INSTANCE: Final = Right("create", names.GROUP, names.INSTANCE_PLURAL)
# The policy devworkspace-owners asks whether whoever creates an environment may say whose it is.
NAME_OWNER: Final = Right("create", names.GROUP, f"{names.INSTANCE_PLURAL}/owner")


@functools.cache
def documents() -> tuple[dict[str, Any], ...]:
    texts = [(DEPLOY / name).read_text(encoding="utf-8") for name in MANIFESTS]
    return tuple(document for text in texts for document in yaml.safe_load_all(text))


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == kind]


def rights_of(name: str, kind: str = "ClusterRole") -> set[Right]:
    """The rights of a role: everywhere, or with kind `Role` in the system namespace."""
    (role,) = [document for document in of_kind(kind) if document["metadata"]["name"] == name]
    return {
        Right(verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@dataclass(kw_only=True)
class RecordingApiServer(FakeApiServer):
    """Notes what each request needs to be allowed, also of requests that it cannot answer.

    `needed_at_home` is for requests in the system namespace, `needed` for all others.
    """

    needed: set[Right] = field(default_factory=set)
    needed_at_home: set[Right] = field(default_factory=set)
    discovered: set[str] = field(default_factory=set)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        right = needed_right(request.method, request.path, watch="watch" in request.query)
        if right is None:
            self.discovered.add(request.path)
        else:
            needed = self.needed_at_home if f"/namespaces/{names.SYSTEM_NAMESPACE}/" in request.path else self.needed
            needed.add(right)
            if right == CREATE_INSTANCE:
                needed.add(NAME_OWNER)
            if right.verb == "patch" and request.content_type == "application/apply-patch+yaml":
                self._note_creation(request, right, needed)
        return await super()._serve(request)

    def _note_creation(self, request: web.Request, right: Right, needed: set[Right]) -> None:
        """An apply of something absent is authorised as a patch and as a create."""
        *_, namespace, _, name = request.path.removesuffix("/status").split("/")
        known = {resource.plural: resource for resource in self.resources}
        if "/" not in right.resource and self.get(known[right.resource], Key(namespace, name)) is None:
            needed.add(right._replace(verb="create"))


def needed_right(method: str, path: str, *, watch: bool) -> Right | None:
    """How Kubernetes authorises a request; None for paths that are no resource."""
    parts = path.strip("/").split("/")
    head = {"api": 2, "apis": 3}.get(parts[0], len(parts))
    group, rest = parts[1] if parts[0] == "apis" and len(parts) > 1 else "", parts[head:]
    if not rest:
        return None
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    reading = "get" if name else "watch" if watch else "list"
    verbs = {"GET": reading, "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    return Right(verbs[method], group, f"{resource}/{subresource}" if subresource else resource)


def assert_exact(server: RecordingApiServer, name: str) -> None:
    granted = rights_of(name)
    assert server.needed - granted == set(), "the process would be refused"
    assert granted - server.needed == set(), "rights that nothing needs"
    assert [path for path in server.discovered if not DISCOVERY.fullmatch(path)] == []


def assert_exact_at_home(server: RecordingApiServer, name: str) -> None:
    granted = rights_of(name, "Role")
    assert server.needed_at_home - granted == set(), "the process would be refused"
    assert granted - server.needed_at_home == set(), "rights that nothing needs"


@pytest.mark.parametrize(
    ("request_line", "watch", "right"),
    [
        ("GET /api/v1/pods", False, Right("list", "", "pods")),
        ("GET /api/v1/pods", True, Right("watch", "", "pods")),
        ("GET /api/v1/namespaces", False, Right("list", "", "namespaces")),
        ("GET /api/v1/namespaces/team", False, Right("get", "", "namespaces")),
        ("GET /api/v1/namespaces/team/pods", False, Right("list", "", "pods")),
        ("GET /api/v1/namespaces/team/pods/x", False, Right("get", "", "pods")),
        ("POST /api/v1/namespaces/team/pods/x/exec", False, Right("create", "", "pods/exec")),
        ("PATCH /apis/a.b/v1/namespaces/team/things/x/status", False, Right("patch", "a.b", "things/status")),
        ("DELETE /apis/a.b/v1/namespaces/team/things/x", False, Right("delete", "a.b", "things")),
        ("GET /apis/a.b/v1", False, None),
        ("GET /apis", False, None),
        ("GET /version", False, None),
    ],
)
def test_requests_are_told_apart_as_kubernetes_does_it(request_line: str, watch: bool, right: Right | None) -> None:
    method, path = request_line.split()
    assert needed_right(method, path, watch=watch) == right


async def live_through(server: FakeApiServer) -> None:
    """Everything that can happen to environments: start, stop, start, growth, a taken name, deletion."""
    put_template(server)
    uid = put_instance(server)
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")
    child = Key("team", f"demo-{uid.replace('-', '')[:8]}")

    server.patch(INSTANCES, DEMO, {"spec": {"overrides": {"storage": {"size": "20Gi"}}}})
    await eventually(lambda: storage_of(server, child) == "20Gi")
    server.patch(INSTANCES, DEMO, {"spec": {"running": False}})
    await eventually(lambda: phase_of(server) == "Stopped")
    server.patch(INSTANCES, DEMO, {"spec": {"running": True}})
    await let_pod_answer(server)
    await eventually(lambda: phase_of(server) == "Running")

    await have_an_image_on_the_nodes(server)
    await meet_a_taken_name(server)
    await end_after_a_long_stop(server)
    await eventually(lambda: server.objects(EVENTS))
    await eventually(lambda: (server.get(TEMPLATES, Key("", "python")) or {}).get("status"))
    await delete_with_its_volume(server)
    server.remove(INSTANCES, DEMO)
    await eventually(lambda: not any(server.get(NETWORK_POLICIES, Key("team", name)) for name in POLICY_NAMES))
    await eventually(lambda: names.LABEL_RETAINED in (server.get(PVCS, child) or {})["metadata"]["labels"])


def storage_of(server: FakeApiServer, key: Key) -> str | None:
    volume = server.get(PVCS, key)
    return volume["spec"]["resources"]["requests"]["storage"] if volume else None


async def have_an_image_on_the_nodes(server: FakeApiServer) -> None:
    put_operator_deployment(server)
    put_template(server, "ahead", prePull=True)
    await eventually(lambda: server.objects(DAEMON_SETS))
    server.remove(TEMPLATES, Key("", "ahead"))
    await eventually(lambda: not server.objects(DAEMON_SETS))


async def meet_a_taken_name(server: FakeApiServer) -> None:
    """An instance whose Service cannot be made, because there is one of that name already."""
    other = Key("team", "other")
    uid = put_instance(server, "other", running=False)
    await eventually(lambda: phase_of(server, other) == "Stopped")
    taken = {"metadata": {"name": f"other-{uid.replace('-', '')[:8]}", "namespace": "team"}, "spec": {}}
    server.put(SERVICES, taken)
    server.patch(INSTANCES, other, {"spec": {"running": True}})
    await eventually(lambda: "belongs to somebody else" in status_of(server, other).get("message", ""))
    assert pods_of(server, other) == []
    server.remove(INSTANCES, other)


async def end_after_a_long_stop(server: FakeApiServer) -> None:
    """Nobody needs it any more, by the word of its template."""
    old = Key("team", "old")
    put_template(server, "brief", lifecycle={"deleteAfterStopped": "1s"})
    put_instance(server, "old", templateRef="brief", running=False)
    await eventually(lambda: server.get(INSTANCES, old) is None)


async def delete_with_its_volume(server: FakeApiServer) -> None:
    brief = Key("team", "brief")
    put_instance_crd(server)
    put_instance(server, "brief", dataPolicy="Delete")
    await let_pod_answer(server, brief)
    await eventually(lambda: phase_of(server, brief) == "Running")
    server.remove(INSTANCES, brief)
    await eventually(lambda: server.get(INSTANCES, brief) is None)


async def test_the_operator_has_exactly_the_rights_that_it_uses(tmp_path: Path) -> None:
    async with RecordingApiServer() as server:
        async with running_operator(server, tmp_path):
            await live_through(server)
        assert_exact(server, "devworkspace-operator")
        assert_exact_at_home(server, "devworkspace-operator")


async def test_a_restarted_operator_needs_no_other_rights(tmp_path: Path) -> None:
    async with RecordingApiServer() as server:
        async with running_operator(server, tmp_path):
            put_template(server)
            put_instance(server)
            await let_pod_answer(server)
            await eventually(lambda: phase_of(server) == "Running")
        server.needed.clear()
        server.patch(TEMPLATES, Key("", "python"), {"spec": {"displayName": "Python 3"}})
        server.remove(INSTANCES, DEMO)
        async with running_operator(server, tmp_path):
            await eventually(lambda: Right("patch", "", "persistentvolumeclaims") in server.needed)
        assert server.needed <= rights_of("devworkspace-operator")
        assert server.needed_at_home <= rights_of("devworkspace-operator", "Role")


def test_the_operator_s_lease_is_the_only_one_that_it_may_change() -> None:
    role = next(role for role in of_kind("Role") if role["metadata"]["name"] == "devworkspace-operator")
    default = OperatorConfig(master_key_file=Path("master"), identity="x")
    assert role["metadata"]["namespace"] == default.lease_namespace
    limited = [(verb, rule.get("resourceNames")) for rule in role["rules"] for verb in rule["verbs"]]
    own = [default.lease_name]
    of_limits = [(verb, [names.LIMITS_CONFIG_MAP]) for verb in ("list", "watch")]
    of_images = [(verb, None) for verb in ("list", "watch", "create", "patch", "delete", "list", "watch")]
    of_deployment = ("get", [names.OPERATOR_DEPLOYMENT])
    of_leases = [("create", None), ("update", own), ("get", [*own, names.ACTIVITY_LEASE])]
    assert limited == [*of_leases, *of_limits, *of_images, of_deployment]


def test_the_operator_changes_no_workload_but_its_daemon_sets_and_those_in_its_own_namespace_only() -> None:
    everywhere, at_home = rights_of("devworkspace-operator"), rights_of("devworkspace-operator", "Role")
    assert [right for right in everywhere if right.group == "apps"] == []
    changing = {right for right in at_home if right.group == "apps" and right.verb not in ("get", "list", "watch")}
    assert changing == {Right(verb, "apps", "daemonsets") for verb in ("create", "patch", "delete")}


def put_kept_volume(server: FakeApiServer) -> None:
    labels = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_RETAINED: "true",
        names.LABEL_INSTANCE_UID: "uid-of-one-that-is-gone",
    }
    annotations = {names.ANNOTATION_OWNER: ADMIN}
    server.put(
        PVCS,
        {"metadata": {"name": "kept", "namespace": "team", "labels": labels, "annotations": annotations}, "spec": {}},
    )


async def publish(browser: Browser, origin: str, headers: dict[str, str]) -> None:
    """A template's life: published, changed, read, deleted."""
    templates = f"{origin}/api/v1/templates"
    spec = {"displayName": "Go", "environment": {"image": "go:1"}}
    assert (await browser.post(templates, json={"name": "go", "spec": spec}, headers=headers)).status == 201
    assert (await browser.request("PUT", f"{templates}/go", json={"spec": spec}, headers=headers)).status == 200
    assert (await browser.get(f"{templates}/go/yaml")).status == 200
    async with asyncio.timeout(30):
        while (await browser.request("DELETE", f"{templates}/go", headers=headers)).status != 204:
            await asyncio.sleep(0.02)


async def test_the_server_has_exactly_the_rights_that_it_uses(tmp_path: Path) -> None:
    async with (
        RecordingApiServer(authorize=lambda _: True) as server,
        running_pod() as pod,
        running_pod(answer_as_reporter) as used,
    ):
        put_record(server)
        put_environment(server, "used", owner="li.wei", port=used.port, code_server=True)
        put_template(server)
        put_environment(server, "mine", owner=ADMIN, port=pod.port)
        put_environment(server, "shared", owner="li.wei", port=pod.port)
        put_kept_volume(server)
        async with running_process(tmp_path, server) as process:
            await process.ready()
            origin = process.config.public_url
            async with browsing(origin) as browser:
                assert (await browser.sign_in()).status == 303
                assert (await browser.get(origin + "/api/v1/environments")).status == 200
                for name in ("mine", "shared"):
                    assert (await browser.open(name)).status == 200
                for address in ("events", "logs", "usage", "yaml"):
                    await browser.get(f"{origin}/api/v1/namespaces/team/environments/mine/{address}")
                server.remove(INSTANCES, Key("team", "shared"))
                async with asyncio.timeout(30):
                    while (await browser.open("shared")).status != 404:
                        await asyncio.sleep(0.02)
                server.set_status(INSTANCES, Key("team", "mine"), {"phase": "Stopped"})
                async with asyncio.timeout(30):
                    while Right("patch", names.GROUP, names.INSTANCE_PLURAL) not in server.needed:
                        await browser.navigate(f"{origin}/-/open?env=mine--team", headers=TYPED)
                csrf = {"Origin": origin, "X-DevWorkspace-CSRF": "1"}
                environments = f"{origin}/api/v1/namespaces/team/environments"
                assert (await browser.get(f"{origin}/api/v1/namespaces/team/quota")).status == 200
                assert (await browser.get(f"{origin}/api/v1/system")).status == 200
                await publish(browser, origin, csrf)
                kept = server.get(PVCS, Key("team", "kept")) or {}
                purge = f"{origin}/api/v1/namespaces/team/volumes/kept?uid={kept['metadata']['uid']}"
                assert (await browser.request("DELETE", purge, headers=csrf)).status == 204
                body = {"name": "new", "template": "python"}
                assert (await browser.post(environments, json=body, headers=csrf)).status == 201
                assert (await browser.request("DELETE", f"{environments}/mine", headers=csrf)).status == 204
                token = {"Authorization": "Bearer unknown"}
                assert (await browser.get(origin + "/api/v1/me", headers=token)).status == 401
                assert (await browser.post(f"{origin}/signout", headers=csrf)).status == 303
            written = Right("patch", names.GROUP, f"{names.INSTANCE_PLURAL}/status")
            told = Right("patch", "coordination.k8s.io", "leases")
            await eventually(lambda: written in server.needed and told in server.needed_at_home, within=20)
            assert await process.end() == 0
        assert_exact(server, "devworkspace-server")
        assert_exact_at_home(server, "devworkspace-server")


def test_the_question_that_the_server_asks_is_one_that_roles_can_answer() -> None:
    """What a person needs to open somebody else's environment is a right of the admins' role."""
    connect = Right("create", names.GROUP, f"{names.INSTANCE_PLURAL}/{names.CONNECT_SUBRESOURCE}")
    assert connect in rights_of("devworkspace-admin")


def test_an_administrator_deletes_kept_disks_by_the_server_and_no_claim_without_it() -> None:
    granted = rights_of("devworkspace-admin")
    assert Right("delete", names.GROUP, f"{names.INSTANCE_PLURAL}/{DELETE_KEPT.subresource}") in granted
    assert {right.group for right in granted} == {names.GROUP}


def test_the_generated_administrator_is_in_the_group_that_is_bound() -> None:
    bound = [subject["name"] for binding in of_kind("ClusterRoleBinding") for subject in binding["subjects"]]
    assert set(ADMIN_GROUPS) & set(bound) == {"devworkspace:admins"}


def forbidden(rights: Iterable[Right]) -> set[Right]:
    """Rights that neither part may ever have."""
    return {
        right
        for right in rights
        if "*" in right.verb + right.group + right.resource
        or (right.resource == "secrets" and right.verb not in ("create", "patch"))
        or right.resource.startswith(("pods/exec", "pods/attach", "pods/portforward", "serviceaccounts", "nodes/"))
        or (right.resource == "nodes" and right.verb not in ("list", "watch"))
        or (right.group == "rbac.authorization.k8s.io" and right.verb not in ("list", "watch"))
        or right.verb in ("impersonate", "escalate", "bind", "deletecollection")
    }


@pytest.mark.parametrize(
    "right",
    [
        Right("*", "", "pods"),
        Right("get", "*", "pods"),
        Right("get", "", "*"),
        Right("get", "", "pods/*"),
        Right("get", "", "secrets"),
        Right("list", "", "secrets"),
        Right("watch", "", "secrets"),
        Right("delete", "", "secrets"),
        Right("create", "", "pods/exec"),
        Right("create", "", "serviceaccounts/token"),
        Right("impersonate", "", "users"),
        Right("escalate", "rbac.authorization.k8s.io", "clusterroles"),
        Right("bind", "rbac.authorization.k8s.io", "clusterroles"),
        Right("create", "rbac.authorization.k8s.io", "rolebindings"),
        Right("patch", "rbac.authorization.k8s.io", "roles"),
        Right("get", "", "nodes/proxy"),
        Right("patch", "", "nodes"),
        Right("deletecollection", "", "pods"),
        Right("deletecollection", "", "persistentvolumeclaims"),
    ],
    ids=lambda right: f"{right.verb} {right.group}/{right.resource}",
)
def test_a_forbidden_right_is_found(right: Right) -> None:
    assert forbidden([right, Right("get", "", "pods")]) == {right}


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, role["metadata"]["name"]) for kind in ("ClusterRole", "Role") for role in of_kind(kind)],
)
def test_no_role_has_a_forbidden_right(kind: str, name: str) -> None:
    assert rights_of(name, kind), name
    assert forbidden(rights_of(name, kind)) == set()


def test_who_may_delete_volumes_but_change_none() -> None:
    """A policy bounds the server's deletions (tests/contract/test_deploy.py), and it marks no volume as kept."""
    right = Right("delete", "", "persistentvolumeclaims")
    roles = [found["metadata"]["name"] for found in of_kind("ClusterRole")]
    assert [name for name in roles if right in rights_of(name)] == ["devworkspace-operator", "devworkspace-server"]
    of_server = {found.verb for found in rights_of("devworkspace-server") if found.resource == right.resource}
    assert of_server == {"get", "list", "watch", "delete"}


def test_rules_hold_nothing_but_verbs_on_resources() -> None:
    for document in (*of_kind("ClusterRole"), *of_kind("Role")):
        assert set(document) == {"apiVersion", "kind", "metadata", "rules"}, "no aggregation"
        for rule in document["rules"]:
            assert set(rule) - {"resourceNames"} == {"apiGroups", "resources", "verbs"}, "no paths"


def test_each_right_is_granted_once() -> None:
    for document in (*of_kind("ClusterRole"), *of_kind("Role")):
        granted = [
            (Right(verb, group, resource), name)
            for rule in document["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            for name in rule.get("resourceNames", ("any",))
        ]
        assert len(granted) == len(set(granted)), document["metadata"]["name"]


@pytest.mark.parametrize("name", ["devworkspace-operator", "devworkspace-server"])
def test_each_account_is_bound_to_its_role_and_to_no_other(name: str) -> None:
    (account,) = [found for found in of_kind("ServiceAccount") if found["metadata"]["name"] == name]
    subject = {"kind": "ServiceAccount", "name": name, "namespace": names.SYSTEM_NAMESPACE}
    assert account["metadata"]["namespace"] == names.SYSTEM_NAMESPACE
    bindings = [binding for binding in of_kind("ClusterRoleBinding") if subject in binding["subjects"]]
    assert [(binding["roleRef"], binding["subjects"]) for binding in bindings] == [
        ({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}, [subject])
    ]


def test_nobody_else_is_bound_and_nothing_else_is_in_the_file() -> None:
    kinds = {document["kind"] for document in documents()}
    assert kinds == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    bound = {binding["roleRef"]["name"] for binding in of_kind("ClusterRoleBinding")}
    for_others = {f"devworkspace-{name}" for name in ("viewer", "developer", "editor")}
    assert bound | for_others == {role["metadata"]["name"] for role in of_kind("ClusterRole")}
    assert bound & for_others == set()
    assert len(of_kind("ClusterRoleBinding")) == 3
    for binding in of_kind("RoleBinding"):
        name = binding["metadata"]["name"]
        assert binding["metadata"]["namespace"] == names.SYSTEM_NAMESPACE
        assert binding["roleRef"]["name"] == name
        assert [subject["name"] for subject in binding["subjects"]] == [name]
    assert {binding["metadata"]["name"] for binding in of_kind("RoleBinding")} == {
        role["metadata"]["name"] for role in of_kind("Role")
    }
