"""What the server asks of the cluster, in memory: RBAC's answers, the instances that it writes, what replicas share."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from devworkspace.api import names
from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.api.surroundings import ConfigMap
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.kube.errors import Conflict, KubeError, Unreachable
from devworkspace.kube.resource import CONFIG_MAPS, Resource
from devworkspace.kube.tokens import TokenUser
from devworkspace.server.environments import Environment
from devworkspace.server.reports import Reading, UsageReading
from devworkspace.server.revocations import OBJECT_NAME, Revocations


class Rbac:
    """RBAC as the API server would answer it: the grants of this test. `broken` makes it unreachable."""

    def __init__(self) -> None:
        self.grants: set[tuple[str, str, str]] = set()
        self.rights: set[tuple[str, str, str, str, str]] = set()
        self.broken = False
        self.asked: list[dict[str, Any]] = []

    async def allowed(
        self,
        user: str,
        groups: Iterable[str],
        extra: Mapping[str, Iterable[str]],
        *,
        verb: str,
        group: str,
        resource: str,
        subresource: str,
        namespace: str,
        name: str,
    ) -> bool:
        what = f"{resource}/{subresource}"
        place = f"{namespace}/{name}"
        self.asked.append({"user": user, "groups": tuple(groups), "verb": verb, "what": what, "place": place})
        if self.broken:
            raise ConnectionError("no API server")
        if (verb, subresource) == ("create", names.CONNECT_SUBRESOURCE):
            return (user, namespace, name) in self.grants
        wanted = subresource if resource == names.INSTANCE_PLURAL else resource
        return (user, verb, wanted, namespace, name) in self.rights


class Api:
    """Where the server's writes go. `broken` makes it unreachable, `gate` lets writes wait, `refusal` is its answer."""

    def __init__(self) -> None:
        self.patches: list[tuple[Key, dict[str, Any]]] = []
        self.statuses: list[tuple[Key, dict[str, Any]]] = []
        self.created: list[tuple[dict[str, Any], bool]] = []
        self.deleted: list[tuple[Key, str]] = []
        self.refusal: KubeError | None = None
        self.conflicts = False
        self.on_patch: Callable[[Key, dict[str, Any]], None] = lambda *_: None
        self.on_create: Callable[[WorkspaceInstance], None] = lambda _: None
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def merge_patch(
        self,
        resource: Resource,
        key: Key,
        patch: Mapping[str, Any],
        type: type[WorkspaceInstance],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> WorkspaceInstance:
        assert not dry_run
        assert (resource.plural, type) == (names.INSTANCE_PLURAL, WorkspaceInstance)
        await self.gate.wait()
        if self.broken:
            raise Unreachable("the API server does not answer")
        if subresource is None:
            self.patches.append((key, dict(patch)))
            self.on_patch(key, dict(patch))
        elif self.conflicts and "resourceVersion" in patch["metadata"]:
            raise Conflict(status=409, reason="Conflict", message="the object has been modified")
        elif self.refusal is not None:
            raise self.refusal
        else:
            assert subresource == "status"
            self.statuses.append((key, dict(patch)))
        return msgspec.convert(
            {"metadata": {"name": key.name, "namespace": key.namespace}, "spec": {"templateRef": "python"}}, type
        )

    async def create(
        self, resource: Resource, body: Mapping[str, Any], type: type[WorkspaceInstance], *, dry_run: bool = False
    ) -> WorkspaceInstance:
        assert resource.plural == names.INSTANCE_PLURAL
        if self.refusal is not None:
            raise self.refusal
        self.created.append((dict(body), dry_run))
        made = msgspec.convert({**body, "metadata": {**body["metadata"], "uid": "uid-new"}}, type)
        if not dry_run:
            self.on_create(made)
        return made

    async def delete(self, resource: Resource, key: Key, *, uid: str, grace_period_seconds: int | None = None) -> None:
        assert (resource.plural, grace_period_seconds) == (names.INSTANCE_PLURAL, None)
        self.deleted.append((key, uid))


class Reports:
    """What pods report of their use, and the file that they give out, by the UID of the environment."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: list[tuple[str, str]] = []
        self.by_uid: dict[str, Reading] = {}
        self.usage_by_uid: dict[str, UsageReading] = {}
        self.asked: list[str] = []

    async def read(self, environment: Environment) -> Reading:
        self.asked.append(environment.uid)
        return self.by_uid.get(environment.uid, Reading("absent"))

    async def read_usage(self, environment: Environment) -> UsageReading:
        self.asked.append(environment.uid)
        return self.usage_by_uid.get(environment.uid, UsageReading("absent"))

    async def fetch(self, environment: Environment, path: str, *, most: int) -> bytes | None:
        self.fetched.append((environment.uid, path))
        return self.files.get(environment.uid)


class Record:
    """The object that says whose sessions have ended, and its watch: every `follow`er is told of each change."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.broken = False
        self.writes = 0
        self._followers: list[Revocations] = []

    def follow(self, revocations: Revocations) -> None:
        self._followers.append(revocations)
        revocations.on_object(None, self.object)

    @property
    def object(self) -> ConfigMap:
        metadata = ObjectMeta(name=OBJECT_NAME, namespace="system", resource_version=str(100 + self.writes))
        return ConfigMap(metadata=metadata, data=dict(self.data))

    async def get(self, resource: Resource, key: Key, type: type[ConfigMap]) -> ConfigMap:
        self._check(resource, key)
        return self.object

    async def merge_patch(
        self, resource: Resource, key: Key, patch: Mapping[str, Any], type: type[ConfigMap]
    ) -> ConfigMap:
        self._check(resource, key)
        merged = {**self.data, **patch["data"]}
        self.data = {name: value for name, value in merged.items() if value is not None}
        self.writes += 1
        for follower in self._followers:
            follower.on_object(None, self.object)
        return self.object

    def _check(self, resource: Resource, key: Key) -> None:
        assert (resource, key.name) == (CONFIG_MAPS, OBJECT_NAME)
        if self.broken:
            raise Unreachable("the API server does not answer")


class Shelf:
    """The other ConfigMaps that replicas share: a change counts on the newest version only. `broken`: no answer."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, str]] = {}
        self.versions: Counter[str] = Counter()
        self.broken = False

    async def get(self, resource: Resource, key: Key, type: type[ConfigMap]) -> ConfigMap:
        assert resource == CONFIG_MAPS
        if self.broken:
            raise Unreachable("the API server does not answer")
        return self._object(key)

    async def merge_patch(
        self, resource: Resource, key: Key, patch: Mapping[str, Any], type: type[ConfigMap]
    ) -> ConfigMap:
        current = await self.get(resource, key, type)
        if patch["metadata"]["resourceVersion"] != current.metadata.resource_version:
            raise Conflict(status=409, reason="Conflict", message="another version")
        merged = {**current.data, **patch["data"]}
        self.data[key.name] = {name: value for name, value in merged.items() if value is not None}
        self.versions[key.name] += 1
        return self._object(key)

    def _object(self, key: Key) -> ConfigMap:
        metadata = ObjectMeta(name=key.name, namespace=key.namespace, resource_version=str(self.versions[key.name]))
        return ConfigMap(metadata=metadata, data=dict(self.data.get(key.name, {})))


class Tokens:
    """Whose tokens are good."""

    def __init__(self) -> None:
        self.good: dict[str, TokenUser] = {}

    async def identify(self, token: str) -> TokenUser | None:
        return self.good.get(token)


class Catalogue:
    """Templates and namespaces of a test; `labels` by namespace."""

    def __init__(self) -> None:
        self.known: dict[str, WorkspaceTemplate] = {}
        self.labels: dict[str, dict[str, str]] = {"team": {}}

    def add(self, name: str, **spec: Any) -> None:
        body = {"displayName": name.title(), "environment": {"image": f"{name}:1"}, **spec}
        self.known[name] = msgspec.convert({"metadata": {"name": name}, "spec": body}, WorkspaceTemplate)

    def templates(self) -> Iterable[WorkspaceTemplate]:
        return self.known.values()

    def template(self, name: str) -> WorkspaceTemplate | None:
        return self.known.get(name)

    def namespaces(self) -> Iterable[str]:
        return self.labels

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        return self.labels.get(name)


class Volumes:
    """Claims of a test."""

    def __init__(self) -> None:
        self.known: dict[Key, PersistentVolumeClaim] = {}

    def add(self, body: Mapping[str, Any]) -> None:
        volume = msgspec.convert(body, PersistentVolumeClaim)
        self.known[volume.metadata.key] = volume

    def of(self, instance_uid: str) -> PersistentVolumeClaim | None:
        uids = {volume.metadata.labels.get(names.LABEL_INSTANCE_UID): volume for volume in self.known.values()}
        return uids.get(instance_uid)

    def kept(self) -> Iterable[PersistentVolumeClaim]:
        return [volume for volume in self.known.values() if names.LABEL_RETAINED in volume.metadata.labels]

    def find(self, key: Key) -> PersistentVolumeClaim | None:
        return self.known.get(key)
