"""From method and path to what a request is about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from devworkspace.api.meta import Key
from devworkspace.kube.resource import Resource
from tests.support.fake_store import Refusal

_PATCHES: Final = {"application/apply-patch+yaml": "apply", "application/merge-patch+json": "patch"}


class Asked(Protocol):
    """The head of a request; aiohttp's requests fit."""

    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def content_type(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    verb: str
    resource: Resource
    key: Key
    subresource: str = ""

    @property
    def label(self) -> str:
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


def target_of(request: Asked, known: Sequence[Resource], *, without_status: Collection[Resource]) -> Target:
    """Return the target of a request, 404 for what is not `known`."""
    parts = request.path.strip("/").split("/")
    if parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    elif parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    else:
        raise Refusal(404, "NotFound", f"the server could not find {request.path}")
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    name, subresource = (*rest[1:], "", "")[:2]
    path = (group, version, rest[0])
    resource = next((kind for kind in known if (kind.group, kind.version, kind.plural) == path), None)
    if resource is None or (subresource and (subresource != "status" or resource in without_status)):
        raise Refusal(404, "NotFound", "the server could not find the requested resource")
    return Target(_verb(request, name), resource, Key(namespace, name), subresource)


def _verb(request: Asked, name: str) -> str:
    match request.method:
        case "GET" if name:
            return "get"
        case "GET":
            return "watch" if request.query.get("watch") in {"true", "1"} else "list"
        case "POST" if not name:
            return "create"
        case "PUT" if name:
            return "update"
        case "DELETE" if name:
            return "delete"
        case "PATCH" if request.content_type in _PATCHES:
            return _PATCHES[request.content_type]
        case "PATCH":
            raise Refusal(415, "UnsupportedMediaType", f"{request.content_type} is not supported")
    raise Refusal(405, "MethodNotAllowed", f"{request.method} is not allowed here")
