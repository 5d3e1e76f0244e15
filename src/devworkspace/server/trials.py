"""Trying a template before it is published: a template and an environment that go again by themselves.

Both carry a label and the same name. The template can be used in one namespace only and is not in the catalogue; the
environment's disk goes with it. The person who tries deletes the environment like any other; whatever is left after
an hour, and every template without its environment, is deleted here, whichever replica comes first.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.trial import LIFETIME, ORPHAN_AGE, is_over, is_trial, trial_spec
from devworkspace.kinds import INSTANCES, TEMPLATES
from devworkspace.kube.client import Client
from devworkspace.kube.errors import KubeError, NotFound
from devworkspace.server.audit import Actor
from devworkspace.server.changes import Changes
from devworkspace.server.environments import EnvironmentTable
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.publishing import Publishing

log = structlog.get_logger("devworkspace.server")

SWEEP_SECONDS: Final = 30.0


class Catalogue(Protocol):
    """The part of the catalogue that is used here."""

    def templates(self) -> Iterable[WorkspaceTemplate]: ...
    def template(self, name: str) -> WorkspaceTemplate | None: ...


class Trials:
    """`is_current` tells whether the table and the catalogue are what the cluster has."""

    def __init__(
        self,
        client: Client,
        *,
        changes: Changes,
        lifecycle: Lifecycle,
        table: EnvironmentTable,
        catalogue: Catalogue,
        is_current: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._publishing = Publishing(client, changes=changes)
        self._lifecycle = lifecycle
        self._table = table
        self._catalogue = catalogue
        self._is_current = is_current
        self._now = now

    async def publish(self, spec: Mapping[str, Any], by: Actor, *, namespace: str) -> WorkspaceTemplate:
        """The draft as a template that only a trial in this namespace can use. Raises `KubeError`."""
        name = f"trial-{secrets.token_hex(4)}"
        labels = {names.LABEL_TRIAL: "true"}
        return await self._publishing.create(name, trial_spec(spec, namespace), by, dry_run=False, labels=labels)

    async def start(self, template: WorkspaceTemplate, body: Mapping[str, Any], by: Actor) -> WorkspaceInstance:
        """Its environment; without one the template goes at once. Raises `KubeError`."""
        labels = {names.LABEL_TRIAL: "true"}
        marked = {**body, "metadata": {**body["metadata"], "labels": labels}}
        try:
            return await self._lifecycle.create(marked, by, dry_run=False)
        except BaseException:
            await asyncio.shield(self._delete_template(template))
            raise

    async def run_forever(self, *, seconds: float = SWEEP_SECONDS) -> None:
        """Sweeps for as long as the process lives; what fails is tried again the next time."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.sweep()
            except KubeError as error:
                log.warning("trials not cleaned up", error=str(error))

    async def sweep(self) -> None:
        """Ends the trials that are over. On a stale view an environment may be missing, so nothing is done then."""
        if not self._is_current():
            return
        now = self._now()
        used: set[str] = set()
        for environment in tuple(self._table.values()):
            metadata = environment.instance.metadata
            used.add(environment.template)
            template = self._catalogue.template(environment.template)
            # Both must be marked: a label that people set on an environment of theirs must not cost them their disk.
            marked = is_trial(metadata) and template is not None and is_trial(template.metadata)
            if marked and is_over(metadata, LIFETIME, now=now):
                await self._end(environment.instance)
        for template in tuple(self._catalogue.templates()):
            metadata = template.metadata
            if is_trial(metadata) and metadata.name not in used and is_over(metadata, ORPHAN_AGE, now=now):
                await self._delete_template(template)

    async def _end(self, instance: WorkspaceInstance) -> None:
        metadata = instance.metadata
        log.info("trial ended", environment=str(metadata.key), because="its time is over")
        try:
            await self._client.delete(INSTANCES, metadata.key, uid=metadata.uid)
        except NotFound:
            return

    async def _delete_template(self, template: WorkspaceTemplate) -> None:
        """The cluster refuses it while it counts an environment; the next sweep comes."""
        metadata = template.metadata
        try:
            await self._client.delete(TEMPLATES, Key("", metadata.name), uid=metadata.uid)
        except NotFound:
            return
        except KubeError as error:
            log.info("template of a trial not deleted yet", template=metadata.name, error=str(error))
