"""The kind that the tests of this folder work with: a pod reduced to a phase and a node."""

from typing import Any

from devworkspace.api.meta import Key, ObjectMeta, Struct


class Status(Struct, frozen=True):
    phase: str = "Pending"


class Spec(Struct, frozen=True):
    node_name: str | None = None


class Thing(Struct, frozen=True):
    metadata: ObjectMeta
    spec: Spec = Spec()
    status: Status = Status()


def key(name: str) -> Key:
    return Key("team", name)


def thing(name: str, *, namespace: str = "team", labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace}
    return {"metadata": metadata | ({"labels": labels} if labels else {}), "spec": spec}
