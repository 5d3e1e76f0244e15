"""Answers the paths by which clients, Kopf among them, learn what an API server has."""

from collections.abc import Collection, Sequence

from devworkspace.kube.resource import Resource
from tests.support.fake_objects import Object

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def discover(path: str, known: Sequence[Resource], *, without_status: Collection[Resource]) -> Object | None:
    """Return the document under `path`, or None if it is no path of discovery."""
    groups = sorted({(resource.group, resource.version) for resource in known if resource.group})
    if path == "/version":
        return {"major": "1", "minor": "36", "gitVersion": "v1.36.0-fake"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*group) for group in groups]}
    for group, version in [("", "v1"), *groups]:
        if path == (f"/apis/{group}/{version}" if group else f"/api/{version}"):
            members = [resource for resource in known if (resource.group, resource.version) == (group, version)]
            resources = [entry for resource in members for entry in _entries(resource, resource not in without_status)]
            version_name = f"{group}/{version}" if group else version
            return {"kind": "APIResourceList", "groupVersion": version_name, "resources": resources}
    return None


def _group(group: str, version: str) -> Object:
    entry = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [entry], "preferredVersion": entry}


def _entries(resource: Resource, has_status: bool) -> list[Object]:
    entry = {
        "name": resource.plural,
        "singularName": resource.kind.lower(),
        "kind": resource.kind,
        "namespaced": resource.namespaced,
        "verbs": _VERBS,
    }
    status = entry | {"name": f"{resource.plural}/status", "verbs": ["get", "patch", "update"]}
    return [entry, status] if has_status else [entry]
