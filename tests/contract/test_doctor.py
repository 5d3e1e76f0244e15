"""The doctor asks for what deploy/ grants and makes, no more and no less.

Who changes deploy/rbac.yaml or deploy/policies.yaml changes rights.py or surroundings.py in src/devworkspace/cli/doctor
as well: the program is also used where no checkout is.
"""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devworkspace.cli.doctor import rights
from devworkspace.cli.doctor.rights import Rule, questions
from devworkspace.cli.doctor.surroundings import OLDEST, POLICY_NAMES, SEVERAL_BINDINGS

ROOT: Final = Path(__file__).parents[2]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / "deploy" / name).read_text(encoding="utf-8")))


def granted(role: dict[str, Any]) -> tuple[Rule, ...]:
    return tuple(
        Rule(" ".join(rule["verbs"]), group, " ".join(rule["resources"]), " ".join(rule.get("resourceNames", ())))
        for rule in role["rules"]
        for group in rule["apiGroups"]
    )


@pytest.mark.parametrize(
    ("kind", "name", "rules"),
    [
        ("ClusterRole", "devworkspace-operator", rights.OPERATOR_CLUSTER),
        ("Role", "devworkspace-operator", rights.OPERATOR_SYSTEM),
        ("ClusterRole", "devworkspace-server", rights.SERVER_CLUSTER),
        ("Role", "devworkspace-server", rights.SERVER_SYSTEM),
    ],
)
def test_rights(kind: str, name: str, rules: tuple[Rule, ...]) -> None:
    (role,) = (
        document
        for document in documents("rbac.yaml")
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
    )
    assert set(questions(rules, "")) == set(questions(granted(role), ""))


def test_policies() -> None:
    made = {
        document["metadata"]["name"]
        for document in documents("policies.yaml")
        if document["kind"] == "ValidatingAdmissionPolicy"
    }
    assert set(POLICY_NAMES) == made


def test_bindings() -> None:
    made: dict[str, set[str]] = {}
    for document in documents("policies.yaml"):
        if document["kind"] == "ValidatingAdmissionPolicyBinding":
            made.setdefault(document["spec"]["policyName"], set()).add(document["metadata"]["name"])
    several = {policy: set(names) for policy, names in SEVERAL_BINDINGS.items()}
    assert {policy: names for policy, names in made.items() if len(names) > 1} == several
    assert set(made) == set(POLICY_NAMES)


def test_the_oldest_kubernetes_is_the_chart_s() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "devworkspace" / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["kubeVersion"] == f">={OLDEST[0]}.{OLDEST[1]}.0-0"
