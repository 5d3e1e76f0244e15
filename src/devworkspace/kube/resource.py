"""Which REST path a kind lives under, and the promise that no name can lead out of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from devworkspace.api.meta import Key
from devworkspace.kube.errors import InvalidName

_GROUP: Final = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?")
_WORD: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# What the API server itself forbids in names as path segments, plus what no kind allows: spaces, controls, non-ASCII.
_NAME: Final = re.compile(r"[!-$&-.0-~]{1,253}")


def _checked(what: str, value: str, pattern: re.Pattern[str]) -> str:
    if value in {".", ".."} or not pattern.fullmatch(value):
        raise InvalidName(f"{what} {value[:80]!r} is not a valid Kubernetes {what}; no request was sent")
    return quote(value, safe="")


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind at the API server. `group` is empty for the core API; `plural` is the word in the path."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    def __post_init__(self) -> None:
        _checked("group", self.group, _GROUP)
        _checked("version", self.version, _WORD)
        _checked("resource", self.plural, _WORD)

    @property
    def api_version(self) -> str:
        """`group/version`, or only the version for the core API."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the percent-encoded path of a collection (no `name`) or of an object.

        An empty `namespace` of a namespaced kind means the collection over all namespaces.
        Raises `InvalidName` for anything that could change the path, before a request exists.
        """
        if namespace and not self.namespaced:
            raise InvalidName(f"{self.kind} is not namespaced, but namespace {namespace[:80]!r} was given")
        if name and self.namespaced and not namespace:
            raise InvalidName(f"{self.kind} {name[:80]!r} needs a namespace")
        if subresource and not name:
            raise InvalidName(f"subresource {subresource[:80]!r} of {self.kind} needs a name")
        parts = ["", "apis", self.group, self.version] if self.group else ["", "api", self.version]
        if namespace:
            parts += ["namespaces", _checked("namespace", namespace, _WORD)]
        parts.append(self.plural)
        if name:
            parts.append(_checked("name", name, _NAME))
        if subresource:
            parts.append(_checked("subresource", subresource, _WORD))
        return "/".join(parts)

    def object_path(self, key: Key, subresource: str = "") -> str:
        """Return the path of one object; unlike `path`, an empty name is refused instead of meaning the collection."""
        if not key.name:
            raise InvalidName(f"{self.kind} needs a name")
        return self.path(key.namespace, key.name, subresource)


def key_of(body: Mapping[str, Any]) -> Key:
    """Return the key in the metadata of an object that is about to be written."""
    metadata = body.get("metadata") or {}
    return Key(metadata.get("namespace") or "", metadata.get("name") or "")


PODS: Final = Resource("", "v1", "pods", "Pod")
PVCS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
SERVICES: Final = Resource("", "v1", "services", "Service")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODES: Final = Resource("", "v1", "nodes", "Node", namespaced=False)
EVENTS: Final = Resource("", "v1", "events", "Event")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
RESOURCE_QUOTAS: Final = Resource("", "v1", "resourcequotas", "ResourceQuota")
LIMIT_RANGES: Final = Resource("", "v1", "limitranges", "LimitRange")
POD_METRICS: Final = Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics")
STORAGE_CLASSES: Final = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
ROLES: Final = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
CLUSTER_ROLES: Final = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
ROLE_BINDINGS: Final = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CLUSTER_ROLE_BINDINGS: Final = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
DAEMON_SETS: Final = Resource("apps", "v1", "daemonsets", "DaemonSet")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
TOKEN_REVIEWS: Final = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
SUBJECT_ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
SELF_SUBJECT_ACCESS_REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
