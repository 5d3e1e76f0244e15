"""The last lines of an environment's container, for a page that waits for its editor."""

import asyncio
from typing import Final

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.kube.client import Client
from devworkspace.kube.errors import ApiError, Unreachable
from devworkspace.server.environments import Environment

LINES: Final = 200
BYTES: Final = 64 * 1024
READ_SECONDS: Final = 5.0


class LogTail:
    """Many who look at the same environment cost one question at a time."""

    def __init__(self, cluster: Client) -> None:
        self._cluster = cluster
        self._under_way: dict[str, asyncio.Task[str]] = {}

    async def read(self, environment: Environment) -> str:
        """What it has printed last; empty where no container has printed anything yet. Raises `KubeError`."""
        task = self._under_way.get(environment.uid)
        if task is None:
            task = asyncio.create_task(self._read(environment))
            self._under_way[environment.uid] = task
            task.add_done_callback(lambda _: self._under_way.pop(environment.uid, None))
        # A browser that goes away must not take the answer of the others along.
        return await asyncio.shield(task)

    async def _read(self, environment: Environment) -> str:
        name = environment.instance.status.pod_name
        if not environment.progress.made or not name:
            return ""
        params = {"container": names.CONTAINER_NAME, "tailLines": str(LINES), "limitBytes": str(BYTES)}
        try:
            async with (
                asyncio.timeout(READ_SECONDS),
                self._cluster.log(Key(environment.key.namespace, name), params=params) as chunks,
            ):
                return b"".join([chunk async for chunk in chunks]).decode(errors="replace")
        except TimeoutError:
            raise Unreachable("the log was not read in time") from None
        except ApiError as error:
            # A container that has not started yet, or has gone, is nobody's mistake.
            if error.status in (400, 404):
                return ""
            raise
