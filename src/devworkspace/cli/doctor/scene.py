"""What several checks look at."""

from dataclasses import dataclass
from typing import Final

from devworkspace.api.meta import Key
from devworkspace.cli.doctor.objects import Part
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Forbidden, NotFound
from devworkspace.kube.resource import DEPLOYMENTS

OPERATOR: Final = "devworkspace-operator"
SERVER: Final = "devworkspace-server"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """`system` is the namespace of operator and server; a part that does not exist is None.

    `denied` is why the parts may not be read; empty if they may.
    """

    client: Client
    system: str
    operator: Part | None
    server: Part | None
    denied: str = ""

    @property
    def parts(self) -> dict[str, Part | None]:
        return {OPERATOR: self.operator, SERVER: self.server}


async def look_around(client: Client, system: str) -> Scene:
    try:
        operator, server = await _find(client, Key(system, OPERATOR)), await _find(client, Key(system, SERVER))
    except Forbidden as error:
        return Scene(client=client, system=system, operator=None, server=None, denied=error.message)
    return Scene(client=client, system=system, operator=operator, server=server)


async def _find(client: Client, key: Key) -> Part | None:
    try:
        return await client.get(DEPLOYMENTS, key, Part)
    except NotFound:
        return None
