"""Leader change on a real API server: two operators of this checkout stand in for the installed one meanwhile.

They have its account, its key, its Lease and its rights, so that what they find needs no write of theirs.
"""

import asyncio
import base64
import contextlib
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.client import Client
from devworkspace.kube.lease import LeaseTiming
from devworkspace.kube.resource import LEASES, PODS
from tests.operator.processes import OperatorProcess, operator_process
from tests.support.environment import Surroundings
from tests.support.live import Anything, Live

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

LEASE = Key(names.SYSTEM_NAMESPACE, "devworkspace-operator")
USUAL = LeaseTiming()
_IN_SYSTEM = f"--namespace={names.SYSTEM_NAMESPACE}"
_SELECTOR = "--selector=app.kubernetes.io/component=operator"


@dataclass(frozen=True)
class Candidate:
    """`token_id` tells its requests apart in the audit log."""

    process: OperatorProcess
    token_id: str


@dataclass(frozen=True)
class Pair:
    """The one that leads at first, and its standby."""

    leader: Candidate
    standby: Candidate
    audit_log: Path | None

    def writes_of(self, candidate: Candidate) -> int:
        """Writes in the audit log, those of the Lease apart."""
        assert self.audit_log is not None
        count = 0
        for line in self.audit_log.read_text(encoding="utf-8").splitlines():
            if candidate.token_id not in line:
                continue
            event = json.loads(line)
            used = event["user"].get("extra", {}).get("authentication.kubernetes.io/credential-id", [])
            is_write = event["verb"] not in ("get", "list", "watch")
            is_counted = event.get("objectRef", {}).get("resource") != LEASES.plural
            count += f"JTI={candidate.token_id}" in used and is_write and is_counted
        return count


@pytest.fixture
async def pair(client: Client, surroundings: Surroundings, tmp_path: Path) -> AsyncIterator[Pair]:
    deployed = json.loads(
        surroundings.run_kubectl("get", "deployment", "devworkspace-operator", _IN_SYSTEM, "--output=json")
    )
    arguments = deployed["spec"]["template"]["spec"]["containers"][0]["args"]
    gateway = next(argument for argument in arguments if argument.startswith("--gateway-url="))
    secret = json.loads(surroundings.run_kubectl("get", "secret", "devworkspace-keys", _IN_SYSTEM, "--output=json"))
    key = base64.b64decode(secret["data"]["master"])
    async with _paused(surroundings, replicas=deployed["spec"]["replicas"]), contextlib.AsyncExitStack() as stack:
        candidates = []
        for name, role in (("one", "leading"), ("two", "standby")):
            token = surroundings.run_kubectl("create", "token", "devworkspace-operator", _IN_SYSTEM).strip()
            process = await stack.enter_async_context(
                operator_process(
                    _kubeconfig(surroundings, token), tmp_path, name, gateway, timing=USUAL, master_key=key
                )
            )
            await process.become(role)
            candidates.append(Candidate(process, _token_id(token)))
        assert await _holder(client) == "one_uid"
        one, two = candidates
        yield Pair(leader=one, standby=two, audit_log=surroundings.audit_log)
        # The installed operator need not wait for a Lease that nobody gives back.
        for candidate in candidates:
            if candidate.process.is_running:
                candidate.process.send(signal.SIGCONT)
                candidate.process.send(signal.SIGTERM)
                await candidate.process.end()


@contextlib.asynccontextmanager
async def _paused(surroundings: Surroundings, *, replicas: int) -> AsyncIterator[None]:
    """Without the installed operator."""

    async def scale(count: int) -> None:
        await asyncio.to_thread(
            surroundings.run_kubectl, "scale", "deployment/devworkspace-operator", _IN_SYSTEM, f"--replicas={count}"
        )

    await scale(0)
    try:
        await asyncio.to_thread(
            surroundings.run_kubectl,
            "wait",
            "pods",
            _IN_SYSTEM,
            _SELECTOR,
            "--for=delete",
            "--timeout=90s",
            timeout=100,
        )
        yield
    finally:
        await scale(replicas)
        await asyncio.to_thread(
            surroundings.run_kubectl,
            "rollout", "status", "deployment/devworkspace-operator", _IN_SYSTEM, "--timeout=180s",
            timeout=200,
        )  # fmt: skip


def _kubeconfig(surroundings: Surroundings, token: str) -> str:
    """The way to the API server with another credential."""
    document = msgspec.yaml.decode(surroundings.kubeconfig.read_bytes(), type=dict[str, Any])
    current = next(entry for entry in document["contexts"] if entry["name"] == document["current-context"])
    document["users"] = [{"name": current["context"]["user"], "user": {"token": token}}]
    return json.dumps(document)


def _token_id(token: str) -> str:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["jti"])


async def _holder(client: Client) -> str:
    lease = await client.get(LEASES, LEASE, dict)
    return str(lease["spec"]["holderIdentity"])


async def _wait_handled(live: Live, name: str) -> None:
    """Until the pod of an environment is made: whether it gets to run is the cluster's affair."""
    uid = (await live.get(name)).metadata.uid
    selector = f"{names.LABEL_INSTANCE_UID}={uid}"
    async with asyncio.timeout(120):
        while not (await live.client.list(PODS, Anything, namespace=live.namespace, label_selector=selector)).items:
            await asyncio.sleep(0.05)


async def test_the_leader_works_and_the_standby_does_not(live: Live, pair: Pair) -> None:
    await live.create("first")
    await _wait_handled(live, "first")
    lease = await live.client.get(LEASES, LEASE, dict)
    for field in ("acquireTime", "renewTime"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", lease["spec"][field])
    assert lease["spec"]["leaseDurationSeconds"] == USUAL.duration
    if pair.audit_log is not None:
        assert pair.writes_of(pair.leader) > 0
        assert pair.writes_of(pair.standby) == 0


async def test_a_leader_that_is_told_to_stop_is_replaced_at_once(
    live: Live, pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    pair.leader.process.send(signal.SIGTERM)
    await live.create("after")
    await _wait_handled(live, "after")
    seconds = time.monotonic() - started
    record_property("seconds from SIGTERM to the pod of a new environment", round(seconds, 2))
    assert await pair.leader.process.end() == 0
    assert f"gave the Lease {LEASE} back" in pair.leader.process.log
    assert await _holder(live.client) == "two_uid"


async def test_a_leader_that_is_killed_is_replaced_when_its_lease_ends(
    live: Live, pair: Pair, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    pair.leader.process.send(signal.SIGKILL)
    await live.create("after")
    await _wait_handled(live, "after")
    seconds = time.monotonic() - started
    record_property("seconds from SIGKILL to the pod of a new environment", round(seconds, 2))
    assert "gave the Lease" not in pair.leader.process.log
    assert await _holder(live.client) == "two_uid"


async def test_a_leader_that_was_paused_writes_nothing_when_it_goes_on(live: Live, pair: Pair) -> None:
    await live.create("before")
    await _wait_handled(live, "before")
    await live.create("meanwhile")
    pair.leader.process.send(signal.SIGSTOP)
    await pair.standby.process.become("leading")
    await _wait_handled(live, "meanwhile")
    await live.create("after")
    await _wait_handled(live, "after")
    before = pair.writes_of(pair.leader) if pair.audit_log is not None else 0
    pair.leader.process.send(signal.SIGCONT)
    assert await pair.leader.process.end() == 1
    assert "could not renew the Lease" in pair.leader.process.log
    assert await _holder(live.client) == "two_uid"
    if pair.audit_log is not None:
        assert before > 0
        assert pair.writes_of(pair.leader) == before
        assert pair.writes_of(pair.standby) > 0
