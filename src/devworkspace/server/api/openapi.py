"""The OpenAPI 3.1 document, from the table of routes and the types that they name."""

import http
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from devworkspace.server.api.problems import ProblemBody
from devworkspace.server.api.route import CSRF_HEADER, SEGMENT, Route

_REFERENCE: Final = "#/components/schemas/{name}"
# What any request may be answered with; 400 only where there is something to misspell.
_ALWAYS: Final = (401, 429, 503)


def make_document(routes: Sequence[Route], *, version: str) -> dict[str, Any]:
    """The document as a value; `version` is the product's."""
    types = [type_ for route in routes for type_ in (route.returns, route.body) if type_ is not None]
    _, components = msgspec.json.schema_components([*types, ProblemBody], ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DevWorkspace",
            "version": version,
            "description": (
                "Development environments and the templates that they are made from. A browser that has signed in "
                f"sends its cookie, and {CSRF_HEADER} where something changes; programs send a token of the cluster."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "dw-session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"session": []}, {"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "description": f"Right: {route.right or 'none; signed in'}.",
        "operationId": _identifier(route),
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": {str(route.status): _success(route), **_unchanged(route), **_problems(route)},
    }
    if route.body is not None:
        schema = {"$ref": _REFERENCE.format(name=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _identifier(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.replace("/api/v1/", "/"))
    return route.method.lower() + "".join(word.capitalize() for word in words)


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{SEGMENT}$"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    (_,), components = msgspec.json.schema_components([route.query], ref_template=_REFERENCE)
    component = components[route.query.__name__]
    required = component.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in component["properties"].items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if route.method == "GET":
        names = ["If-None-Match"] if _has_etag(route) else []
    else:
        names = [CSRF_HEADER, *(["If-Match"] if 412 in route.problems else [])]
    return [{"name": name, "in": "header", "required": False, "schema": {"type": "string"}} for name in names]


def _has_etag(route: Route) -> bool:
    return route.method == "GET" and route.status == 200 and route.media_type == "application/json"


def _success(route: Route) -> dict[str, Any]:
    description = http.HTTPStatus(route.status).phrase
    if route.returns is None and route.media_type == "application/json":
        return {"description": description}
    # The schema of YAML is that of the value in it.
    plain = {"type": "object" if route.media_type == "application/yaml" else "string"}
    schema = {"$ref": _REFERENCE.format(name=route.returns.__name__)} if route.returns else plain
    return {"description": description, "content": {route.media_type: {"schema": schema}}}


def _unchanged(route: Route) -> dict[str, Any]:
    return {"304": {"description": "Unchanged since the version in If-None-Match"}} if _has_etag(route) else {}


def _problems(route: Route) -> dict[str, Any]:
    statuses = {*_ALWAYS, *route.problems}
    if route.method != "GET":
        statuses.add(403)
    if "{" in route.path:
        # Of what is no name of anything.
        statuses.add(404)
    if route.query is not None:
        statuses |= {400, 422}
    if route.body is not None:
        statuses |= {400, 413, 415, 422}
    schema = {"$ref": _REFERENCE.format(name=ProblemBody.__name__)}
    return {
        str(status): {
            "description": http.HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in sorted(statuses)
    }
