"""The parts of Kubernetes objects that are the same for every kind, trimmed to what this product reads."""

from typing import Literal, NamedTuple

import msgspec


class Key(NamedTuple):
    """Identifies one namespaced object of a kind; `namespace` is empty for cluster-scoped kinds."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Struct(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Base of every API value: immutable, camelCase on the wire, unknown fields ignored when decoding."""


class OwnerReference(Struct, frozen=True):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return Key(self.namespace, self.name)


ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Struct, frozen=True, omit_defaults=False):
    """`metav1.Condition`."""

    type: str
    status: ConditionStatus
    reason: str
    message: str = ""
    last_transition_time: str = ""
    observed_generation: int = 0
