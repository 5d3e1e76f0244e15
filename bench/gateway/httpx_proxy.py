"""A proxy as one writes it first in Python: Starlette in front, httpx behind, on uvicorn with uvloop and httptools.

Run by bench/gateway/contenders.py in .local/bench-rivals. The verdict is a look-up by cookie, and
the head is filtered as little as can be: what is measured is the data path.
"""

import contextlib
import sys
from collections.abc import AsyncIterator

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

_DROPPED = {b"host", b"connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"cookie"}


def make_app(upstream: str, cookie: str) -> Starlette:
    """Streams every request whose `Cookie` header is `cookie` to `upstream`."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None, max_keepalive_connections=64), timeout=60)

    async def forward(request: Request) -> Response:
        if request.headers.get("cookie") != cookie:
            return Response(status_code=401)
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        outgoing = client.build_request(
            request.method,
            upstream + request.url.path,
            headers=[(name, value) for name, value in request.headers.raw if name not in _DROPPED],
            content=request.stream() if has_body else None,
        )
        answer = await client.send(outgoing, stream=True)
        headers = {name: value for name, value in answer.headers.items() if name.encode() not in _DROPPED}
        return StreamingResponse(_body(answer), status_code=answer.status_code, headers=headers)

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(answer):
        async for chunk in answer.aiter_raw():
            yield chunk


if __name__ == "__main__":
    uvicorn.run(
        make_app(sys.argv[2], sys.argv[3]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )
