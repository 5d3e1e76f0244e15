"""Writes the API's OpenAPI document, which the dashboard's types are made from, to the file that git keeps.

`python scripts/openapi.py`; a test fails if the file does not say what the table of routes says.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from devworkspace.server.api.rooms import make_api
from devworkspace.server.api.route import Route
from devworkspace.server.environments import EnvironmentTable

FILE: Final = Path(__file__).parent.parent / "dashboard/src/api/openapi.json"
ADDRESS: Final = "/api/v1/openapi.json"


class Nothing:
    """Stands for every part that a route needs only once somebody asks for it."""

    def __getattr__(self, name: str) -> Any:
        return self


async def _answer(route: Route, call: Any) -> Any:
    return await route.handle(call)


def make_document() -> Any:
    """The document as the server sends it."""
    nothing: Any = Nothing()
    api = make_api(
        public=nothing,
        table=EnvironmentTable(),
        journal=nothing,
        catalogue=nothing,
        volumes=nothing,
        shares=nothing,
        usual=nothing,
        viewer=nothing,
        repositories=nothing,
        authorizer=nothing,
        lifecycle=nothing,
        cluster=nothing,
        session=nothing,
        sessions=nothing,
        tokens=nothing,
        audit=nothing,
        limiter=nothing,
        changes=nothing,
        trials=nothing,
        namespace="",
        now=nothing,
        console=nothing,
        endless=nothing,
        audience="",
        open_tunnel=nothing,
        present_usage=nothing,
        past_usage=nothing,
    )
    about = next(route for route in api.routes if route.path == ADDRESS)
    return asyncio.run(_answer(about, nothing))


def make_text() -> str:
    """The document as the file has it."""
    document = make_document()
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


if __name__ == "__main__":
    FILE.write_text(make_text(), encoding="utf-8")
    sys.exit(0)
