"""How many writes the operator makes: from the API server's audit log, on a foreign cluster from its own counters."""

import asyncio
import re
from collections import Counter

import pytest
from bench.audit import AuditLog, Write

from devworkspace.kube.resource import NAMESPACES
from tests.support.environment import Surroundings
from tests.support.live import Anything, Live

# Writes for no single environment: one NetworkPolicy a namespace, one status of the template a second, the Lease.
# Events are counted, because a start that goes well tells none.
_SHARED = ("networkpolicies", "ideworkspacetemplates/status", "leases")
_WRITES = ("apply", "create", "update", "patch", "delete")


def writes_of_operator(surroundings: Surroundings) -> Counter[str]:
    """What the operators say they wrote for environments, by verb and resource; on any cluster."""
    pods = surroundings.run_kubectl(
        "get", "pods", "--namespace=devworkspace-system", "--selector=app.kubernetes.io/component=operator",
        "--field-selector=status.phase=Running", "--output=jsonpath={.items[*].metadata.name}",
    )  # fmt: skip
    paths = [f"/api/v1/namespaces/devworkspace-system/pods/{pod}:8081/proxy/metrics" for pod in pods.split()]
    metrics = "\n".join(surroundings.run_kubectl("get", "--raw", path) for path in paths)
    counts = re.findall(
        r'^devworkspace_api_requests_total\{resource="(.+?)",status="2..",verb="(.+?)"\} (\S+)$', metrics, re.M
    )
    written: Counter[str] = Counter()
    for resource, verb, count in counts:
        if verb in _WRITES and resource not in _SHARED:
            written[f"{verb} {resource}"] += round(float(count))
    return written


class WriteCount:
    """Counts from a mark on. `log` is None on a foreign cluster, where nobody records who wrote what."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._log = AuditLog(live.surroundings.audit_log) if live.surroundings.audit_log is not None else None
        self._before: Counter[str] = Counter()

    def mark(self) -> None:
        self._before = writes_of_operator(self._live.surroundings)
        if self._log is not None:
            self._log.mark()

    def counted(self) -> Counter[str]:
        """The operator's own count since the mark, by verb and resource."""
        return writes_of_operator(self._live.surroundings) - self._before

    def own(self) -> list[Write] | None:
        """What was written since the mark for environments of this test's namespace; None where nobody knows."""
        if self._log is None:
            return None
        return [
            write for write in self._log.writes() if write.namespace == self._live.namespace and not write.is_shared
        ]


async def wait_for_rest(live: Live) -> None:
    """Waits until the namespaces of earlier tests are gone: the operator cares for what they leave until then.

    One that is not being removed was left by an interrupted run and is at rest.
    """
    for _ in range(120):
        namespaces = (await live.client.list(NAMESPACES, Anything)).items
        leaving = [item.metadata.name for item in namespaces if item.metadata.deletion_timestamp is not None]
        if not leaving:
            return
        await asyncio.sleep(1)
    pytest.fail(f"namespaces of earlier tests do not go away: {sorted(leaving)}")
