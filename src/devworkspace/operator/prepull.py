"""Keeps the DaemonSets that hold images on nodes as the templates want them, and knows how far they are.

They explain and prepare, and nothing depends on them: an operator that may not read or write them works on and says so
where a template asks for them.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NoReturn

from devworkspace.api import names
from devworkspace.api.children import Pod
from devworkspace.api.meta import Key
from devworkspace.api.template import PrePullStatus, WorkspaceTemplate
from devworkspace.api.workloads import DaemonSet, Deployment
from devworkspace.core.prepull import Host, PullSet, find_host, pull_progress, pull_set, pull_sets
from devworkspace.core.render.prepull import render_pull_set
from devworkspace.core.wording import clause
from devworkspace.kube.client import Client
from devworkspace.kube.errors import Conflict, KubeError, NotFound
from devworkspace.kube.informer import Informer
from devworkspace.kube.resource import DAEMON_SETS, DEPLOYMENTS, PODS

logger = logging.getLogger(__name__)

_BY_SET: Final = "set"
_OURS: Final = f"{names.LABEL_NAME}={names.APP_NAME},{names.LABEL_COMPONENT}={names.COMPONENT_PREPULL}"
# One request that hangs must not keep the others from being made.
_REQUEST_SECONDS: Final = 10.0


class PrePull:
    """`on_change` is told when the progress of a template may have changed; `namespace` is the operator's own."""

    def __init__(self, client: Client, *, namespace: str, on_change: Callable[[], None]) -> None:
        self._client = client
        self._namespace = namespace
        self._on_change = on_change
        self._host: Host | None = None
        # Why a DaemonSet is not as it should be, by its name.
        self._troubles: dict[str, str] = {}
        self._daemon_sets = Informer(
            client,
            DAEMON_SETS,
            DaemonSet,
            namespace=namespace,
            label_selector=_OURS,
            on_change=lambda _old, _new: on_change(),
        )
        self._pods = Informer(
            client,
            PODS,
            Pod,
            namespace=namespace,
            label_selector=_OURS,
            indexers={_BY_SET: _set_of},
            on_change=lambda _old, _new: on_change(),
        )

    async def follow(self) -> NoReturn:
        """Keeps the view of the cluster, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._daemon_sets.run())
            group.create_task(self._pods.run())
            await asyncio.gather(self._daemon_sets.synced.wait(), self._pods.synced.wait())
            self._on_change()
        raise AssertionError("informers run for ever")

    async def settle(self, templates: Iterable[WorkspaceTemplate]) -> bool:
        """Makes the DaemonSets what these templates ask for; False if something has to be tried again."""
        if not self._is_known():
            return True
        wanted, before = pull_sets(templates), self._troubles.copy()
        known = [found for found in self._daemon_sets.values() if found.metadata.deletion_timestamp is None]
        unwanted = [found for found in known if found.metadata.name not in wanted]
        results = [await self._remove(found) for found in unwanted]
        self._troubles = {name: trouble for name, trouble in self._troubles.items() if name in wanted}
        results += [await self._ensure(pulled) for pulled in wanted.values()]
        if self._troubles != before:
            self._on_change()
        return all(results)

    def status_of(self, template: WorkspaceTemplate) -> PrePullStatus | None:
        """What the template's status says; what it said before while nothing is known."""
        if not template.spec.pre_pull:
            return None
        if not self._is_known():
            return template.status.pre_pull
        name = pull_set(template).name
        if (trouble := self._troubles.get(name)) is not None:
            return PrePullStatus(message=trouble)
        daemon_set = self._daemon_sets.get(Key(self._namespace, name))
        return pull_progress(template, daemon_set=daemon_set, pods=self._pods.by_index(_BY_SET, name))

    def _is_known(self) -> bool:
        return self._daemon_sets.synced.is_set() and self._pods.synced.is_set()

    async def _remove(self, daemon_set: DaemonSet) -> bool:
        key, uid = daemon_set.metadata.key, daemon_set.metadata.uid
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                await self._client.delete(DAEMON_SETS, key, uid=uid)
        except (NotFound, Conflict):
            pass
        except (KubeError, TimeoutError) as error:
            logger.warning("cannot delete DaemonSet %s, will retry: %s", key, error)
            return False
        # A watch that is silent now would have it deleted in each pass.
        self._daemon_sets.forget(key, uid)
        return True

    async def _ensure(self, pulled: PullSet) -> bool:
        """Notes in `_troubles` what keeps it from being so."""
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                self._host = self._host or await self._find_host()
                await self._apply(pulled, self._host)
        except (KubeError, TimeoutError) as error:
            logger.warning("cannot write DaemonSet %s, will retry: %s", pulled.name, error)
            self._troubles[pulled.name] = (
                f"The image cannot be put on the nodes: {clause(str(error) or 'no answer in time')}. "
                "It is tried again; ask an admin to look at the operator's log."
            )
            return False
        self._troubles.pop(pulled.name, None)
        return True

    async def _find_host(self) -> Host:
        """Its image holds the program that waits; DaemonSets that it owns go with it."""
        key = Key(self._namespace, names.OPERATOR_DEPLOYMENT)
        host = find_host(await self._client.get(DEPLOYMENTS, key, Deployment))
        if host is None:
            raise KubeError(f"Deployment {key} has no container {names.OPERATOR_CONTAINER!r}")
        return host

    async def _apply(self, pulled: PullSet, host: Host) -> None:
        body = render_pull_set(pulled, host)
        known = self._daemon_sets.get(Key(self._namespace, pulled.name))
        hashed = body["metadata"]["annotations"][names.ANNOTATION_INPUTS_HASH]
        if known is not None and (
            known.metadata.deletion_timestamp is not None
            or known.metadata.annotations.get(names.ANNOTATION_INPUTS_HASH) == hashed
        ):
            return
        self._daemon_sets.remember(await self._client.apply(DAEMON_SETS, body, DaemonSet))


def _set_of(pod: Pod) -> Iterator[str]:
    yield pod.metadata.labels.get(names.LABEL_INSTANCE, "")
