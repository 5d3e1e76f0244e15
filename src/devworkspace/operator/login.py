"""Gives Kopf a session of its own to the same API server, with the same credentials as our client.

Kopf closes its session when it signs in again, so the two must not share one.
"""

from typing import Any

import aiohttp
import kopf

from devworkspace.kube.config import Endpoint


def add_login(registry: kopf.OperatorRegistry, endpoint: Endpoint) -> None:
    """Registers the login handler; Kopf calls it at the start and whenever the server answered 401."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.AiohttpSession:
        endpoint.credential.expire()
        return kopf.AiohttpSession(server=endpoint.server, aiohttp_session=_session(endpoint))


def _session(endpoint: Endpoint) -> aiohttp.ClientSession:
    async def authorize(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        # Asked for each request: the kubelet replaces a pod's token while watches are open.
        if (header := await endpoint.credential.header()) is not None:
            request.headers["Authorization"] = header
        return await handler(request)

    connector = aiohttp.TCPConnector(limit=0, ssl=endpoint.ssl if endpoint.ssl is not None else True)
    return aiohttp.ClientSession(connector=connector, middlewares=(authorize,), proxy=endpoint.proxy)
