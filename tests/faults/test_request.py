"""What the harness understands of a request decides which plan hits it."""

import pytest

from tests.faults.request import ApiRequest, narrow, parse_request

INSTANCES = "/apis/devworkspace.kubesphere.io/v1alpha1"


@pytest.mark.parametrize(
    ("method", "target", "content_type", "kind", "name"),
    [
        ("GET", "/api/v1/pods?limit=500", "", "list pods", ""),
        ("GET", "/api/v1/pods?watch=true&resourceVersion=1", "", "watch pods", ""),
        ("GET", "/api/v1/namespaces/team/pods", "", "list pods", ""),
        ("GET", "/api/v1/namespaces", "", "list namespaces", ""),
        ("GET", "/api/v1/namespaces/team", "", "get namespaces", "team"),
        ("GET", "/api/v1/namespaces/team/pods/demo", "", "get pods", "demo"),
        ("PATCH", "/api/v1/namespaces/team/pods/demo?force=true", "application/apply-patch+yaml", "apply pods", "demo"),
        ("PATCH", f"{INSTANCES}/namespaces/team/workspaceinstances/demo", "application/merge-patch+json",
         "patch workspaceinstances", "demo"),
        ("PATCH", f"{INSTANCES}/namespaces/team/workspaceinstances/demo/status", "application/apply-patch+yaml",
         "apply workspaceinstances/status", "demo"),
        ("DELETE", "/api/v1/namespaces/team/pods/demo", "application/json", "delete pods", "demo"),
        ("POST", "/api/v1/namespaces/team/events", "application/json", "create events", ""),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/team/leases/op", "", "update leases", "op"),
        ("GET", "/version", "", "get", ""),
        ("GET", "/apis/devworkspace.kubesphere.io/v1alpha1", "", "get", ""),
    ],
)  # fmt: skip
def test_verb_resource_and_name_are_read(method: str, target: str, content_type: str, kind: str, name: str) -> None:
    request = parse_request(method=method, target=target, content_type=content_type)
    assert (request.kind, request.name) == (kind, name)
    assert request.is_write == (kind.split()[0] in ("apply", "patch", "delete", "create", "update"))


@pytest.mark.parametrize(
    ("target", "narrowed"),
    [
        ("/api/v1/pods?limit=5", "/api/v1/namespaces/team/pods?limit=5"),
        (f"{INSTANCES}/workspaceinstances", f"{INSTANCES}/namespaces/team/workspaceinstances"),
        ("/api/v1/namespaces?limit=5", "/api/v1/namespaces?limit=5&fieldSelector=metadata.name%3Dteam"),
        (f"{INSTANCES}/ideworkspacetemplates", f"{INSTANCES}/ideworkspacetemplates?fieldSelector=metadata.name%3Dbase"),
        ("/api/v1/namespaces/team/pods", "/api/v1/namespaces/team/pods"),
        ("/api/v1/namespaces/team/pods/demo", "/api/v1/namespaces/team/pods/demo"),
        ("/version", "/version"),
    ],
)
def test_an_operator_sees_one_namespace_and_one_template(target: str, narrowed: str) -> None:
    request = parse_request(method="GET", target=target)
    assert narrow(target, request, namespace="team", template="base") == narrowed


def test_a_request_is_printed_in_words() -> None:
    assert str(ApiRequest(verb="apply", resource="pods", name="demo")) == "apply pods demo"
