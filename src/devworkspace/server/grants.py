"""Where a person may have rights at all, so that nobody is asked about two thousand environments of others.

Roles and their bindings say for which namespaces and names it is worth asking; the API server is then asked, and its
answer alone counts. What is not worth asking is only left out of lists and streams: opening an environment by its
address always asks. An authorizer of the cluster beside RBAC that grants single namespaces is not seen here.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from devworkspace.api import names
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.access import Identity
from devworkspace.kube.client import Client
from devworkspace.kube.informer import Informer
from devworkspace.kube.resource import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES

# A copy that has heard nothing for so long may lack a grant, and then everything is asked.
STALE_SECONDS: Final = 300.0
_RESOURCES: Final = frozenset({"*", names.INSTANCE_PLURAL, f"*/{names.CONNECT_SUBRESOURCE}"})
BY_SUBJECT: Final = "subject"


class Rule(Struct, frozen=True):
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    resource_names: tuple[str, ...] = ()


class Role(Struct, frozen=True):
    """A Role or a ClusterRole."""

    metadata: ObjectMeta
    rules: tuple[Rule, ...] | None = ()


class Subject(Struct, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class RoleRef(Struct, frozen=True):
    kind: str = ""
    name: str = ""


class Binding(Struct, frozen=True):
    """A RoleBinding or a ClusterRoleBinding."""

    metadata: ObjectMeta
    role_ref: RoleRef = RoleRef()
    subjects: tuple[Subject, ...] | None = ()


class Prospects(NamedTuple):
    """What is worth asking about: whole namespaces, single environments, and names in whatever namespace."""

    namespaces: frozenset[str]
    environments: frozenset[Key]
    names: frozenset[str]

    def is_worth_asking(self, key: Key) -> bool:
        return key in self.environments or key.name in self.names


class Grants(Protocol):
    def prospects(self, identity: Identity) -> Prospects | None:
        """None while nothing is known, so that everything must be asked."""


def is_about_environments(role: Role) -> bool:
    """Whether a role may say anything about environments; used to keep no others."""
    return any(True for _ in _rules(role))


def subjects_of(binding: Binding) -> Iterable[str]:
    """The subjects as `BY_SUBJECT` finds them; a service account is a user to RBAC."""
    for subject in binding.subjects or ():
        if subject.kind == "ServiceAccount":
            yield f"User:system:serviceaccount:{subject.namespace}:{subject.name}"
        else:
            yield f"{subject.kind}:{subject.name}"


class InformedGrants:
    """Grants behind four informers, each of which runs in a task of its own."""

    def __init__(self, client: Client, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        by_subject = {BY_SUBJECT: subjects_of}
        self._roles = Informer(client, ROLES, Role, keep=is_about_environments)
        self._cluster_roles = Informer(client, CLUSTER_ROLES, Role, keep=is_about_environments)
        self._bindings = Informer(client, ROLE_BINDINGS, Binding, indexers=by_subject)
        self._cluster_bindings = Informer(client, CLUSTER_ROLE_BINDINGS, Binding, indexers=by_subject)
        self._monotonic = monotonic

    @property
    def informers(self) -> tuple[Informer[Role] | Informer[Binding], ...]:
        return (self._roles, self._cluster_roles, self._bindings, self._cluster_bindings)

    def prospects(self, identity: Identity) -> Prospects | None:
        if not self._is_true():
            return None
        subjects = (f"User:{identity.name}", *(f"Group:{group}" for group in identity.groups))
        namespaces: set[str] = set()
        environments: set[Key] = set()
        for binding in (found for subject in subjects for found in self._bindings.by_index(BY_SUBJECT, subject)):
            namespace = binding.metadata.namespace
            for rule in self._rules_of(binding):
                environments |= {Key(namespace, name) for name in rule.resource_names}
                if not rule.resource_names:
                    namespaces.add(namespace)
        everywhere = (found for subject in subjects for found in self._cluster_bindings.by_index(BY_SUBJECT, subject))
        # One without names holds everywhere, which is asked first in any case.
        named = frozenset(
            name for binding in everywhere for rule in self._rules_of(binding) for name in rule.resource_names
        )
        return Prospects(frozenset(namespaces), frozenset(environments), named)

    def _rules_of(self, binding: Binding) -> Iterable[Rule]:
        name, namespace = binding.role_ref.name, binding.metadata.namespace
        of_namespace = binding.role_ref.kind == "Role"
        role = self._roles.get(Key(namespace, name)) if of_namespace else self._cluster_roles.get(Key("", name))
        return _rules(role) if role is not None else ()

    def _is_true(self) -> bool:
        now = self._monotonic()
        return all(found.synced.is_set() and not found.is_stale(STALE_SECONDS, now) for found in self.informers)


def _rules(role: Role) -> Iterable[Rule]:
    """Its rules that may be about environments, whatever their verbs."""
    for rule in role.rules or ():
        ours = names.GROUP in rule.api_groups or "*" in rule.api_groups
        if ours and any(item in _RESOURCES or item.startswith(f"{names.INSTANCE_PLURAL}/") for item in rule.resources):
            yield rule
