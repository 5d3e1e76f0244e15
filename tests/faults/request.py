"""What an HTTP request asks of a Kubernetes API server."""

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote, urlsplit

APPLY: Final = "application/apply-patch+yaml"
WRITE_VERBS: Final = ("apply", "create", "update", "patch", "delete")
_TEMPLATES: Final = "ideworkspacetemplates"


@dataclass(frozen=True, kw_only=True)
class ApiRequest:
    """`resource` is the plural, "" for what is none (discovery, /version); `name` is "" for collections."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def is_write(self) -> bool:
        return self.verb in WRITE_VERBS and bool(self.resource)

    @property
    def kind(self) -> str:
        """The kind of request, without names: `apply pods`, `apply workspaceinstances/status`."""
        target = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {target}".strip()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


def parse_request(*, method: str, target: str, content_type: str = "") -> ApiRequest:
    """`target` is path and query as sent."""
    url = urlsplit(target)
    parts = [unquote(part) for part in url.path.strip("/").split("/")]
    found = _parse_path(parts)
    watching = method == "GET" and "watch=true" in url.query.split("&")
    return replace(found, verb=_verb(method, found, content_type=content_type, watching=watching))


def _parse_path(parts: list[str]) -> ApiRequest:
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return ApiRequest(verb="")
    namespace = ""
    # `/namespaces/x` and `/namespaces/x/status` are about the namespace itself, all else about something in it.
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    return ApiRequest(verb="", group=group, resource=resource, subresource=subresource, namespace=namespace, name=name)


def _verb(method: str, request: ApiRequest, *, content_type: str, watching: bool) -> str:
    match method:
        case "GET" if watching:
            return "watch"
        case "GET":
            return "get" if request.name or not request.resource else "list"
        case "PATCH":
            return "apply" if content_type.startswith(APPLY) else "patch"
        case _:
            return {"POST": "create", "PUT": "update", "DELETE": "delete"}.get(method, method.lower())


def narrow(target: str, request: ApiRequest, *, namespace: str, template: str) -> str:
    """The same list or watch, for one namespace and one template only.

    So several operators work beside each other on one API server, each of them alone in the world that it sees.
    """
    if request.verb not in ("list", "watch") or request.namespace:
        return target
    if request.resource in ("namespaces", _TEMPLATES):
        only = namespace if request.resource == "namespaces" else template
        return f"{target}{'&' if '?' in target else '?'}fieldSelector=metadata.name%3D{only}"
    path, separator, query = target.partition("?")
    base, _, resource = path.rpartition("/")
    return f"{base}/namespaces/{namespace}/{resource}{separator}{query}"
