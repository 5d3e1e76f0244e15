"""A short random history with real pods, the long ones' little sister: tests/operator/test_histories.py.

The test prints its seed; DEVWORKSPACE_HISTORIES_SEED plays the same actions again (the cluster takes its own time).
"""

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import pytest

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import ObjectMeta, Struct
from devworkspace.core.render.common import child_labels
from devworkspace.kube.errors import AlreadyExists, ApiError, NotFound
from devworkspace.kube.informer import Informer
from devworkspace.kube.resource import PODS, PVCS, SERVICES
from tests.support.fixtures import eventually
from tests.support.live import INSTANCES, Anything, Live

pytestmark = pytest.mark.cluster

ACTING_SECONDS: Final = 20.0
NAMES: Final = ("ada", "bob")
OPERATOR: Final = "--selector=app.kubernetes.io/component=operator"


class Seen(Struct, frozen=True):
    """Any object, with all that it says."""

    metadata: ObjectMeta
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}


class Witness:
    """Follows pods, volumes and instances of a namespace by watches of its own and notes what must never be."""

    def __init__(self, live: Live) -> None:
        self.violations: list[str] = []
        self.consented: set[str] = set()
        self.ended: dict[str, str] = {}
        self._informers = [
            Informer(live.client, resource, Seen, namespace=live.namespace, on_change=on_change)
            for resource, on_change in (
                (INSTANCES, self._instance),
                (PODS, self._pod),
                (PVCS, self._volume),
            )
        ]

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Witness"]:
        tasks = [asyncio.create_task(informer.run()) for informer in self._informers]
        try:
            await asyncio.gather(*(informer.synced.wait() for informer in self._informers))
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _instance(self, old: Seen | None, new: Seen | None) -> None:
        if old is None or new is None or old.metadata.deletion_timestamp is not None:
            return
        if new.metadata.deletion_timestamp is not None and old.status.get("dataPolicy") == "Delete":
            self.consented.add(new.metadata.uid)

    def _pod(self, _: Seen | None, new: Seen | None) -> None:
        if new is None:
            return
        for claim in _claims(new):
            live = [pod.metadata.name for pod in self._informers[1].values() if claim in _claims(pod) and _lives(pod)]
            if len(live) > 1:
                self.violations.append(f"live pods {live} on one volume {claim}")

    def _volume(self, old: Seen | None, new: Seen | None) -> None:
        ended = old is not None and (new is None or new.metadata.deletion_timestamp is not None)
        uid = old.metadata.labels.get(names.LABEL_INSTANCE_UID) if old is not None else None
        # What the two watches tell is in no order; so the consent is looked for at the end.
        if ended and old is not None and uid is not None:
            self.ended[old.metadata.name] = uid

    def check(self) -> None:
        lost = [f"volume {name} went without consent" for name, uid in self.ended.items() if uid not in self.consented]
        assert not self.violations + lost, "; ".join(self.violations + lost)


def _claims(pod: Seen) -> set[str]:
    volumes = pod.spec.get("volumes", ())
    return {one["persistentVolumeClaim"]["claimName"] for one in volumes if "persistentVolumeClaim" in one}


def _lives(pod: Seen) -> bool:
    return pod.status.get("phase") not in ("Succeeded", "Failed")


class Actor:
    """Does one random thing after another; what cannot be done at the moment is not done."""

    def __init__(self, live: Live, chance: random.Random) -> None:
        self.live = live
        self.chance = chance
        self.template = f"{live.namespace}-history"
        self.foreign: dict[str, Seen] = {}
        self.done: list[str] = []

    async def act(self, action: Callable[[str], Awaitable[None]]) -> None:
        name = self.chance.choice(NAMES)
        self.done.append(f"{action.__name__} {name}")
        with suppress(NotFound, AlreadyExists):
            await action(name)

    async def create(self, name: str) -> None:
        policy = self.chance.choice(["Retain", "Delete"])
        await self.live.create(name, template=self.template, owner="ada", dataPolicy=policy)

    async def create_on_a_left_volume(self, name: str) -> None:
        selector = f"{names.LABEL_RETAINED}=true"
        left = await self.live.client.list(PVCS, Anything, namespace=self.live.namespace, label_selector=selector)
        if left.items:
            volume = self.chance.choice(left.items).metadata.name
            annotations = {names.ANNOTATION_ADOPT_VOLUME: volume}
            await self.live.create(name, template=self.template, owner="ada", annotations=annotations)

    async def delete(self, name: str) -> None:
        await self.live.delete(name)

    async def start_or_stop(self, name: str) -> None:
        await self.live.patch(name, running=self.chance.choice([True, False]))

    async def change_data_policy(self, name: str) -> None:
        await self.live.patch(name, dataPolicy=self.chance.choice(["Retain", "Delete"]))

    async def restart(self, name: str) -> None:
        await self._annotate(name, {names.ANNOTATION_RESTARTED_AT: str(self.chance.random())})

    async def pause(self, name: str) -> None:
        await self._annotate(name, {names.ANNOTATION_PAUSED: self.chance.choice(["true", None])})

    async def delete_pod(self, _: str) -> None:
        await self._delete_one(PODS, grace=self.chance.choice([0, None]))

    async def delete_service(self, _: str) -> None:
        await self._delete_one(SERVICES, grace=None)

    async def copy_marks(self, name: str) -> None:
        """Somebody else's Service with the labels of an environment."""
        instance = await self.live.get(name)
        metadata = {"name": f"a-{name}-copy", "namespace": self.live.namespace, "labels": child_labels(instance)}
        spec = {"clusterIP": "None", "ports": [{"name": "x", "port": 1}]}
        copied = await self.live.client.create(SERVICES, {"metadata": metadata, "spec": spec}, Seen)
        self.foreign[copied.metadata.name] = copied

    async def crash_the_operator(self, _: str) -> None:
        system = f"--namespace={names.SYSTEM_NAMESPACE}"
        await asyncio.to_thread(
            self.live.surroundings.run_kubectl,
            "delete", "pod", system, OPERATOR, "--grace-period=0", "--force", "--wait=false",
        )  # fmt: skip

    async def _annotate(self, name: str, annotations: dict[str, str | None]) -> None:
        patch = {"metadata": {"annotations": annotations}}
        await self.live.client.merge_patch(INSTANCES, self.live.key(name), patch, WorkspaceInstance)

    async def _delete_one(self, resource: Any, *, grace: int | None) -> None:
        found = (await self.live.client.list(resource, Anything, namespace=self.live.namespace)).items
        own = [one.metadata for one in found if one.metadata.name not in self.foreign]
        if own:
            chosen = self.chance.choice(own)
            await self.live.client.delete(resource, chosen.key, uid=chosen.uid, grace_period_seconds=grace)

    async def unpause(self) -> None:
        for name in NAMES:
            with suppress(NotFound):
                await self._annotate(name, {names.ANNOTATION_PAUSED: None})


# It ends the operator, on which the others rely.
@pytest.mark.alone
async def test_a_random_history_with_real_pods_loses_nothing_and_comes_to_rest(live: Live) -> None:
    seed = int(os.environ.get("DEVWORKSPACE_HISTORIES_SEED") or secrets.randbelow(2**32))
    print(f"DEVWORKSPACE_HISTORIES_SEED={seed}")  # noqa: T201
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    await live.create_template("history", resources=small, storage={"size": "1Gi"})
    actor = Actor(live, random.Random(seed))
    usual = [
        actor.create, actor.create, actor.create_on_a_left_volume, actor.create_on_a_left_volume, actor.delete,
        actor.start_or_stop, actor.change_data_policy, actor.restart, actor.pause, actor.delete_pod,
        actor.delete_service, actor.copy_marks,
    ]  # fmt: skip
    async with Witness(live).watching() as witness:
        crash_at = [ACTING_SECONDS * actor.chance.random() for _ in range(2)]
        began = time.monotonic()
        while (passed := time.monotonic() - began) < ACTING_SECONDS:
            if crash_at and passed > min(crash_at):
                crash_at.remove(min(crash_at))
                await actor.act(actor.crash_the_operator)
            await actor.act(actor.chance.choice(usual))
            await asyncio.sleep(actor.chance.choice([0.0, 0.1, 0.5, 1.5]))
        print("\n".join(actor.done))  # noqa: T201
        await actor.unpause()
        await _come_to_rest(live)
        witness.check()
    for name, before in actor.foreign.items():
        assert await live.client.get(SERVICES, live.key(name), Seen) == before, "somebody else's object was changed"


async def test_the_witness_sees_what_must_never_be(live: Live) -> None:
    labels = {names.LABEL_INSTANCE_UID: "somebody"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "precious", "namespace": live.namespace, "labels": labels}
    volume = await live.client.create(PVCS, {"metadata": metadata, "spec": spec}, Anything)
    async with Witness(live).watching() as witness:
        for name in ("one", "two"):
            container = {"name": "main", "image": live.surroundings.base_image, "command": ["sleep", "60"]}
            claim = {"name": "data", "persistentVolumeClaim": {"claimName": "precious"}}
            body = {
                "metadata": {"name": name, "namespace": live.namespace},
                "spec": {"containers": [container], "volumes": [claim], "nodeSelector": {"no": "node"}},
            }
            await live.client.create(PODS, body, Anything)
        await live.client.delete(PVCS, volume.metadata.key, uid=volume.metadata.uid)
        await eventually(lambda: witness.violations and witness.ended)
        with pytest.raises(AssertionError, match=r"live pods .*one.*two.*precious went without consent"):
            witness.check()


async def _come_to_rest(live: Live) -> None:
    """Waits until every status is true and the marks of volumes fit, and stays so."""
    deadline, quiet_since, last = time.monotonic() + 60, time.monotonic(), ""
    while time.monotonic() - quiet_since < 3:
        wrong, versions = await _look(live)
        if wrong or versions != last:
            quiet_since, last = time.monotonic(), versions
        assert time.monotonic() < deadline, f"it does not come to rest: {wrong}"
        await asyncio.sleep(0.2)


async def _look(live: Live) -> tuple[list[str], str]:
    """What is not as it should be, and the versions of all that was looked at."""
    try:
        instances = (await live.client.list(INSTANCES, WorkspaceInstance, namespace=live.namespace)).items
        pods = (await live.client.list(PODS, Seen, namespace=live.namespace)).items
        volumes = (await live.client.list(PVCS, Seen, namespace=live.namespace)).items
    except ApiError as error:
        return [str(error)], ""
    wrong = [problem for instance in instances for problem in _problems(instance, pods)]
    alive = {instance.metadata.uid for instance in instances}
    for volume in volumes:
        left = volume.metadata.labels.get(names.LABEL_INSTANCE_UID) not in alive
        if left != (names.LABEL_RETAINED in volume.metadata.labels):
            wrong.append(f"volume {volume.metadata.name}: left {left}, labels {volume.metadata.labels}")
    wrong += [f"pod {pod.metadata.name} is an orphan" for pod in pods if not _owners(pod) & alive]
    versions = [one.metadata.resource_version for one in instances]
    versions += [one.metadata.resource_version for one in (*pods, *volumes)]
    return wrong, " ".join(versions)


def _problems(instance: WorkspaceInstance, pods: tuple[Seen, ...]) -> list[str]:
    status, name = instance.status, instance.metadata.name
    own = [pod for pod in pods if instance.metadata.uid in _owners(pod)]
    said = f"{name} says {status.phase}: {status.message}"
    if instance.metadata.deletion_timestamp is not None:
        return [f"{said}; its deletion has not ended"]
    held = names.FINALIZER_DELETE_VOLUME in instance.metadata.finalizers
    if held != (instance.spec.data_policy == "Delete") or status.data_policy != instance.spec.data_policy:
        return [f"{said}; policy {instance.spec.data_policy}, told {status.data_policy}, held {held}"]
    if not instance.spec.running:
        return [] if status.phase == "Stopped" and not own else [f"{said}; it is to be stopped"]
    refused = status.phase == "Pending" and names.ANNOTATION_ADOPT_VOLUME in instance.metadata.annotations and not own
    return [] if refused or (status.phase == "Running" and len(own) == 1) else [f"{said}; it is to run"]


def _owners(pod: Seen) -> set[str]:
    return {reference.uid for reference in pod.metadata.owner_references}
