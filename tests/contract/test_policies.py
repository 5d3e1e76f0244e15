"""The admission policies in deploy/: what they are about, and nothing of other people's.

What they let pass and what they refuse is tried on a cluster: tests/attacks/test_policies.py, test_owners.py.
"""

import ast
import functools
import re
from pathlib import Path
from typing import Any, Final

import yaml

from devworkspace.api import names
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, PVCS, SECRETS, SERVICES

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
POLICY: Final = "ValidatingAdmissionPolicy"
BINDING: Final = "ValidatingAdmissionPolicyBinding"
OPERATOR: Final = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:devworkspace-operator"
SERVER: Final = f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:devworkspace-server"


@functools.cache
def text() -> str:
    return (DEPLOY / "policies.yaml").read_text(encoding="utf-8")


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """The specs, by name."""
    documents = yaml.safe_load_all(text())
    return {item["metadata"]["name"]: item["spec"] for item in documents if item["kind"] == kind}


def policy(name: str) -> dict[str, Any]:
    return of_kind(POLICY)[name]


def variables_of(spec: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["expression"] for variable in spec["variables"]}


def about(spec: dict[str, Any]) -> list[tuple[list[str], list[str]]]:
    """Operations and resources."""
    return [(rule["operations"], rule["resources"]) for rule in spec["matchConstraints"]["resourceRules"]]


def selects_ours(selector: dict[str, Any]) -> bool:
    """Whether only objects with one of our labels match."""
    there = {one["key"] for one in selector.get("matchExpressions", []) if one["operator"] == "Exists"}
    marked = selector.get("matchLabels", {}).get(names.LABEL_MANAGED_BY) == names.MANAGED_BY
    return marked or names.LABEL_INSTANCE_UID in there


def is_limited(name: str) -> bool:
    """Whether a policy looks at nothing but our kinds, our accounts' requests, or objects with our labels."""
    spec = policy(name)
    groups = {group for rule in spec["matchConstraints"]["resourceRules"] for group in rule["apiGroups"]}
    by_us = any("username == 'system:serviceaccount:" in one["expression"] for one in spec.get("matchConditions", []))
    bindings = [one.get("matchResources", {}) for one in of_kind(BINDING).values() if one["policyName"] == name]
    return (
        groups == {names.GROUP}
        or by_us
        or selects_ours(spec["matchConstraints"].get("objectSelector", {}))
        or all(selects_ours(scope.get("objectSelector", {})) for scope in bindings)
    )


def test_every_policy_fails_closed_and_is_bound() -> None:
    assert {spec["failurePolicy"] for spec in of_kind(POLICY).values()} == {"Fail"}
    assert {spec["policyName"] for spec in of_kind(BINDING).values()} == set(of_kind(POLICY))
    assert all(spec["validationActions"] == ["Deny"] for spec in of_kind(BINDING).values())


def test_no_policy_can_stand_in_other_people_s_way() -> None:
    """They fail closed: what they are evaluated for could not be written if something were wrong with one."""
    assert [name for name in of_kind(POLICY) if not is_limited(name)] == []


def test_they_speak_of_labels_and_accounts_that_there_are() -> None:
    known = {value for value in vars(names).values() if isinstance(value, str)}
    told = set(re.findall(rf"'({re.escape(names.GROUP)}/[a-z][a-z-]*)'", text()))
    assert {names.LABEL_INSTANCE_UID, names.LABEL_POOL, names.ANNOTATION_DELETE_APPROVED} <= told <= known
    assert set(re.findall(r"'(system:serviceaccount:[a-z:-]+)'", text())) == {OPERATOR, SERVER}


def test_the_parts_of_environments_are_all_that_the_operator_marks() -> None:
    spec = policy("devworkspace-children")
    assert all(operations == ["CREATE", "UPDATE"] for operations, _ in about(spec))
    kinds = {kind for _, resources in about(spec) for kind in resources}
    assert kinds == {resource.plural for resource in (PODS, PVCS, SERVICES, SECRETS, NETWORK_POLICIES)}
    labels = (names.LABEL_NAME, names.LABEL_INSTANCE, names.LABEL_COMPONENT, names.LABEL_MANAGED_BY)
    assert ast.literal_eval(variables_of(spec)["shared"]) == list(labels)
    (condition,) = spec["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username != '{OPERATOR}'"
    assert all("variables.mayRepair" in rule["expression"] for rule in spec["validations"])


def test_the_shape_of_pods_is_everybody_s_also_for_those_who_debug() -> None:
    spec = policy("devworkspace-pods")
    assert about(spec) == [(["CREATE"], ["pods"]), (["UPDATE"], ["pods/ephemeralcontainers"])]
    assert "matchConditions" not in spec
    assert not any("authorizer" in rule["expression"] for rule in spec["validations"])


def test_the_deletion_of_volumes() -> None:
    """Both halves of the consent are named, and who may do without."""
    spec = policy("devworkspace-volumes")
    assert about(spec) == [(["DELETE"], ["persistentvolumeclaims"])]
    assert "matchConditions" not in spec, "it is about everybody"
    variables = variables_of(spec)
    assert variables["byTheOperator"] == f"request.userInfo.username == '{OPERATOR}'"
    for annotation in (names.ANNOTATION_DELETE_APPROVED, names.LABEL_INSTANCE_UID):
        assert f"['{annotation}']" in variables["approved"]
    assert names.LABEL_RETAINED in variables["kept"]
    by_operator, by_people = (rule["expression"] for rule in spec["validations"])
    assert "mayRepair" not in by_operator, "a right that somebody grants must not free the operator"
    assert "variables.namespaceGoes" in by_people


def test_templates_in_use() -> None:
    spec = policy("devworkspace-templates-in-use")
    assert about(spec) == [(["DELETE"], [names.TEMPLATE_PLURAL])]
    (rule,) = spec["validations"]
    assert rule["expression"].count(f"'{names.ANNOTATION_FORCE_DELETE}'") == 2
    assert f"{names.ANNOTATION_FORCE_DELETE}=true" in rule["messageExpression"]


def test_the_server_and_statuses() -> None:
    spec = policy("devworkspace-server-status")
    assert about(spec) == [(["UPDATE"], [f"{names.INSTANCE_PLURAL}/status"])]
    (condition,) = spec["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username == '{SERVER}'"


def test_the_server_and_volumes() -> None:
    """It asks for both labels, each there and of this value."""
    spec = policy("devworkspace-server-volumes")
    assert about(spec) == [(["DELETE"], ["persistentvolumeclaims"])]
    (condition,) = spec["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username == '{SERVER}'"
    (rule,) = spec["validations"]
    for label, value in ((names.LABEL_RETAINED, "true"), (names.LABEL_MANAGED_BY, names.MANAGED_BY)):
        assert f"['{label}'] == '{value}'" in rule["expression"]
        assert f"'{label}' in " in rule["expression"]


def test_owners() -> None:
    """The name and the account behind it."""
    spec = policy("devworkspace-owners")
    assert about(spec) == [(["CREATE", "UPDATE"], [names.INSTANCE_PLURAL])]
    assert "matchConditions" not in spec, "it is about everybody"
    variables = variables_of(spec)
    assert names.GROUP in variables["mayTell"]
    for name in ("account", "accountBefore"):
        assert variables[name].count(f"'{names.ANNOTATION_OWNER_SUBJECT}'") == 2
    assert len(spec["validations"]) == 2
    assert all("variables.mayTell" in rule["expression"] for rule in spec["validations"])


def test_an_account_that_is_ours_is_one_that_a_deployment_runs_as() -> None:
    accounts = {
        f"system:serviceaccount:{names.SYSTEM_NAMESPACE}:{document['spec']['template']['spec']['serviceAccountName']}"
        for part in ("operator", "server")
        for document in yaml.safe_load_all((DEPLOY / f"{part}.yaml").read_text(encoding="utf-8"))
        if document["kind"] == "Deployment"
    }
    assert accounts == {OPERATOR, SERVER}
