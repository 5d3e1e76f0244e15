"""Twenty environments at once: all run, and each costs six writes."""

import asyncio
from collections import Counter

import pytest

from tests.cluster.writes import WriteCount, wait_for_rest
from tests.support.live import Live

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

COUNT = 20
MAX_WRITES = 6


async def test_twenty_at_once_all_run_in_six_writes_each(live: Live) -> None:
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    await live.create_template("burst", resources=small, storage={"size": "1Gi"})
    template = f"{live.namespace}-burst"
    await wait_for_rest(live)
    writes = WriteCount(live)
    writes.mark()
    instances = await asyncio.gather(*(live.create(f"burst-{number}", template=template) for number in range(COUNT)))
    running = [await live.wait_phase("Running", instance.metadata.name, seconds=300) for instance in instances]
    assert len({instance.status.pod_name for instance in running}) == COUNT
    counted = writes.counted()
    assert 5 * COUNT < counted.total() <= MAX_WRITES * COUNT, counted
    if (own := writes.own()) is None:
        return
    counts = Counter(write.name for write in own)
    for instance in running:
        assert instance.status.pod_name is not None
        total = counts[instance.metadata.name] + counts[instance.status.pod_name]
        assert 4 < total <= MAX_WRITES, (instance.metadata.name, counts)
