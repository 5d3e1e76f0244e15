"""Twenty environments at once: all run, and each costs six writes."""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from devworkspace.kube.resource import NAMESPACES
from tests.support.environment import Surroundings
from tests.support.live import Anything, Live

pytestmark = pytest.mark.cluster

COUNT = 20
MAX_WRITES = 6
_OPERATOR = "system:serviceaccount:devworkspace-system:devworkspace-operator"
# Writes for no single environment: one NetworkPolicy a namespace, one status of the template a second, the Lease.
# Events are counted, because a start that goes well tells none.
_SHARED = ("networkpolicies", "ideworkspacetemplates/status", "leases")
_WRITES = ("apply", "create", "update", "patch", "delete")


def writes_by_child(audit_log: Path, namespace: str) -> Counter[str]:
    """The operator's writes in a namespace, by object name, from the API server's audit log."""
    counts: Counter[str] = Counter()
    for line in audit_log.read_text(encoding="utf-8").splitlines():
        if namespace not in line or _OPERATOR not in line:
            continue
        event = json.loads(line)
        target = event.get("objectRef", {})
        if event["stage"] != "ResponseComplete" or event["verb"] not in _WRITES:
            continue
        if event["user"]["username"] == _OPERATOR and target.get("namespace") == namespace:
            counts[target["name"]] += 1
    return counts


def writes_of_operator(surroundings: Surroundings) -> int:
    """What the operators say they wrote for environments; on any cluster."""
    pods = surroundings.run_kubectl(
        "get", "pods", "--namespace=devworkspace-system", "--selector=app.kubernetes.io/component=operator",
        "--field-selector=status.phase=Running", "--output=jsonpath={.items[*].metadata.name}",
    )  # fmt: skip
    paths = [f"/api/v1/namespaces/devworkspace-system/pods/{pod}:8081/proxy/metrics" for pod in pods.split()]
    metrics = "\n".join(surroundings.run_kubectl("get", "--raw", path) for path in paths)
    counts = re.findall(
        r'^devworkspace_api_requests_total\{resource="(.+?)",status="2..",verb="(.+?)"\} (\S+)$', metrics, re.M
    )
    return sum(round(float(count)) for resource, verb, count in counts if verb in _WRITES and resource not in _SHARED)


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


async def test_twenty_at_once_all_run_in_six_writes_each(live: Live) -> None:
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    await live.create_template("burst", resources=small, storage={"size": "1Gi"})
    template = f"{live.namespace}-burst"
    await wait_for_rest(live)
    before = writes_of_operator(live.surroundings)
    instances = await asyncio.gather(*(live.create(f"burst-{number}", template=template) for number in range(COUNT)))
    running = [await live.wait_phase("Running", instance.metadata.name, seconds=300) for instance in instances]
    assert len({instance.status.pod_name for instance in running}) == COUNT
    total = writes_of_operator(live.surroundings) - before
    assert 5 * COUNT < total <= MAX_WRITES * COUNT, "the operator's own count"
    audit_log = live.surroundings.audit_log
    if audit_log is None:
        return
    counts = writes_by_child(audit_log, live.namespace)
    for instance in running:
        assert instance.status.pod_name is not None
        total = counts[instance.metadata.name] + counts[instance.status.pod_name]
        assert 4 < total <= MAX_WRITES, (instance.metadata.name, counts)
