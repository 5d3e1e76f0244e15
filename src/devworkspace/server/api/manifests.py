"""Objects as YAML, as `kubectl get -o yaml` shows them."""

from collections.abc import Mapping
from typing import Any

import yaml
from aiohttp import web

from devworkspace.kinds import INSTANCES
from devworkspace.kube.client import Client
from devworkspace.server.answers import yaml_headers
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup
from devworkspace.server.api.problems import absent
from devworkspace.server.api.route import Call, Route


class Manifests:
    """The address of an environment's object."""

    def __init__(self, *, cluster: Client, lookup: Lookup) -> None:
        self._cluster = cluster
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
        )

    async def read(self, call: Call) -> web.Response:
        environment = await self._lookup.find(call)
        found = await self._cluster.get(INSTANCES, environment.key, dict[str, Any])
        # A namesake made since is another one, whose readers may be others.
        if found["metadata"].get("uid") != environment.uid:
            raise absent()
        return manifest(found)


def manifest(body: Mapping[str, Any]) -> web.Response:
    """Without `managedFields`, which nobody reads and which are longer than the rest."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    text = yaml.safe_dump({**body, "metadata": metadata}, allow_unicode=True, sort_keys=False, width=100)
    return web.Response(text=text, headers=yaml_headers())
