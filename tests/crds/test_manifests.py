"""Whole manifests at the real API server: the examples, files of the first specification, defaults, unknown fields."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.crds.apiserver import Answer, ApiServer
from tests.crds.schema import (
    API_VERSION,
    CASES,
    CRDS,
    INSTANCE,
    KINDS,
    ROOT,
    TEMPLATE,
    Json,
    Kind,
    changed,
    has_value,
    load,
    walk,
)

DRY_RUN = {"dryRun": "All"}
STRICT = DRY_RUN | {"fieldValidation": "Strict"}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
EXAMPLES = sorted((CRDS / "examples").glob("*.yaml"))


def _kind_of(manifest: Json) -> Kind:
    return next(kind for kind in KINDS.values() if kind.name == manifest["kind"])


def _create(api: ApiServer, manifest: Json, *, namespace: str, query: dict[str, str]) -> Answer:
    moved = copy.deepcopy(manifest)
    moved["metadata"].pop("namespace", None)
    return api.request("POST", _kind_of(manifest).url(namespace), body=moved, query=query)


def _contains(theirs: Any, ours: Any) -> bool:
    """Whether everything of ours stands unchanged in theirs; they may have more fields."""
    if isinstance(ours, dict):
        return isinstance(theirs, dict) and all(key in theirs and _contains(theirs[key], ours[key]) for key in ours)
    if isinstance(ours, list):
        return len(theirs) == len(ours) and all(_contains(one, two) for one, two in zip(theirs, ours, strict=True))
    return bool(theirs == ours)


@pytest.mark.cluster
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_is_accepted_unchanged(path: Path, api: ApiServer, namespace: str) -> None:
    # Under a name of its own: the example itself may be installed on this cluster.
    example = changed(load(path), {"metadata.name": "example-under-test"})
    answer = _create(api, example, namespace=namespace, query=STRICT)
    assert answer.ok, answer
    assert answer.warnings == []
    assert _contains(answer.body["spec"], example["spec"])


FOUNDING = list(yaml.safe_load_all((CASES / "founding.yaml").read_text()))


@pytest.mark.cluster
@pytest.mark.parametrize("manifest", FOUNDING, ids=lambda manifest: manifest["metadata"]["name"])
def test_manifest_of_the_first_specification_applies_unchanged(manifest: Json, api: ApiServer, namespace: str) -> None:
    answer = _create(api, manifest, namespace=namespace, query=STRICT)
    assert answer.ok, answer
    assert answer.warnings == []
    assert _contains(answer.body["spec"], manifest["spec"])


@pytest.mark.cluster
def test_smallest_template_gets_these_defaults(api: ApiServer, namespace: str) -> None:
    answer = _create(api, TEMPLATE.minimal, namespace=namespace, query=STRICT)
    assert answer.body["spec"] == {
        "displayName": "Test",
        "state": "Active",
        "prePull": False,
        "environment": {
            "image": "localhost/devworkspace/base:0.1.0",
            "ide": "code-server",
            "port": 8080,
            "healthPath": "/healthz",
            "homePath": "/home/dev",
            "runAsUser": 1000,
            "runAsGroup": 1000,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        "storage": {"size": "10Gi", "accessMode": "ReadWriteOnce"},
        "lifecycle": {"startTimeout": "5m", "maxKeepAwake": "8h"},
    }


@pytest.mark.cluster
def test_smallest_instance_gets_these_defaults(api: ApiServer, namespace: str) -> None:
    answer = _create(api, INSTANCE.minimal, namespace=namespace, query=STRICT)
    assert answer.body["spec"] == {"templateRef": "python", "running": True, "dataPolicy": "Retain"}


@pytest.mark.cluster
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_field_is_dropped_or_refused_by_name(kind: str, api: ApiServer, namespace: str) -> None:
    manifest = changed(KINDS[kind].minimal, {"spec.overides": {"image": "x"}, "spec.lifecycle": {"idle": "5m"}})
    dropped = _create(api, manifest, namespace=namespace, query=DRY_RUN)
    assert dropped.ok, dropped
    assert "overides" not in dropped.body["spec"]
    assert "idle" not in dropped.body["spec"]["lifecycle"]
    refused = _create(api, manifest, namespace=namespace, query=STRICT)
    assert refused.status == 400
    assert 'unknown field "spec.overides"' in refused.body["message"]
    assert 'unknown field "spec.lifecycle.idle"' in refused.body["message"]


@pytest.mark.cluster
@pytest.mark.parametrize("kind", KINDS)
def test_status_is_written_only_through_its_subresource(
    kind: str, api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    created = _create(api, KINDS[kind].full, namespace=namespace, query=DRY_RUN)
    assert created.ok, created
    assert "status" not in created.body
    path = KINDS[kind].url(namespace, stored[kind], "status")
    body = {"status": KINDS[kind].full["status"], "spec": {"displayName": "Changed by a status write"}}
    written = api.request("PATCH", path, body=body, query=DRY_RUN, content_type="application/merge-patch+json")
    assert written.body["status"] == KINDS[kind].full["status"]
    assert written.body["spec"]["displayName"] != "Changed by a status write"


@pytest.mark.cluster
def test_second_instance_of_the_same_name_is_refused(api: ApiServer, namespace: str, stored: dict[str, str]) -> None:
    again = changed(INSTANCE.minimal, {"metadata.name": stored["instance"]})
    answer = _create(api, again, namespace=namespace, query={})
    assert answer.status == 409
    assert answer.body["reason"] == "AlreadyExists"


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("kind", "narrow", "wide"),
    [
        ("instance", ["Name", "Template", "Phase", "Owner", "URL", "Idle", "Age"], ["Pod", "Node", "Message"]),
        (
            "template",
            ["Name", "Display Name", "Image", "State", "Instances", "Running", "Warm", "Age"],
            ["Outdated", "Replaced By", "Description"],
        ),
    ],
)
def test_printer_columns(
    kind: str, narrow: list[str], wide: list[str], api: ApiServer, namespace: str, stored: dict[str, str]
) -> None:
    answer = api.request("GET", KINDS[kind].url(namespace, stored[kind]), accept=TABLE)
    columns = answer.body["columnDefinitions"]
    assert [column["name"] for column in columns if column["priority"] == 0] == narrow
    assert [column["name"] for column in columns if column["priority"] == 1] == wide


@pytest.mark.cluster
@pytest.mark.parametrize("kind", KINDS)
def test_names_in_discovery(kind: str, api: ApiServer) -> None:
    resources = api.request("GET", "/apis/devworkspace.kubesphere.io/v1alpha1").body["resources"]
    served = next(resource for resource in resources if resource["name"] == KINDS[kind].plural)
    names = KINDS[kind].crd["spec"]["names"]
    assert (served["kind"], served["singularName"]) == (names["kind"], names["singular"])
    assert served["shortNames"] == names["shortNames"]
    assert served["categories"] == ["devworkspace"]


def test_full_example_has_every_field_of_an_instance() -> None:
    example = load(CRDS / "examples" / "workspace-instance-full.yaml")
    missing = [path for path, _ in walk(INSTANCE.schema) if path.startswith("spec") and not has_value(example, path)]
    assert missing == []


def test_plurals_are_no_words_of_kubesphere() -> None:
    """KubeSphere takes the path segments `workspaces` and `workspacetemplates` of any API group for its own."""
    assert not {kind.plural for kind in KINDS.values()} & {"workspaces", "workspacetemplates"}


DOCUMENTED = [
    manifest
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "CRD_SPEC.md").read_text(encoding="utf-8"), re.S)
    if (manifest := yaml.safe_load(block))["apiVersion"] == API_VERSION
]


@pytest.mark.cluster
@pytest.mark.parametrize("manifest", DOCUMENTED, ids=lambda manifest: manifest["metadata"]["name"])
def test_manifest_of_the_documentation_is_accepted_unchanged(manifest: Json, api: ApiServer, namespace: str) -> None:
    example = changed(manifest, {"metadata.name": "example-under-test"})
    answer = _create(api, example, namespace=namespace, query=STRICT)
    assert answer.ok, answer
    assert _contains(answer.body["spec"], manifest["spec"])
