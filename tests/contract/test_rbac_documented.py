"""docs/RBAC.md is the reviewed list of rights: the manifests grant exactly what stands there, rule by rule."""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
HEADING: Final = re.compile(r"^### (\S+), (ClusterRole|Role)$")
AGGREGATE: Final = "rbac.authorization.k8s.io/aggregate-to-"
Role = tuple[str, str]


class Rule(NamedTuple):
    group: str
    resources: frozenset[str]
    verbs: frozenset[str]
    only: frozenset[str]


def split(cell: str) -> frozenset[str]:
    return frozenset(part.strip().strip("`") for part in cell.split(",") if part.strip())


def read(text: str) -> dict[Role, list[Rule]]:
    """The tables below a heading with the name of a role."""
    found: dict[Role, list[Rule]] = {}
    rules: list[Rule] | None = None
    for line in text.splitlines():
        if line.startswith("#"):
            heading = HEADING.fullmatch(line)
            rules = found.setdefault((heading[1], heading[2]), []) if heading else None
        elif rules is not None and line.startswith("|") and not line.startswith(("| group |", "| --- |")):
            group, resources, verbs, only, why = (cell.strip() for cell in line.strip("|").split("|"))
            assert why, f"no reason: {line}"
            rules.append(Rule("" if group == "core" else group, split(resources), split(verbs), split(only)))
    return found


def roles() -> list[dict[str, Any]]:
    files = [ROOT / "deploy" / name for name in ("rbac.yaml", "roles.yaml")]
    documents = [document for file in files for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
    return [document for document in documents if document["kind"] in ("ClusterRole", "Role")]


def only_one(values: list[str]) -> str:
    (value,) = values
    return value


def granted() -> dict[Role, list[Rule]]:
    return {
        (role["metadata"]["name"], role["kind"]): [
            Rule(
                only_one(rule["apiGroups"]),
                frozenset(rule["resources"]),
                frozenset(rule["verbs"]),
                frozenset(rule.get("resourceNames", ())),
            )
            for rule in role["rules"]
        ]
        for role in roles()
    }


DOCUMENTED: Final = read((ROOT / "docs" / "RBAC.md").read_text(encoding="utf-8"))


def test_the_roles_are_those_of_the_manifests() -> None:
    assert set(DOCUMENTED) == set(granted())


@pytest.mark.parametrize("role", granted(), ids=" ".join)
def test_each_rule_is_written_down_and_granted(role: Role) -> None:
    assert DOCUMENTED[role] == granted()[role]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| core | secrets | create, patch |", "| core | secrets | create, patch, get |"),
        ("| core | services |", "| core | pods |"),
    ],
)
def test_a_difference_is_found(old: str, new: str) -> None:
    text = (ROOT / "docs" / "RBAC.md").read_text(encoding="utf-8")
    assert old in text
    assert read(text.replace(old, new)) != granted()


def test_people_s_roles_are_part_of_what_each_cluster_has() -> None:
    """As the first table of the file says; nobody's rights grow by an account of ours."""
    aggregated = {
        (role["metadata"]["name"], label.removeprefix(AGGREGATE))
        for role in roles()
        for label, value in role["metadata"]["labels"].items()
        if label.startswith(AGGREGATE) and value == "true"
    }
    text = (ROOT / "docs" / "RBAC.md").read_text(encoding="utf-8")
    table = set(re.findall(r"^\| `(devworkspace-\w+)` \|.*\| `(\w+)` \|$", text, re.MULTILINE))
    assert aggregated == table
    assert len(table) == 4


def test_to_open_somebody_else_s_environment_is_the_admins_alone() -> None:
    connecting = {
        name for (name, _), rules in granted().items() if any("connect" in str(rule.resources) for rule in rules)
    }
    assert connecting == {"devworkspace-admin"}
