"""The lifecycle that every run goes through, step by step."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tests.faults.direct import Direct, Object
from tests.faults.truth import GROUP_PATH, Ledger
from tests.faults.word import Word
from tests.faults.worldclock import WorldClock

PREFIX: Final = "devworkspace.kubesphere.io"
FIRST: Final = "first"
SECOND: Final = "second"
SIZE: Final = "1Gi"
LARGER: Final = "2Gi"
# Starts are noted, and the API server tells the time, in whole seconds.
_SURELY_OVER_SECONDS: Final = 3.0


def pool_of(replicas: int, *, namespace: str) -> Object:
    """The `warmPool` of a template."""
    return {"perNamespace": [{"namespace": namespace, "replicas": replicas}]}


@dataclass(frozen=True)
class Actor:
    """The owner's hands: changes of instances, past the proxy. `notes` is what one step tells a later one."""

    direct: Direct
    ledger: Ledger
    clock: WorldClock
    word: Word
    notes: dict[str, datetime] = field(default_factory=dict)

    async def create(self, name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        metadata: Object = {"name": name, "annotations": annotations or {}}
        body = {"templateRef": self.ledger.template, "owner": "ada", **spec}
        await self.direct.create(
            self._path(),
            {
                "apiVersion": f"{PREFIX}/v1alpha1",
                "kind": "WorkspaceInstance",
                "metadata": metadata,
                "spec": body,
            },
        )

    async def change(self, name: str, **spec: Any) -> None:
        await self.direct.merge(self._path(name), {"spec": spec})

    async def annotate(self, name: str, annotation: str, value: str) -> None:
        await self.direct.merge(self._path(name), {"metadata": {"annotations": {f"{PREFIX}/{annotation}": value}}})

    async def delete(self, name: str) -> None:
        await self.direct.delete(self._path(name))

    async def resize_pool(self, replicas: int) -> None:
        path = f"{GROUP_PATH}/ideworkspacetemplates/{self.ledger.template}"
        await self.direct.merge(path, {"spec": {"warmPool": pool_of(replicas, namespace=self.ledger.namespace)}})

    def _path(self, name: str = "") -> str:
        return f"{GROUP_PATH}/namespaces/{self.ledger.namespace}/workspaceinstances" + (f"/{name}" if name else "")


@dataclass(frozen=True)
class Step:
    """`act` is what the owner does; `reached` tells, in the undisturbed run, whether its effect is there."""

    name: str
    act: Callable[[Actor], Awaitable[None]]
    reached: Callable[[Ledger], bool]


def instance_of(ledger: Ledger, name: str) -> Object | None:
    return ledger.objects.get(("workspaceinstances", name))


def in_phase(name: str, phase: str) -> Callable[[Ledger], bool]:
    def reached(ledger: Ledger) -> bool:
        if (instance := instance_of(ledger, name)) is None:
            return False
        status, metadata = instance.get("status", {}), instance["metadata"]
        return bool(status.get("phase") == phase and status.get("observedGeneration") == metadata["generation"])

    return reached


def _enlarged(ledger: Ledger) -> bool:
    claims = ledger.of("persistentvolumeclaims")
    return (
        in_phase(FIRST, "Running")(ledger)
        and bool(claims)
        and all(claim["status"].get("capacity", {}).get("storage") == LARGER for claim in claims)
    )


def _restarted(ledger: Ledger) -> bool:
    pods = ledger.of("pods")
    return in_phase(FIRST, "Running")(ledger) and [
        pod["metadata"]["annotations"].get(f"{PREFIX}/restartedAt") for pod in pods
    ] == ["once"]


def _stopped_by_the_clock(ledger: Ledger) -> bool:
    instance = instance_of(ledger, FIRST)
    return (
        instance is not None
        and in_phase(FIRST, "Stopped")(ledger)
        and instance["status"].get("stopReason") == "MaxRunDuration"
    )


def _left(*resources: str) -> Callable[[Ledger], bool]:
    """Whether the namespace holds objects of these kinds and no others."""
    return lambda ledger: {resource for resource, _ in ledger.objects} == set(resources)


def retained(ledger: Ledger) -> bool:
    claims = ledger.of("persistentvolumeclaims")
    return _left("persistentvolumeclaims")(ledger) and all(
        claim["metadata"]["labels"].get(f"{PREFIX}/retained") == "true" for claim in claims
    )


async def _limit_its_run(actor: Actor) -> None:
    """When its time is over by every clock: whether a warning is written before would be a matter of milliseconds."""
    await asyncio.sleep(_SURELY_OVER_SECONDS)
    await actor.change(FIRST, lifecycle={"maxRunDuration": "1s"})


async def _adopt(actor: Actor) -> None:
    """The second instance takes over the volume that the first has left, and is to take it along when it goes."""
    volume = actor.ledger.of("persistentvolumeclaims")[0]["metadata"]["name"]
    storage = {"storage": {"size": LARGER}}
    await actor.create(SECOND, annotations={f"{PREFIX}/adopt-volume": volume}, dataPolicy="Delete", overrides=storage)


def _put_images_on_nodes(*, wanted: bool) -> Callable[[Actor], Awaitable[None]]:
    """On none that there is: where a pod of a DaemonSet runs, and its name, is another each time."""
    scheduling = {"nodeSelector": {f"{PREFIX}/faults": "nowhere"}}

    async def act(actor: Actor) -> None:
        path = f"{GROUP_PATH}/ideworkspacetemplates/{actor.ledger.template}"
        await actor.direct.merge(path, {"spec": {"prePull": wanted, "scheduling": scheduling}})

    return act


LIFECYCLE: Final = (
    Step("create", lambda actor: actor.create(FIRST), in_phase(FIRST, "Running")),
    Step("stop", lambda actor: actor.change(FIRST, running=False), in_phase(FIRST, "Stopped")),
    Step("start", lambda actor: actor.change(FIRST, running=True), in_phase(FIRST, "Running")),
    Step("grow", lambda actor: actor.change(FIRST, overrides={"storage": {"size": LARGER}}), _enlarged),
    Step("restart", lambda actor: actor.annotate(FIRST, "restartedAt", "once"), _restarted),
    Step("longest run", _limit_its_run, _stopped_by_the_clock),
    Step("start again", lambda actor: actor.change(FIRST, running=True, lifecycle=None), in_phase(FIRST, "Running")),
    Step("delete and retain", lambda actor: actor.delete(FIRST), retained),
    Step("adopt", _adopt, in_phase(SECOND, "Running")),
    Step("delete with volume", lambda actor: actor.delete(SECOND), _left()),
    Step("images on the nodes", _put_images_on_nodes(wanted=True), _left("daemonsets")),
    Step("no images on the nodes", _put_images_on_nodes(wanted=False), _left()),
)
