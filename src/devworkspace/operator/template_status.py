"""Keeps the status of templates true: who lists the catalogue sees what is used, and a policy protects that.

Level-triggered like everything else: whatever changed, one pass over the stores counts all templates anew, and what
differs from the stored status is written. A burst of changes ends in one write for each template.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from devworkspace.api.meta import Key, ObjectMeta
from devworkspace.api.template import TemplateStatus, WorkspaceTemplate
from devworkspace.core.prepull import pull_transition
from devworkspace.core.succession import find_successor
from devworkspace.core.template_status import Tally, tally_uses, template_status, use_of
from devworkspace.core.trial import is_trial
from devworkspace.kinds import TEMPLATES
from devworkspace.kube.client import Client, OnlyMetadata
from devworkspace.kube.errors import Conflict, KubeError, NotFound
from devworkspace.operator.cluster import Cluster
from devworkspace.operator.events import EventRecorder
from devworkspace.operator.prepull import PrePull
from devworkspace.operator.store import Unreadable

logger = logging.getLogger(__name__)

# Long enough for one write in a burst, short enough that a template is protected soon after its first environment.
DELAY_SECONDS: Final = 1.0
_LONGEST_RETRY_SECONDS: Final = 60.0
# One template whose write hangs must not keep the others' counts from being written.
_WRITE_SECONDS: Final = 10.0


class TemplateStatusWriter:
    """`run` writes the status of every template whose counts have changed, and has images put on nodes."""

    def __init__(
        self,
        client: Client,
        cluster: Cluster,
        *,
        pre_pull: PrePull,
        events: EventRecorder,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._pre_pull = pre_pull
        self._events = events
        self._now = now
        # Of templates that cannot be read the store does not know the status.
        self._told: dict[str, TemplateStatus] = {}
        self._retry: asyncio.TimerHandle | None = None
        self._retry_seconds = DELAY_SECONDS

    async def run(self) -> None:
        """Waits for changes and writes, for ever; failed writes are tried again after a growing pause."""
        while True:
            await self._cluster.uses_changed.wait()
            await asyncio.sleep(DELAY_SECONDS)
            self._cluster.uses_changed.clear()
            if await self._write_changed():
                self._retry_seconds = DELAY_SECONDS
            else:
                self._look_again()

    def _look_again(self) -> None:
        """Asks for another pass later; the changes of other templates do not wait for it."""
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(self._retry_seconds, self._cluster.uses_changed.set)
        self._retry_seconds = min(2 * self._retry_seconds, _LONGEST_RETRY_SECONDS)

    def _tally(self) -> dict[str, Tally]:
        instances = self._cluster.instances
        unread = {key: self._template_of(key, found) for key, found in instances.unreadable.items()}
        uses = (use_of(known) for known in instances.values() if known.metadata.key not in unread)
        return tally_uses(uses, {key: template for key, template in unread.items() if template is not None})

    def _template_of(self, key: Key, unread: Unreadable) -> str | None:
        """The template that an unreadable instance names now, or named when it could be read."""
        known = self._cluster.instances.get(key)
        return known.spec.template_ref if unread.template is None and known is not None else unread.template

    def _template(self, name: str) -> WorkspaceTemplate | None:
        """The published template of that name; as it was known last where it cannot be read any more."""
        found = self._cluster.templates.get(Key("", name))
        return None if found is None or is_trial(found.metadata) else found

    async def _write_changed(self) -> bool:
        """Whether every status is now what it should be."""
        templates, tallies = self._cluster.templates, self._tally()
        readable = [known for known in templates.values() if known.metadata.key not in templates.unreadable]
        results = [await self._update(known.metadata, known, tallies) for known in readable]
        results += [await self._update(found.metadata, None, tallies) for found in tuple(templates.unreadable.values())]
        results.append(await self._pre_pull.settle(templates.values()))
        return all(results)

    async def _update(
        self, metadata: ObjectMeta, template: WorkspaceTemplate | None, tallies: Mapping[str, Tally]
    ) -> bool:
        """Writes one status if it differs; `template` is None where it cannot be read."""
        old = template.status if template is not None else self._told.get(metadata.uid, TemplateStatus())
        tally = tallies.get(metadata.name, Tally())
        new = template_status(
            metadata,
            old,
            tally=tally,
            readable=template is not None,
            now=self._now(),
            successor=find_successor(template, self._template) if template is not None else None,
            pre_pull=self._pre_pull.status_of(template) if template is not None else None,
            pools=self._cluster.pools.statuses(metadata.uid, template),
        )
        if new == old:
            return True
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._write(metadata, new, readable=template is not None)
        except (NotFound, Conflict):
            # Gone, or replaced by another one of its name: the watch will tell.
            return True
        except (KubeError, TimeoutError) as error:
            logger.warning("cannot write the status of template %s, will retry: %s", metadata.name, error)
            return False
        if (told := pull_transition(old.pre_pull, new.pre_pull)) is not None:
            self._events.record(metadata, told)
        return True

    async def _write(self, metadata: ObjectMeta, status: TemplateStatus, *, readable: bool) -> None:
        fields: dict[str, Any] = msgspec.to_builtins(status)
        if status.pre_pull is None:
            # What is not applied any more goes away; the definition knows no null.
            del fields["prePull"]
        body = {"metadata": {"name": metadata.name, "uid": metadata.uid}, "status": fields}
        if readable:
            self._cluster.templates.put(await self._client.apply_status(TEMPLATES, body, WorkspaceTemplate))
        else:
            await self._client.apply_status(TEMPLATES, body, OnlyMetadata)
            self._told[metadata.uid] = status
