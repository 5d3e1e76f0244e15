"""The API server itself, past the proxy and as an administrator: for the hands of the harness and for the truth."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from devworkspace.kube.config import Endpoint

Object = dict[str, Any]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"


class RefusedError(Exception):
    """The API server did not do what the harness needs; `status` is its code."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:500]}")
        self.status = status


class Direct:
    """An async context manager; paths are those of the API, objects are dictionaries."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self.endpoint.ssl or True)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str) -> Object:
        return await self.request("GET", path)

    async def create(self, path: str, body: Object) -> Object:
        return await self.request("POST", path, body)

    async def merge(self, path: str, patch: Object) -> Object:
        return await self.request("PATCH", path, patch, content_type=MERGE_PATCH)

    async def apply(self, path: str, body: Object) -> Object:
        return await self.request("PATCH", path + "?fieldManager=fault-harness&force=true", body, content_type=APPLY)

    async def delete(self, path: str, *, uid: str | None = None, grace: int | None = None) -> None:
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        await self.request("DELETE", path, options)

    async def request(self, method: str, path: str, body: Object | None = None, *, content_type: str = JSON) -> Object:
        headers = await self._headers() | ({"Content-Type": content_type} if body is not None else {})
        data = None if body is None else json.dumps(body)
        async with self._session.request(method, self._url(path), headers=headers, data=data) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise RefusedError(answer.status, text)
            found: Object = json.loads(text)
            return found

    async def watch(self, path: str, *, resource_version: str) -> AsyncIterator[Object]:
        """Watch events, until the server ends the stream."""
        query = f"?watch=true&allowWatchBookmarks=true&resourceVersion={resource_version}"
        rest = b""
        async with self._session.get(self._url(path + query), headers=await self._headers()) as answer:
            if answer.status >= 300:
                raise RefusedError(answer.status, await answer.text())
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    async def _headers(self) -> dict[str, str]:
        header = await self.endpoint.credential.header()
        return {"Accept": JSON} | ({"Authorization": header} if header is not None else {})

    def _url(self, path: str) -> URL:
        return URL(self.endpoint.server + path, encoded=True)
