"""The roles for people: a developer does everything with the own environments by one of them, and nothing more."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devworkspace.api import names
from devworkspace.kube.resource import PVCS
from tests.cluster.serving import Served, serving
from tests.support.live import INSTANCES, Live

pytestmark = pytest.mark.cluster

ROLES = Path(__file__).parents[2] / "deploy" / "roles.yaml"
RBAC_GROUP = "rbac.authorization.k8s.io"


@pytest.fixture
def people(live: Live) -> Live:
    """Ada and Bob are developers of the namespace, Vera sees it; the roles are those that were installed."""
    kubectl = live.surroundings.run_kubectl
    bodies: list[dict[str, Any]] = []
    for person, role in (("ada", "developer"), ("bob", "developer"), ("vera", "viewer")):
        account = {"kind": "ServiceAccount", "name": person, "namespace": live.namespace}
        bodies += [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": person}},
            {
                "apiVersion": f"{RBAC_GROUP}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": person},
                "subjects": [account],
                "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": f"devworkspace-{role}"},
            },
        ]
    kubectl("apply", f"--namespace={live.namespace}", "-f", "-", input_text=yaml.safe_dump_all(bodies))
    return live


@pytest.fixture
async def served(people: Live, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(people, tmp_path) as made:
        yield made


def rights(live: Live, person: str) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all that the API server lets an account do in the namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": live.namespace},
    }
    account = f"system:serviceaccount:{live.namespace}:{person}"
    answer = live.surroundings.run_kubectl(
        "create", "--validate=false", "--output=json", f"--as={account}", "-f", "-", input_text=json.dumps(review)
    )
    return {
        (group, resource, verb)
        for rule in json.loads(answer)["status"]["resourceRules"]
        for group in rule.get("apiGroups", [""])
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def test_a_developer_does_everything_with_the_own_environment_and_nothing_with_others(
    served: Served, live: Live
) -> None:
    ada, bob, vera = (served.token(person) for person in ("ada", "bob", "vera"))
    demo = f"{served.environments}/demo"
    body = {"name": "demo", "template": "base", "storage": "1Gi"}
    assert (await served.ask(vera, "POST", served.environments, body)).status == 403
    templates = (await served.ask(ada, "GET", f"/api/v1/templates?namespace={live.namespace}")).json()
    assert "base" in {template["name"] for template in templates["items"]}
    assert (await served.ask(ada, "POST", served.environments, body)).status == 201
    made = await served.until(ada, demo, {"phase": "Running"})
    for address in ("events", "logs", "usage", "yaml"):
        assert (await served.ask(ada, "GET", f"{demo}/{address}")).status == 200, address
    assert (await served.ask(ada, "PATCH", demo, {"displayName": "Mine"})).status == 200

    for other in (bob, vera):
        assert (await served.ask(other, "GET", f"{demo}/logs")).status == 404
        assert (await served.ask(other, "POST", f"{demo}/stop")).status in (403, 404)
        assert (await served.ask(other, "DELETE", demo)).status in (403, 404)
    refused = await served.ask(ada, "POST", served.environments, {**body, "name": "gift", "owner": "somebody"})
    assert refused.status == 403, refused.body
    spec = {"displayName": "Mine", "environment": {"image": "x:1"}}
    assert (await served.ask(ada, "POST", "/api/v1/templates", {"name": "mine", "spec": spec})).status == 403

    assert (await served.ask(ada, "POST", f"{demo}/stop")).status < 300
    await served.until(ada, demo, {"phase": "Stopped"})
    assert (await served.ask(ada, "POST", f"{demo}/start")).status < 300
    await served.until(ada, demo, {"phase": "Running"})
    assert (await served.ask(ada, "DELETE", demo)).status < 300
    await live.wait_gone(INSTANCES, "demo")
    await purge(served, live, ada, owner=made["owner"])


async def purge(served: Served, live: Live, token: str, *, owner: str) -> None:
    """The disk that the environment left is its owner's to delete."""
    async with asyncio.timeout(30):
        while not (items := (await served.ask(token, "GET", "/api/v1/volumes")).json()["items"]):
            await asyncio.sleep(0.2)
    (kept,) = items
    assert kept["owner"] == owner
    path = f"/api/v1/namespaces/{live.namespace}/volumes/{kept['name']}?uid={kept['uid']}"
    async with asyncio.timeout(60):
        # Until its pod has ended.
        while (answer := await served.ask(token, "DELETE", path)).status == 409:
            await asyncio.sleep(0.5)
    assert answer.status == 204
    await live.wait_gone(PVCS, kept["name"])


def test_of_the_cluster_itself_a_developer_gets_what_is_written_and_nothing_else(people: Live, live: Live) -> None:
    everybody = rights(live, "default")
    for person, role in (("ada", "developer"), ("vera", "viewer")):
        written = {(names.GROUP, resource, verb) for resource, verb in ours(rules_of_people()[f"devworkspace-{role}"])}
        assert rights(live, person) - everybody == written


def test_kubernetes_own_roles_have_them_too(live: Live) -> None:
    """The controller of the cluster adds up what the labels say."""
    granted = {"view": ("viewer",), "edit": ("viewer", "developer", "editor")}
    roles = rules_of_people()
    granted["admin"] = (*granted["edit"], "admin")
    for name, parts in granted.items():
        found = json.loads(live.surroundings.run_kubectl("get", "clusterrole", name, "--output=json"))["rules"]
        assert ours(found) == ours([rule for part in parts for rule in roles[f"devworkspace-{part}"]]), name


def rules_of_people() -> dict[str, list[dict[str, Any]]]:
    return {
        document["metadata"]["name"]: document["rules"]
        for document in yaml.safe_load_all(ROLES.read_text(encoding="utf-8"))
        if document["kind"] == "ClusterRole"
    }


def ours(rules: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {
        (resource, verb)
        for rule in rules
        if names.GROUP in rule.get("apiGroups", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
