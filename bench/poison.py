"""Does one bad environment slow down the others?

Two kinds of bad: environments whose every start is refused (a quota without room for a pod), and calls that hang (an
admission webhook of the API server that is never answered, for one namespace). The others are created one by one,
in blocks with and without the bad ones, so that both see the same machine.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from bench.figures import Figure, percentile
from bench.measures import Bench, create, timed
from bench.simulation import Anything
from devworkspace.api.meta import Key
from devworkspace.kube.resource import Resource

_QUOTAS: Final = Resource("", "v1", "resourcequotas", "ResourceQuota")
_WEBHOOKS: Final = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
_BAD: Final = 5


async def poison(bench: Bench, *, size: int = 100, blocks: int = 3) -> list[Figure]:
    """p99 of creates with bad neighbours against p99 without, as a ratio."""
    figures = []
    for name, neighbours in (("always refused", _refused), ("calls that hang", _hanging)):
        alone: list[float] = []
        beside: list[float] = []
        async with bench.namespace("others") as namespace:
            for block in range(blocks):
                alone += await _block(bench, namespace, f"alone-{block}", size)
                async with neighbours(bench):
                    beside += await _block(bench, namespace, f"beside-{block}", size)
        for percent, bar in ((50, None), (99, 1.2)):
            one, other = percentile(alone, percent), percentile(beside, percent)
            note = f"{_BAD} neighbours {name}; {1e3 * one:.0f} → {1e3 * other:.0f} ms, {len(alone)} each"
            figures.append(
                Figure(name=f"create → Ready, p{percent}, ratio", value=other / one, bar=bar, unit="×", note=note)
            )
    return figures


async def _block(bench: Bench, namespace: str, prefix: str, size: int) -> list[float]:
    return [await timed(bench, Key(namespace, f"{prefix}-{number}"), create(bench)) for number in range(size)]


@contextlib.asynccontextmanager
async def _refused(bench: Bench) -> AsyncIterator[None]:
    namespace = await bench.simulation.namespace("refused")
    body = {"metadata": {"name": "no-room", "namespace": namespace}, "spec": {"hard": {"pods": "0"}}}
    await bench.simulation.client.create(_QUOTAS, body, Anything)
    async with _neighbours(bench, namespace):
        yield


@contextlib.asynccontextmanager
async def _hanging(bench: Bench) -> AsyncIterator[None]:
    """Every write of a Service in one namespace hangs until the API server gives up after 30 s."""
    namespace = await bench.simulation.namespace("hanging")
    client = bench.simulation.client
    async with _silent_server() as port:
        made = await client.create(_WEBHOOKS, _webhook(namespace, bench.simulation.host, port), Anything)
        try:
            async with _neighbours(bench, namespace):
                yield
        finally:
            await client.delete(_WEBHOOKS, made.metadata.key, uid=made.metadata.uid)


@contextlib.asynccontextmanager
async def _neighbours(bench: Bench, namespace: str) -> AsyncIterator[None]:
    for number in range(_BAD):
        await bench.simulation.create(namespace, f"bad-{number}")
    await asyncio.sleep(1)
    try:
        yield
    finally:
        running = [key for key, times in bench.observer.times.items() if key.namespace == namespace and times.running]
        if running:
            raise RuntimeError(f"{running} were to fail and run: the measurement says nothing")
        await bench.simulation.forget([namespace])


@contextlib.asynccontextmanager
async def _silent_server() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            await reader.read()

    server = await asyncio.start_server(hold, host="0.0.0.0", port=0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _webhook(namespace: str, host: str, port: int) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["services"]}
    return {
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "hangs.bench.invalid",
                "clientConfig": {"url": f"https://{host}:{port}/"},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [rule],
                "failurePolicy": "Fail",
                "timeoutSeconds": 30,
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
