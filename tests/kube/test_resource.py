import pytest

from devworkspace.api.meta import Key
from devworkspace.kube.errors import InvalidName, KubeError
from devworkspace.kube.resource import NAMESPACES, NETWORK_POLICIES, PODS, Resource, key_of


@pytest.mark.parametrize(
    ("resource", "arguments", "expected"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("team",), "/api/v1/namespaces/team/pods"),
        (PODS, ("team", "a.b-c"), "/api/v1/namespaces/team/pods/a.b-c"),
        (PODS, ("team", "a", "status"), "/api/v1/namespaces/team/pods/a/status"),
        (NETWORK_POLICIES, ("team", "a"), "/apis/networking.k8s.io/v1/namespaces/team/networkpolicies/a"),
        (NAMESPACES, ("", "team"), "/api/v1/namespaces/team"),
        (PODS, ("team", "system:node"), "/api/v1/namespaces/team/pods/system%3Anode"),
        (PODS, ("team", "a?b#c"), "/api/v1/namespaces/team/pods/a%3Fb%23c"),
    ],
)
def test_path(resource: Resource, arguments: tuple[str, ...], expected: str) -> None:
    assert resource.path(*arguments) == expected


HOSTILE = ["a/b", "..", ".", "a/../b", "%2e%2e", "a%2fb", "a\nb", "a b", "a\\..\0", "ä", "x" * 254, "/", " "]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_leads_out_of_its_collection(name: str) -> None:
    with pytest.raises(InvalidName):
        PODS.path("team", name)


@pytest.mark.parametrize("namespace", [*HOSTILE, "Team", "a.b", "-a", "a-", "x" * 64, "a:b"])
def test_no_namespace_leads_out_of_its_place(namespace: str) -> None:
    with pytest.raises(InvalidName):
        PODS.path(namespace)


@pytest.mark.parametrize("subresource", [*HOSTILE, "log?follow=true"])
def test_no_subresource_leads_elsewhere(subresource: str) -> None:
    with pytest.raises(InvalidName):
        PODS.path("team", "a", subresource)


@pytest.mark.parametrize("key", [Key("", "a"), Key("team", ""), Key("", "")])
def test_an_object_needs_name_and_namespace(key: Key) -> None:
    with pytest.raises(InvalidName, match="needs a name"):
        PODS.object_path(key)


def test_a_cluster_kind_refuses_a_namespace() -> None:
    with pytest.raises(InvalidName, match="not namespaced"):
        NAMESPACES.path("team", "a")


def test_a_subresource_needs_a_name() -> None:
    with pytest.raises(InvalidName, match="needs a name"):
        PODS.path("team", "", "status")


@pytest.mark.parametrize(
    "fields", [("a/b", "v1", "pods"), ("", "v1/..", "pods"), ("", "v1", "pods/x"), ("", "", "pods"), ("A", "v1", "p")]
)
def test_a_resource_itself_is_checked(fields: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidName):
        Resource(*fields, kind="X")


def test_the_error_belongs_to_the_family_and_shows_a_bounded_value() -> None:
    with pytest.raises(KubeError) as caught:
        PODS.path("team", "/" * 5000)
    assert len(str(caught.value)) < 250


def test_api_version() -> None:
    assert (PODS.api_version, NETWORK_POLICIES.api_version) == ("v1", "networking.k8s.io/v1")


def test_key_of_a_body() -> None:
    assert key_of({"metadata": {"name": "a", "namespace": "team"}}) == Key("team", "a")
    assert key_of({"metadata": {"name": "a", "namespace": None}}) == Key("", "a")
    assert key_of({}) == Key("", "")
