"""The memory of the fake API server: objects, versions, history, garbage collection. Knows nothing of HTTP."""

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from devworkspace.api.meta import Key
from devworkspace.kube.clock import now, timestamp
from devworkspace.kube.resource import Resource
from tests.support.fake_objects import ApplyConflict, Managers, Object, apply, desired_part, without_status

ChangeKind = Literal["ADDED", "MODIFIED", "DELETED"]


class Refusal(Exception):  # noqa: N818
    """What becomes a Status."""

    def __init__(self, status: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        self.status, self.reason, self.message, self.details = status, reason, message, details
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the history; `old` is needed to see objects leave a selector."""

    version: int
    kind: ChangeKind
    resource: Resource
    old: Object | None
    new: Object


@dataclass(slots=True)
class Stored:
    obj: Object
    managers: Managers = field(default_factory=dict)


class Store:
    """All methods are synchronous, so that a request is atomic in the event loop."""

    def __init__(
        self,
        *,
        window: int,
        clock: Callable[[], datetime] = now,
        new_uid: Callable[[], str] = lambda: str(uuid.uuid4()),
        soon: Callable[[Callable[[], None]], object] = lambda work: asyncio.get_running_loop().call_soon(work),
    ) -> None:
        """`soon` takes what the garbage collector has to do, which is not done at once."""
        self.version = 100
        self.objects: dict[Resource, dict[Key, Stored]] = {}
        self.history: deque[Change] = deque(maxlen=window)
        self.compacted = self.version
        self.clock = clock
        self.new_uid = new_uid
        self.soon = soon
        self.graceful: set[Resource] = set()
        self.listeners: list[Callable[[Change], None]] = []
        self._alive: set[str] = set()
        self._dependents: dict[str, set[tuple[Resource, Key]]] = {}

    def get(self, resource: Resource, key: Key) -> Object:
        stored = self.objects.get(resource, {}).get(key)
        if stored is None:
            raise Refusal(404, "NotFound", f'{resource.plural} "{key.name}" not found', {"name": key.name})
        return stored.obj

    def list(self, resource: Resource, namespace: str) -> "list[Object]":
        entries = self.objects.get(resource, {})
        return [entries[key].obj for key in sorted(entries) if not namespace or key.namespace == namespace]

    def since(self, resource: Resource, version: int) -> tuple[Change, ...]:
        """Return the changes after `version`; 410 if the history does not reach back so far."""
        if version < self.compacted:
            raise Refusal(410, "Expired", f"too old resource version: {version} ({self.compacted})")
        return tuple(change for change in self.history if change.version > version and change.resource == resource)

    def compact(self) -> None:
        """Forget the history: every watch that is not at the newest version gets 410."""
        self.history.clear()
        self.compacted = self.version

    def create(self, resource: Resource, body: Object, *, manager: str = "test", dry_run: bool = False) -> Object:
        obj = copy.deepcopy(body)
        metadata = obj.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        key = Key(metadata.get("namespace") or "", metadata.get("name") or "")
        if not key.name or bool(key.namespace) != resource.namespaced:
            raise Refusal(422, "Invalid", f"{resource.kind} {key}: name or namespace is missing or not allowed")
        if key in self.objects.get(resource, {}):
            raise Refusal(409, "AlreadyExists", f'{resource.plural} "{key.name}" already exists', {"name": key.name})
        if metadata.get("resourceVersion"):
            raise Refusal(400, "BadRequest", "resourceVersion should not be set on objects to be created")
        metadata |= {"uid": self.new_uid(), "creationTimestamp": timestamp(self.clock()), "generation": 1}
        obj |= {"apiVersion": resource.api_version, "kind": resource.kind}
        if dry_run:
            return obj
        _, managers = apply({}, body, manager=manager, managers={}, force=True)
        self.objects.setdefault(resource, {})[key] = Stored(obj, managers)
        self._record("ADDED", resource, old=None, new=obj)
        self._collect_orphan(resource, key)
        return obj

    def update(
        self, resource: Resource, key: Key, body: Object, *, subresource: str = "", dry_run: bool = False
    ) -> Object:
        """Replace an object, or only its status; writes nothing when nothing changes, as the real one."""
        old = self.get(resource, key)
        wanted = body.get("metadata") or {}
        for name, reason in (("uid", "the UID in the precondition"), ("resourceVersion", "the resource version")):
            if wanted.get(name) and wanted[name] != old["metadata"][name]:
                raise Refusal(409, "Conflict", f'{resource.plural} "{key.name}": {reason} does not match')
        if subresource == "status":
            new = {**old, "status": copy.deepcopy(body.get("status"))}
            if new["status"] is None:
                del new["status"]
        else:
            new = {**without_status(copy.deepcopy(body)), "apiVersion": resource.api_version, "kind": resource.kind}
            if "status" in old:
                new["status"] = old["status"]
        kept = {name: old["metadata"][name] for name in _SERVER_FIELDS if name in old["metadata"]}
        changeable = old["metadata"] if subresource else wanted
        new["metadata"] = {k: v for k, v in changeable.items() if k not in _SERVER_FIELDS} | kept
        _refuse_late_finalizers(old, new)
        if new == old or dry_run:
            return new
        if desired_part(new) != desired_part(old):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        self.objects[resource][key].obj = new
        if new["metadata"].get("deletionTimestamp") and _released(old, new):
            self._drop(resource, key)
            return new
        self._record("MODIFIED", resource, old=old, new=new)
        self._collect_orphan(resource, key)
        return new

    def apply(
        self, resource: Resource, key: Key, body: Object, *, manager: str, force: bool, subresource: str, dry_run: bool
    ) -> Object:
        """Server-side apply; creates the object unless a subresource is meant."""
        stored = self.objects.get(resource, {}).get(key)
        if stored is None:
            if subresource:
                self.get(resource, key)
            if (body.get("metadata") or {}).get("uid"):
                raise Refusal(409, "Conflict", f'{resource.plural} "{key.name}": uid mismatch: the object is gone')
            return self.create(resource, without_status(body), manager=manager, dry_run=dry_run)
        relevant = {**body} if subresource else without_status(body)
        if subresource:
            relevant = {name: body[name] for name in ("apiVersion", "kind", "metadata", "status") if name in body}
            relevant["metadata"] = {"name": key.name, **({"namespace": key.namespace} if key.namespace else {})}
        owner = f"{manager}/{subresource}" if subresource else manager
        try:
            merged, managers = apply(stored.obj, relevant, manager=owner, managers=stored.managers, force=force)
        except ApplyConflict as conflict:
            raise Refusal(409, "Conflict", f"Apply failed with conflicts: {conflict}") from conflict
        if (body.get("metadata") or {}).get("uid"):
            merged["metadata"]["uid"] = body["metadata"]["uid"]
        result = self.update(resource, key, merged, subresource=subresource, dry_run=dry_run)
        if not dry_run and key in self.objects[resource]:
            self.objects[resource][key].managers = managers
        return result

    def delete(
        self,
        resource: Resource,
        key: Key,
        *,
        uid: str | None = None,
        version: str | None = None,
        grace: int | None = None,
    ) -> Object:
        """Delete now, or mark when finalizers or graceful deletion hold the object."""
        obj = self.get(resource, key)
        if uid and uid != obj["metadata"]["uid"]:
            raise Refusal(409, "Conflict", f"the UID in the precondition ({uid}) does not match the object's")
        if version and version != obj["metadata"]["resourceVersion"]:
            raise Refusal(409, "Conflict", "the resource version in the precondition does not match the object's")
        lingers = resource in self.graceful and grace != 0
        if not lingers and not obj["metadata"].get("finalizers"):
            return self._drop(resource, key)
        if obj["metadata"].get("deletionTimestamp"):
            return obj
        marks = {
            "deletionTimestamp": timestamp(self.clock()),
            "deletionGracePeriodSeconds": 30 if grace is None else grace,
        }
        new = {**obj, "metadata": {**obj["metadata"], **marks}}
        self.objects[resource][key].obj = new
        self._record("MODIFIED", resource, old=obj, new=new)
        return new

    def _drop(self, resource: Resource, key: Key) -> Object:
        old = self.objects[resource].pop(key).obj
        gone = {**old, "metadata": dict(old["metadata"])}
        self._record("DELETED", resource, old=old, new=gone)
        for other, dependent in sorted(self._dependents.pop(old["metadata"]["uid"], ()), key=str):
            if dependent in self.objects.get(other, {}):
                self._collect_orphan(other, dependent)
        return gone

    def _collect_orphan(self, resource: Resource, key: Key) -> None:
        """Delete an object that has owners, none of which lives; soon, as the real collector works asynchronously."""
        metadata = self.objects[resource][key].obj["metadata"]
        owners = [owner["uid"] for owner in metadata.get("ownerReferences") or []]
        for owner in owners:
            self._dependents.setdefault(owner, set()).add((resource, key))
        if owners and not self._alive.intersection(owners):
            self.soon(lambda: self._collect(resource, key, metadata["uid"]))

    def _collect(self, resource: Resource, key: Key, uid: str) -> None:
        stored = self.objects[resource].get(key)
        if stored is not None and stored.obj["metadata"]["uid"] == uid:
            self.delete(resource, key)

    def _record(self, kind: ChangeKind, resource: Resource, *, old: Object | None, new: Object) -> None:
        self.version += 1
        if kind == "DELETED":
            self._alive.discard(new["metadata"]["uid"])
        else:
            self._alive.add(new["metadata"]["uid"])
        new["metadata"]["resourceVersion"] = str(self.version)
        if len(self.history) == self.history.maxlen:
            self.compacted = self.history[0].version
        change = Change(self.version, kind, resource, old, new)
        self.history.append(change)
        for listener in list(self.listeners):
            listener(change)


def _refuse_late_finalizers(old: Object, new: Object) -> None:
    added = set(new["metadata"].get("finalizers") or ()) - set(old["metadata"].get("finalizers") or ())
    if old["metadata"].get("deletionTimestamp") and added:
        raise Refusal(422, "Invalid", "no new finalizers can be added if the object is being deleted")


def _released(old: Object, new: Object) -> bool:
    return bool(old["metadata"].get("finalizers")) and not new["metadata"].get("finalizers")


_SERVER_FIELDS = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
