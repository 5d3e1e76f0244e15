"""How long a person waits for an environment that was made in advance, beside one that starts cold, in the same run.

From the POST to the REST API until the gateway serves the workbench to the same browser. Needs an installation with the
gate in its base image: KUBECONFIG, DEVWORKSPACE_URL, DEVWORKSPACE_PASSWORD_FILE as for the tests (docs/TESTING.md).

    .local/venv/bin/python -m bench.warm_claim --claims 20 --at-once 10
"""

import argparse
import asyncio
import os
import secrets
import statistics
import time
from collections.abc import Sequence
from typing import Any

from tests.cluster.deployed import find_password
from tests.cluster.test_pool import make_pool, members, open_page
from tests.server.support import Browser, browsing
from tests.support.environment import Surroundings, find_surroundings
from tests.support.live import Live, live_namespace

from devworkspace.cli.account import USERNAME
from devworkspace.kube import config
from devworkspace.kube.client import Client


class Run:
    """Measurements in one namespace by one signed-in person."""

    def __init__(self, live: Live, surroundings: Surroundings, browser: Browser, template: str) -> None:
        self._live = live
        self._surroundings = surroundings
        self._browser = browser
        self._template = template

    async def take(self, name: str, **more: Any) -> float:
        """Milliseconds from the POST to the served workbench."""
        url = self._surroundings.url
        body = {"name": name, "template": self._template, **more}
        headers = {"Origin": url, "Sec-Fetch-Site": "same-origin", "X-DevWorkspace-CSRF": "1"}
        began = time.perf_counter()
        address = f"{url}/api/v1/namespaces/{self._live.namespace}/environments"
        made = await self._browser.post(address, json=body, headers=headers)
        assert made.status == 201, made.body
        await open_page(self._browser, self._surroundings, self._live, name)
        return 1000 * (time.perf_counter() - began)

    async def open_again(self, name: str, password: str) -> float:
        """Milliseconds of the gateway's share: what opening costs where nothing has to be waited for."""
        async with browsing(self._surroundings.url) as browser:
            assert (await browser.sign_in(username=USERNAME, password=password)).status == 303
            began = time.perf_counter()
            await open_page(browser, self._surroundings, self._live, name)
            return 1000 * (time.perf_counter() - began)

    async def was_warm(self, name: str) -> bool:
        return "-pool-" in ((await self._live.get(name)).status.pod_name or "")


def tell(what: str, figures: Sequence[float]) -> None:
    ordered = sorted(figures)
    p99 = ordered[max(0, round(0.99 * len(ordered)) - 1)]
    middle, worst = statistics.median(ordered), ordered[-1]
    print(f"{what}: n {len(ordered)}, p50 {middle:.0f} ms, p99 {p99:.0f} ms, worst {worst:.0f} ms")


async def measure(claims: int, at_once: int, cold: int) -> None:
    surroundings = find_surroundings()
    password = find_password(surroundings, os.environ.get("DEVWORKSPACE_PASSWORD_FILE"))
    async with (
        Client(config.from_kubeconfig(surroundings.kubeconfig), field_manager="devworkspace-bench") as client,
        live_namespace(client, surroundings, f"bench-{secrets.token_hex(3)}") as live,
        browsing(surroundings.url) as browser,
    ):
        assert (await browser.sign_in(username=USERNAME, password=password)).status == 303
        run = Run(live, surroundings, browser, await make_pool(live, 2))
        warm: list[float] = []
        opened: list[float] = []
        for number in range(claims):
            await members(live, 2)
            warm.append(await run.take(f"warm-{number}"))
            assert await run.was_warm(f"warm-{number}")
            opened.append(await run.open_again(f"warm-{number}", password))
            await live.delete(f"warm-{number}")
        tell("taken from the pool, one after the other", warm)
        tell("the same pages of one that runs already, by a browser that was not there before", opened)
        # Any override: what the pool has does not fit.
        tell("cold", [await run.take(f"cold-{number}", cpu="1") for number in range(cold)])
        if at_once:
            await make_pool(live, at_once)
            await members(live, at_once, seconds=600)
            names = [f"crowd-{number}" for number in range(at_once)]
            tell(f"taken from the pool, {at_once} at once", await asyncio.gather(*(run.take(name) for name in names)))
            assert all([await run.was_warm(name) for name in names])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--cold", type=int, default=5)
    asyncio.run(measure(**vars(parser.parse_args())))
