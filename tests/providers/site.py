"""Our server as a process, with an environment of its visitor's and one that a group may open."""

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from devworkspace.api import names
from devworkspace.kube.resource import ROLE_BINDINGS, ROLES
from devworkspace.server.config import OidcConfig
from tests.server.oidc.world import P, Visit
from tests.server.process import Process, put_environment, put_record, running_process
from tests.server.replicas import answer_or_echo
from tests.server.support import Browser, Pod, browsing, running_pod
from tests.support.fake_apiserver import FakeApiServer
from tests.support.ports import free_port

NAME = "oidc:ada"
GROUP = "oidc:developers"
SHARED = "shared"


@dataclasses.dataclass(kw_only=True)
class Site(Visit[P]):
    """`start_again` ends our server and starts it behind the same address."""

    api: FakeApiServer
    pod: Pod
    folder: Path
    oidc: OidcConfig
    process: Process | None = None
    _stack: contextlib.AsyncExitStack = dataclasses.field(default_factory=contextlib.AsyncExitStack)

    async def start(self) -> None:
        port = int(self.origin.rpartition(":")[2])
        self.process = await self._stack.enter_async_context(
            running_process(self.folder, self.api, listen_port=port, public_url=self.origin, oidc=self.oidc)
        )
        await self.process.ready()

    async def end(self) -> None:
        await self._stack.aclose()

    async def start_again(self) -> None:
        assert self.process is not None
        await self.process.end()
        await self.end()
        await self.start()

    def another_browser(self) -> contextlib.AbstractAsyncContextManager[Browser]:
        return visiting(self.origin, self.provider.issuer)

    async def names_in_list(self, browser: Browser | None = None) -> list[str]:
        answer = await (browser or self.browser).get(f"{self.origin}/api/v1/environments")
        assert answer.status == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    async def seconds_until_gone(self, *, within: float) -> float:
        """How long it takes until the browser, which keeps asking, is nobody any more."""
        begun = time.monotonic()
        async with asyncio.timeout(within):
            while await self.me() is not None:
                await asyncio.sleep(0.25)
        return time.monotonic() - begun


def visiting(origin: str, issuer: str) -> contextlib.AbstractAsyncContextManager[Browser]:
    """A browser which, as all do, sends cookies with `Secure` to localhost without TLS."""
    return browsing(origin, jar=aiohttp.CookieJar(treat_as_secure_origin=URL(issuer).origin()))


def share_with_group(api: FakeApiServer, group: str) -> None:
    """A binding that lets the group open an environment, and the API server's answers about it."""

    def authorize(spec: Mapping[str, Any]) -> bool:
        attributes = spec["resourceAttributes"]
        asked = (attributes["verb"], attributes["subresource"], attributes["name"])
        return group in spec["groups"] and asked == ("create", names.CONNECT_SUBRESOURCE, SHARED)

    api.authorize = authorize
    metadata = {"name": SHARED, "namespace": "team"}
    resource = f"{names.INSTANCE_PLURAL}/{names.CONNECT_SUBRESOURCE}"
    rule = {"apiGroups": [names.GROUP], "resources": [resource], "resourceNames": [SHARED], "verbs": ["create"]}
    api.put(ROLES, {"metadata": metadata, "rules": [rule]})
    reference = {"kind": "Role", "name": SHARED}
    api.put(ROLE_BINDINGS, {"metadata": metadata, "roleRef": reference, "subjects": [{"kind": "Group", "name": group}]})


@contextlib.asynccontextmanager
async def running_site(
    folder: Path, provider: P, *, origin: str, who: str, group: str = GROUP, **oidc: Any
) -> AsyncIterator[Site[P]]:
    """`group` may open the environment `shared`; `oidc` are settings of ours beside issuer and client."""
    async with (
        FakeApiServer() as api,
        running_pod(answer_or_echo) as pod,
        visiting(origin, provider.issuer) as browser,
    ):
        put_record(api)
        put_environment(api, "mine", owner=NAME, port=pod.port)
        put_environment(api, SHARED, owner="li.wei", port=pod.port)
        share_with_group(api, group)
        config = OidcConfig(issuer=provider.issuer, client_dir=folder / "client", name="Example Login", **oidc)
        site = Site(
            origin=origin, provider=provider, browser=browser, who=who, api=api, pod=pod, folder=folder, oidc=config
        )
        try:
            await site.start()
            yield site
        finally:
            await site.end()


def free_origin() -> str:
    return f"http://localhost:{free_port()}"
