"""Publishing templates: the server's writes to the catalogue.

The caller has decided that the person may. The API server checks each template as a whole, unknown fields included.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.kinds import TEMPLATES
from devworkspace.kube.client import Client
from devworkspace.server.audit import Actor
from devworkspace.server.changes import Changes


class Publishing:
    """Methods raise `KubeError`."""

    def __init__(self, client: Client, *, changes: Changes) -> None:
        self._client = client
        self._changes = changes

    async def read(self, name: str) -> dict[str, Any]:
        """The template as the API server has it, with fields that this version does not know."""
        return await self._client.get(TEMPLATES, Key("", name), dict[str, Any])

    async def create(
        self,
        name: str,
        spec: Mapping[str, Any],
        by: Actor,
        *,
        dry_run: bool,
        labels: Mapping[str, str] = MappingProxyType({}),
    ) -> WorkspaceTemplate:
        metadata = {"name": name, "labels": labels, "annotations": _changed_by(by)}
        body = {"metadata": {part: value for part, value in metadata.items() if value}, "spec": spec}
        if dry_run:
            return await self._client.create(TEMPLATES, body, WorkspaceTemplate, dry_run=True, strict=True)
        async with self._changes.recorded("create-template", by, template=name):
            return await self._client.create(TEMPLATES, body, WorkspaceTemplate, strict=True)

    async def replace(
        self, name: str, spec: Mapping[str, Any], by: Actor, *, version: str | None, dry_run: bool
    ) -> WorkspaceTemplate:
        """The template with another spec; `Conflict` if it is not in `version` (None: as it is now) any more."""
        known = await self.read(name)
        metadata = {key: value for key, value in known["metadata"].items() if key != "managedFields"}
        metadata["annotations"] = {**metadata.get("annotations", {}), **_changed_by(by)}
        if version is not None:
            metadata["resourceVersion"] = version
        body = {**known, "metadata": metadata, "spec": spec}
        if dry_run:
            return await self._client.replace(TEMPLATES, body, WorkspaceTemplate, dry_run=True, strict=True)
        async with self._changes.recorded("edit-template", by, template=name):
            return await self._client.replace(TEMPLATES, body, WorkspaceTemplate, strict=True)

    async def delete(self, template: WorkspaceTemplate, by: Actor) -> None:
        """Deletes it in the version that is known: an edit made meanwhile is not lost."""
        metadata = template.metadata
        async with self._changes.recorded("delete-template", by, template=metadata.name):
            await self._client.delete(
                TEMPLATES, metadata.key, uid=metadata.uid, resource_version=metadata.resource_version
            )


def _changed_by(by: Actor) -> dict[str, str]:
    return {names.ANNOTATION_CHANGED_BY: by.user or ""}
