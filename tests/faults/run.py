"""One plan, carried out: a namespace, a proxy, an operator or two, and what an environment goes through."""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from devworkspace.api import names
from devworkspace.core.credential import Keyring, environment_credential, find_opening
from tests.faults.catalogue import NOT_COUNTED
from tests.faults.direct import Direct, Object
from tests.faults.hours import HOURS, TEMPLATE_LIFECYCLE
from tests.faults.oracles import Evidence, Reference, judge
from tests.faults.pki import Authority
from tests.faults.plan import Life, Plan
from tests.faults.pool import CLAIMS, KEPT
from tests.faults.process import OperatorProcess, OperatorSetup
from tests.faults.proxy import FaultProxy, Write
from tests.faults.request import ApiRequest
from tests.faults.rights import lease_rights
from tests.faults.scenario import LIFECYCLE, SIZE, Actor, Step, pool_of
from tests.faults.snapshot import Snapshot, count_changes, renamer, take_snapshot
from tests.faults.truth import GROUP_PATH, Ledger, Pulse, Truth
from tests.faults.word import Word
from tests.faults.worldclock import WorldClock

SETTLE_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Course:
    """What an environment goes through; `by_clock` where it is the clock that acts, and the run has one of its own.

    `pool` is how many environments the template keeps ready.
    """

    steps: tuple[Step, ...]
    resync_seconds: float
    by_clock: bool = False
    template: Object = field(default_factory=dict)
    pool: int = 0


COURSES: Final[Mapping[Life, Course]] = {
    "owner": Course(steps=LIFECYCLE, resync_seconds=2.0),
    "clock": Course(steps=HOURS, resync_seconds=1.0, by_clock=True, template={"lifecycle": TEMPLATE_LIFECYCLE}),
    "pool": Course(steps=CLAIMS, resync_seconds=2.0, pool=KEPT),
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What all runs share. `disposable`: the whole control plane goes at the end, so no run clears up behind itself.

    `read_file` gives the hash of a file in the volume of a pod (namespace, name) that runs; None where no pod is real.
    """

    direct: Direct
    truth: Truth
    pulse: Pulse
    authority: Authority
    token: str
    folder: Path
    template: dict[str, object]
    disposable: bool
    read_file: Callable[[str, str], Awaitable[str]] | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`problems` is empty for a run that passed. `begun` is how many writes came before the second step."""

    plan: Plan
    log_file: Path
    problems: list[str]
    seconds: float
    evidence: Evidence
    requests: list[ApiRequest] = field(default_factory=list)
    writes: list[tuple[Write, str]] = field(default_factory=list)
    begun: int = 0
    told: Mapping[str, int] = field(default_factory=dict)


class Run:
    """One namespace and everything in it. `reference` is None for the run that the others are compared with."""

    def __init__(self, stage: Stage, plan: Plan, reference: Reference | None, *, patience: float) -> None:
        name = f"faults-{secrets.token_hex(4)}"
        self._stage = stage
        self._plan = plan
        self._reference = reference
        self._patience = patience
        self._course = COURSES[plan.life]
        self._folder = stage.folder / name
        self._folder.mkdir(parents=True)
        self._clock = WorldClock(self._folder / "clock")
        self._word = Word(stage.direct, self._clock, namespace=name)
        self._ledger = Ledger(namespace=name, template=name, now=self._clock.now)
        self._master_key = secrets.token_hex(32).encode()
        self._snapshots: dict[str, Snapshot] = {}
        self._late_writes: list[ApiRequest] = []
        self._file_hashes: dict[str, str] = {}
        self._started = time.monotonic()
        self._begun = 0
        self._proxy: FaultProxy
        self._operators: list[OperatorProcess] = []

    async def carry_out(self) -> Outcome:
        """Goes through the lifecycle and judges it."""
        async with self._operating():
            actor = Actor(self._stage.direct, self._ledger, self._clock, self._word)
            disturbed = False
            for step in self._course.steps:
                await step.act(actor)
                if not await self._wait(step):
                    self._snapshots[step.name] = take_snapshot(self._ledger)
                    break
                self._snapshots[step.name] = take_snapshot(self._ledger)
                self._begun = self._begun or len(self._proxy.writes)
                await self._read_file(step)
                if not disturbed and not self._proxy.trigger.missing and self._plan.faults:
                    disturbed = True
                    await self._listen_for_silence()
            await self._listen_for_silence()
            evidence = self._evidence()
        rename = renamer(self._ledger)
        return Outcome(
            plan=self._plan,
            log_file=self._folder / "operator.log",
            problems=judge(
                evidence, self._reference or Reference(snapshots={}, changes=evidence.changes, turns=evidence.turns)
            ),
            seconds=time.monotonic() - self._started,
            evidence=evidence,
            requests=self._proxy.requests,
            writes=[(write, rename(write.request.name)) for write in self._proxy.writes],
            begun=self._begun,
            told=self._proxy.told,
        )

    @contextlib.asynccontextmanager
    async def _operating(self) -> AsyncIterator[None]:
        stage, name = self._stage, self._ledger.namespace
        stage.truth.listen(self._ledger)
        # Two that both lead have a Lease each; there is one of this name in a namespace.
        namespaces = [name, f"{name}-lease"] if self._plan.operators == "leaders" else [name]
        for namespace in namespaces:
            await stage.direct.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
            for plural, body in lease_rights(namespace):
                await stage.direct.create(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}", body)
        await stage.direct.create(f"{GROUP_PATH}/ideworkspacetemplates", self._template())
        await stage.direct.create(f"/apis/apps/v1/namespaces/{name}/deployments", _own_deployment())
        try:
            async with contextlib.AsyncExitStack() as stack:
                self._proxy = await stack.enter_async_context(
                    FaultProxy(
                        stage.direct.endpoint,
                        authority=stage.authority,
                        plan=self._plan,
                        namespace=name,
                        template=name,
                        operators=self._operators,
                        doors=1 if self._plan.operators == "one" else 2,
                        clock=self._clock,
                    )
                )
                if self._course.by_clock:
                    await stack.enter_async_context(_running(self._word.run()))
                for number, url in enumerate(self._proxy.urls):
                    operator = OperatorProcess(self._setup(number, url, lease_namespace=namespaces[-number]))
                    self._operators.append(operator)
                    await stack.enter_async_context(operator)
                yield
        finally:
            stage.truth.forget(self._ledger)
            # The removal of one namespace costs the API server as much as the whole run in it.
            if not stage.disposable:
                await stage.direct.delete(f"{GROUP_PATH}/ideworkspacetemplates/{name}")
                for namespace in namespaces:
                    await stage.direct.delete(f"/api/v1/namespaces/{namespace}")

    def _setup(self, number: int, url: str, *, lease_namespace: str) -> OperatorSetup:
        name = self._ledger.namespace
        return OperatorSetup(
            folder=self._folder if number == 0 else self._folder / f"operator-{number}",
            server=url,
            authority=self._stage.authority.certificate,
            token=self._stage.token,
            master_key=self._master_key,
            # As in a pod: the operator that comes back has the name of the one that was killed. Its Lease is its own,
            # because many operators run beside each other here.
            environment={"POD_NAME": f"operator-{number}", "POD_UID": name, "POD_NAMESPACE": lease_namespace},
            arguments=(
                f"--resync-seconds={self._course.resync_seconds}",
                *((f"--server-namespace={name}",) if self._course.by_clock else ()),
            ),
            clock_file=self._folder / "clock" if self._course.by_clock else None,
        )

    def _template(self) -> dict[str, object]:
        return {
            "apiVersion": "devworkspace.kubesphere.io/v1alpha1",
            "kind": "WorkspaceTemplate",
            "metadata": {"name": self._ledger.template},
            "spec": {**self._stage.template, **self._course.template, **self._pool()},
        }

    def _pool(self) -> Object:
        size, namespace = self._course.pool, self._ledger.namespace
        return {"warmPool": pool_of(size, namespace=namespace)} if size else {}

    async def _wait(self, step: Step) -> bool:
        """Whether the step's state came: in the undisturbed run by its own rule, in others the same state."""
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            if self._reference is None:
                if step.reached(self._ledger) and not await self._ledger.wait(SETTLE_SECONDS):
                    return True
            elif take_snapshot(self._ledger) == self._reference.snapshots[step.name]:
                return True
            await self._ledger.wait(min(1.0, deadline - time.monotonic()))
        return False

    async def _read_file(self, step: Step) -> None:
        for pod in self._ledger.of("pods"):
            if self._stage.read_file is not None and pod["status"]["phase"] == "Running":
                hash_ = await self._stage.read_file(self._ledger.namespace, pod["metadata"]["name"])
                self._file_hashes[step.name] = hash_

    async def _listen_for_silence(self) -> None:
        """Lets what is under way end, then counts for two resync periods."""
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            before = len(self._proxy.writes)
            await asyncio.sleep(SETTLE_SECONDS)
            if len(self._proxy.writes) == before:
                break
        before = len(self._proxy.writes)
        await asyncio.sleep(2 * self._course.resync_seconds)
        late = [write.request for write in self._proxy.writes[before:]]
        self._late_writes += [request for request in late if request.resource not in NOT_COUNTED]

    def _evidence(self) -> Evidence:
        ledger = self._ledger
        return Evidence(
            plan=self._plan,
            snapshots=self._snapshots,
            changes=count_changes(ledger),
            volume_uids=dict(ledger.volume_uids),
            shared_volumes=ledger.shared_volumes,
            taken_by={member: sorted(map(self._name_of, uids)) for member, uids in ledger.taken_by.items()},
            left_over=[
                {"kind": _KINDS.get(resource, resource), **item} for (resource, _), item in ledger.objects.items()
            ],
            writes_in_silence=self._late_writes,
            missing=self._proxy.trigger.missing,
            exits=[line for operator in self._operators for line in operator.unexpected],
            turns=list(ledger.turns),
            promises=list(ledger.promises),
            clock_errors=list(self._clock.seen),
            stalled=self._stage.pulse.stalled_since(self._started),
            file_hashes=self._file_hashes,
            log="".join(operator.log() for operator in self._operators),
            visible_texts={"Events": json.dumps(ledger.events), "status": "\n".join(ledger.statuses)},
            hidden_texts=self._hidden_texts(),
        )

    def _hidden_texts(self) -> dict[str, str]:
        credentials = {
            f"the credential of {name}": environment_credential(self._master_key, uid)
            for uid, name in self._ledger.instance_uids.items()
        }
        keys = Keyring(self._master_key)
        openings = {
            f"what opens {pod}": find_opening(keys, f"{self._ledger.namespace}/{pod}", lock) or ""
            for pod, lock in self._ledger.locks.items()
        }
        known = {"the master key": self._master_key.decode(), "the operator's token": self._stage.token}
        return {**known, **credentials, **openings}

    def _name_of(self, uid: str) -> str:
        return self._ledger.instance_uids.get(uid, uid)


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


_KINDS: Final = {"workspaceinstances": "WorkspaceInstance", "networkpolicies": "NetworkPolicy"}


def _own_deployment() -> dict[str, object]:
    """What the operator finds of its installation beside its Lease; it runs as a process, so this one has no pods."""
    labels = {"app.kubernetes.io/component": "operator"}
    pod = {"containers": [{"name": names.OPERATOR_CONTAINER, "image": "simulated/operator:1"}]}
    return {
        "metadata": {"name": names.OPERATOR_DEPLOYMENT},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def make_template(*, image: str, storage_class: str | None) -> dict[str, object]:
    """The spec of the template that the lifecycle uses."""
    storage = {"size": SIZE} | ({"storageClassName": storage_class} if storage_class is not None else {})
    return {
        "displayName": "Fault harness",
        "environment": {"image": image},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "storage": storage,
        "overrides": {"maxStorage": "10Gi"},
    }
