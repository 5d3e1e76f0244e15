"""Reading the bodies that are for us: small, and in reasonable time."""

import asyncio

from aiohttp import web


async def read_body(request: web.BaseRequest, *, max_bytes: int, seconds: float) -> bytes | None:
    """The body, or None if it is too large or comes too slowly."""
    if (request.content_length or 0) > max_bytes:
        return None
    data = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                data += chunk
                if len(data) > max_bytes:
                    return None
    except TimeoutError:
        return None
    return bytes(data)
