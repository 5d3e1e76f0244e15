"""Objects as YAML, as `kubectl get -o yaml` shows them, and as `kubectl apply` takes them."""

from collections.abc import Mapping
from typing import Any

import yaml
from aiohttp import web

from devworkspace.api.meta import Key
from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client
from devworkspace.server.answers import yaml_headers
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import Problem, absent
from devworkspace.server.api.requests import EnvironmentRequest, instance_body
from devworkspace.server.api.route import Call, Route
from devworkspace.server.authorizer import CREATE, Authorizer


class Manifests:
    """The addresses of an environment's object, and of one that is not made yet."""

    def __init__(self, *, cluster: Client, lookup: Lookup, authorizer: Authorizer) -> None:
        self._cluster = cluster
        self._authorizer = authorizer
        self._lookup = lookup

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                f"{ENVIRONMENT}/yaml",
                self.read,
                "Its object as the cluster has it",
                None,
                problems=(404,),
                media_type="application/yaml",
                right=TO_OPEN,
            ),
            Route(
                "POST",
                "/api/v1/namespaces/{namespace}/manifest",
                self.draft,
                "What a new environment would be made from, for `kubectl apply`; nothing is made or checked",
                None,
                body=EnvironmentRequest,
                problems=(403,),
                media_type="application/yaml",
                right="`create workspaceinstances`",
            ),
        )

    async def read(self, call: Call) -> web.Response:
        environment = await self._lookup.find(call)
        found = await self._cluster.get(INSTANCES, environment.key, dict[str, Any])
        # A namesake made since is another one, whose readers may be others.
        if found["metadata"].get("uid") != environment.uid:
            raise absent()
        return manifest(found)

    async def draft(self, call: Call) -> web.Response:
        wanted: EnvironmentRequest = call.body
        namespace = call.path["namespace"]
        if await self._authorizer.answer(call.identity, Key(namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {namespace!r}; ask one of its admins.")
        owner = wanted.owner or call.identity.name
        # The account behind a name is noted by the server alone.
        body = instance_body(wanted, namespace=namespace, owner=owner, subject="")
        metadata = {name: value for name, value in body["metadata"].items() if value}
        about = {"apiVersion": INSTANCES.api_version, "kind": INSTANCES.kind}
        return manifest({**about, "metadata": metadata, "spec": body["spec"]})


def manifest(body: Mapping[str, Any]) -> web.Response:
    """Without `managedFields`, which nobody reads and which are longer than the rest."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    text = yaml.safe_dump({**body, "metadata": metadata}, allow_unicode=True, sort_keys=False, width=100)
    return web.Response(text=text, headers=yaml_headers())
