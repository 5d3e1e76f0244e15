"""What really happens: watches on the API server itself, written down for each namespace."""

import asyncio
import contextlib
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import aiohttp

from tests.faults.direct import Direct, Object, RefusedError

log: Final = logging.getLogger(__name__)

GROUP_PATH: Final = "/apis/devworkspace.kubesphere.io/v1alpha1"
COLLECTIONS: Final = {
    "workspaceinstances": f"{GROUP_PATH}/workspaceinstances",
    "ideworkspacetemplates": f"{GROUP_PATH}/ideworkspacetemplates",
    "pods": "/api/v1/pods",
    "persistentvolumeclaims": "/api/v1/persistentvolumeclaims",
    "persistentvolumes": "/api/v1/persistentvolumes",
    "services": "/api/v1/services",
    "secrets": "/api/v1/secrets",
    "serviceaccounts": "/api/v1/serviceaccounts",
    "networkpolicies": "/apis/networking.k8s.io/v1/networkpolicies",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "events": "/api/v1/events",
}

POOL_LABEL: Final = "devworkspace.kubesphere.io/pool"
UID_LABEL: Final = "devworkspace.kubesphere.io/instance-uid"
# Stands in the names of what is made in advance.
MEMBER_SIGN: Final = "-pool-"

BEAT_SECONDS: Final = 0.5
STALL_SECONDS: Final = 3.0

Wish = Literal["run", "stop", "go"]
OnEvent = Callable[[str, str, Object], None]
"""Called with resource, `ADDED`, `MODIFIED` or `DELETED`, and the object."""


class Truth:
    """Follows all collections from one moment on and tells the listeners; run it as a task."""

    def __init__(self, direct: Direct) -> None:
        self.synced = asyncio.Event()
        self._direct = direct
        self._listeners: list[OnEvent] = []

    def listen(self, listener: OnEvent) -> None:
        self._listeners.append(listener)

    def forget(self, listener: OnEvent) -> None:
        self._listeners.remove(listener)

    async def run(self) -> None:
        """Never returns. A gap in a watch is resumed; one that cannot be is an error, for nothing may be missed."""
        versions = {resource: await self._list(resource) for resource in COLLECTIONS}
        self.synced.set()
        async with asyncio.TaskGroup() as group:
            for resource, version in versions.items():
                group.create_task(self._follow(resource, version))

    async def _list(self, resource: str) -> str:
        listing = await self._direct.get(COLLECTIONS[resource])
        for item in listing["items"]:
            self._tell(resource, "ADDED", item)
        version: str = listing["metadata"]["resourceVersion"]
        return version

    async def _follow(self, resource: str, version: str) -> None:
        while True:
            try:
                async for event in self._direct.watch(COLLECTIONS[resource], resource_version=version):
                    if event["type"] == "ERROR":
                        raise RefusedError(event["object"].get("code", 0), event["object"].get("message", ""))
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._tell(resource, event["type"], event["object"])
            except aiohttp.ClientError as error:
                log.info("the watch of %s goes on after: %s", resource, error)
                await asyncio.sleep(0.1)

    def _tell(self, resource: str, kind: str, item: Object) -> None:
        for listener in tuple(self._listeners):
            listener(resource, kind, item)


class Pulse:
    """Notices when the API server, or the machine, stands still: an operator then loses its Lease, and rightly so."""

    def __init__(self, direct: Direct) -> None:
        self._direct = direct
        self._stalls: list[float] = []

    async def run(self) -> None:
        """Never returns."""
        while True:
            before = time.monotonic()
            await self._direct.get("/api/v1/namespaces/kube-system")
            await asyncio.sleep(BEAT_SECONDS)
            if time.monotonic() - before > BEAT_SECONDS + STALL_SECONDS:
                self._stalls.append(time.monotonic())

    def stalled_since(self, started: float) -> bool:
        return any(at > started for at in self._stalls)


@dataclass(frozen=True)
class Turn:
    """An instance was told to run, to stop, or to go, at that time of the run's world."""

    name: str
    wish: Wish
    at: datetime


@dataclass(frozen=True)
class Promise:
    """The turn of this number must not come before `at`."""

    number: int
    at: datetime


def _machine_time() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """One namespace: its objects, what was made and deleted in it, and who used its volumes.

    `namespace` and `template` are those of one run; of other objects it takes no note. `now` is the run's clock.
    """

    def __init__(self, *, namespace: str, template: str, now: Callable[[], datetime] = _machine_time) -> None:
        self.namespace = namespace
        self.template = template
        self.turns: list[Turn] = []
        self.promises: list[Promise] = []
        self._now = now
        self.objects: dict[tuple[str, str], Object] = {}
        self.created: Counter[tuple[str, str]] = Counter()
        self.deleted: Counter[tuple[str, str]] = Counter()
        self.volume_uids: defaultdict[str, list[str]] = defaultdict(list)
        self.instance_uids: dict[str, str] = {}
        self.shared_volumes: list[str] = []
        self.members: set[str] = set()
        self.taken_by: defaultdict[str, set[str]] = defaultdict(set)
        self.locks: dict[str, str] = {}
        self.events: list[Object] = []
        self.statuses: set[str] = set()
        self.changed = asyncio.Event()

    def __call__(self, resource: str, kind: str, item: Object) -> None:
        metadata = item["metadata"]
        if metadata.get("namespace") != self.namespace:
            return
        if resource == "events":
            self.events.append(item)
            return
        if resource == "serviceaccounts" or metadata["name"] == "kube-root-ca.crt":
            return
        key = (resource, metadata["name"])
        if kind == "DELETED":
            self.deleted[key] += 1
            self.objects.pop(key, None)
        else:
            self.created[key] += kind == "ADDED"
            self.objects[key] = item
        self._note(resource, kind, item)
        self.changed.set()

    def _note(self, resource: str, kind: str, item: Object) -> None:
        metadata = item["metadata"]
        if resource in ("pods", "persistentvolumeclaims") and MEMBER_SIGN in metadata["name"]:
            self._note_member(resource, item)
        match resource:
            case "workspaceinstances":
                self.instance_uids[metadata["uid"]] = metadata["name"]
                self.statuses.add(str(item.get("status", {})))
                self._note_turn(kind, item)
            case "persistentvolumeclaims" if kind == "ADDED":
                self.volume_uids[metadata["name"]].append(metadata["uid"])
            case "pods":
                self._check_volumes()

    def _note_turn(self, kind: str, item: Object) -> None:
        name = item["metadata"]["name"]
        wish: Wish = "go" if kind == "DELETED" else "run" if item["spec"].get("running", True) else "stop"
        if wish != next((turn.wish for turn in reversed(self.turns) if turn.name == name), None):
            self.turns.append(Turn(name, wish, self._now()))

    def promise(self, at: datetime) -> None:
        """The next turn must not come before `at`."""
        self.promises.append(Promise(len(self.turns), at))

    def _note_member(self, resource: str, item: Object) -> None:
        """What was made in advance, by its UID: whose it has been; and of a pod the lock."""
        metadata = item["metadata"]
        self.members.add(metadata["name"])
        if (owner := metadata["labels"].get(UID_LABEL)) is not None:
            self.taken_by[f"{resource} {metadata['name']} ({metadata['uid']})"].add(owner)
        for container in item.get("spec", {}).get("containers", ()):
            for variable in container.get("env", ()):
                if variable["name"] == "DEVWORKSPACE_LOCK":
                    self.locks[metadata["name"]] = variable["value"]

    def owner_of(self, member: str) -> str | None:
        """The UID of the instance that has it, or had it last."""
        owners = [owners for name, owners in self.taken_by.items() if name.split()[1] == member]
        return sorted(owners[-1])[-1] if owners else None

    def _check_volumes(self) -> None:
        users: defaultdict[str, list[str]] = defaultdict(list)
        for (resource, name), item in self.objects.items():
            if resource == "pods" and is_live(item):
                for claim in claims_of(item):
                    users[claim].append(f"{name} ({item['metadata']['uid']})")
        for claim, pods in users.items():
            if len(pods) > 1:
                self.shared_volumes.append(f"{claim}: {', '.join(sorted(pods))}")

    def of(self, resource: str) -> list[Object]:
        return [item for (kind, _), item in sorted(self.objects.items()) if kind == resource]

    async def wait(self, seconds: float) -> bool:
        """Waits for a change; False if none came in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
                self.changed.clear()
                return True
        return False


def is_live(pod: Object) -> bool:
    """A pod may write to its volume until it has ended or is gone."""
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def claims_of(pod: Object) -> list[str]:
    volumes = pod["spec"].get("volumes", [])
    return [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume]
