"""The way from a person's shell to the cluster."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.cli.environments.words import say
from devworkspace.kinds import INSTANCES
from devworkspace.kube.errors import ApiError, KubeError, NotFound

if TYPE_CHECKING:
    from devworkspace.kube.client import Client

T = TypeVar("T")

USER_AGENT: Final = "devworkspace-cli"
_TIMEOUT_SECONDS: Final = 10.0


class Connection(NamedTuple):
    """`namespace` is the one of --namespace, else the kubeconfig's."""

    client: "Client"
    namespace: str

    async def find(self, name: str) -> WorkspaceInstance:
        """The environment of this name; raises ClickException if there is none."""
        try:
            return await self.client.get(INSTANCES, self.key(name), WorkspaceInstance)
        except NotFound as error:
            if error.details.get("name") != name:
                raise
            raise click.ClickException(say("absent", name=self.key(name))) from error

    def key(self, name: str) -> Key:
        return Key(self.namespace, name)

    async def patch(self, instance: WorkspaceInstance, patch: dict[str, Any]) -> WorkspaceInstance:
        """Changes this instance and no other one of its name."""
        body = {**patch, "metadata": {**patch.get("metadata", {}), "uid": instance.metadata.uid}}
        return await self.client.merge_patch(INSTANCES, instance.metadata.key, body, WorkspaceInstance)


def run(work: Callable[[Connection], Awaitable[T]], *, namespace: str | None) -> T:
    """Does the work with the cluster of KUBECONFIG; what goes wrong there becomes a ClickException."""

    # Later than the options: `devworkspace ssh` has the same ones, and each connection waits for what it loads.
    import asyncio

    from devworkspace.kube.client import Client
    from devworkspace.kube.config import detect

    async def connected() -> T:
        endpoint = detect()
        client = Client(endpoint, field_manager=USER_AGENT, user_agent=USER_AGENT, timeout=_TIMEOUT_SECONDS)
        async with client:
            return await work(Connection(client, namespace or endpoint.namespace))

    try:
        return asyncio.run(connected())
    except KubeError as error:
        raise click.ClickException(explain(error)) from error


def namespace_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--namespace", "-n", help="Default: the namespace of the kubeconfig's context.")(function)


def explain(error: KubeError) -> str:
    """What a person is told of an error of the cluster."""
    if isinstance(error, NotFound) and "could not find the requested resource" in error.message:
        return say("no-kind")
    return error.message if isinstance(error, ApiError) else str(error)
