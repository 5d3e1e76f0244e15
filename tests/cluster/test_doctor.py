"""The doctor at a real installation, and a namespace that takes no pods."""

import asyncio
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from devworkspace.cli.doctor.objects import JOBS
from devworkspace.kube.codec import OnlyMetadata
from devworkspace.kube.resource import NETWORK_POLICIES, PODS, RESOURCE_QUOTAS
from tests.support.live import Live

pytestmark = pytest.mark.cluster


async def examine(live: Live, *options: str) -> tuple[int, list[dict[str, Any]]]:
    argv = [sys.executable, "-c", "from devworkspace.cli.main import main; main()", "doctor", "-o", "json", *options]
    environment = {**os.environ, "KUBECONFIG": str(live.surroundings.kubeconfig), "LC_ALL": "C.UTF-8"}
    result = await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, text=True, timeout=240, check=False, env=environment
    )
    assert result.stdout, result.stderr
    return result.returncode, json.loads(result.stdout)


async def test_all_is_well_and_nothing_is_left(live: Live) -> None:
    status, found = await examine(live, f"--probe-namespace={live.namespace}")
    # Other tests put versions, clocks and images of their own into the cluster; none of it is a problem.
    assert [finding for finding in found if finding["verdict"] in ("problem", "unknown")] == []
    assert status == 0
    checks = {finding["check"]: finding for finding in found}
    assert checks["network-policies"]["verdict"] == "ok"
    assert {checks[name]["verdict"] for name in ("definitions", "rights", "policies", "storage", "server")} == {"ok"}
    async with asyncio.timeout(30):
        for kind in (JOBS, NETWORK_POLICIES, PODS):
            while (await live.client.list(kind, OnlyMetadata, namespace=live.namespace)).items:
                await asyncio.sleep(0.2)


async def test_a_namespace_without_room_is_told(live: Live) -> None:
    quota = {"metadata": {"name": "none", "namespace": live.namespace}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    await live.client.create(RESOURCE_QUOTAS, quota, OnlyMetadata)
    status, found = await examine(live, f"--probe-namespace={live.namespace}")
    (finding,) = [finding for finding in found if finding["check"] == "network-policies"]
    assert finding["verdict"] == "unknown"
    assert "quota" in finding["reason"]
    assert status == 3
