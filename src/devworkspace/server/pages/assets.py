"""The static files, read once. They say nothing about anybody and are served to everybody, on every host of ours."""

from importlib.resources import files
from typing import Final

from aiohttp import web

_TYPES: Final = {"style.css": "text/css", "wait.js": "text/javascript"}
_PREFIX: Final = "/-/static/"
_CONTENT: Final = {
    _PREFIX + name: (files("devworkspace.server.pages").joinpath("static", name).read_bytes(), kind)
    for name, kind in _TYPES.items()
}


def find_asset(path: str) -> web.Response | None:
    """The file at a path, or None."""
    found = _CONTENT.get(path)
    if found is None:
        return None
    body, kind = found
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff", "Server": "devworkspace"}
    return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)
