"""Templates and namespaces, as the watches tell them."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from devworkspace.api.children import Namespace
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.trial import is_trial
from devworkspace.kube.informer import Informer


class Catalogue(Protocol):
    """What new environments can be made from, and where."""

    def templates(self) -> Iterable[WorkspaceTemplate]: ...
    def template(self, name: str) -> WorkspaceTemplate | None: ...
    def namespaces(self) -> Iterable[str]: ...
    def namespace_labels(self, name: str) -> Mapping[str, str] | None: ...


def published(template: WorkspaceTemplate | None) -> WorkspaceTemplate | None:
    """None for one that is only tried: it is nobody's to choose."""
    return None if template is None or is_trial(template.metadata) else template


class InformedCatalogue:
    """The catalogue behind two informers."""

    def __init__(self, templates: Informer[WorkspaceTemplate], namespaces: Informer[Namespace]) -> None:
        self._templates = templates
        self._namespaces = namespaces

    def templates(self) -> Iterable[WorkspaceTemplate]:
        return self._templates.values()

    def template(self, name: str) -> WorkspaceTemplate | None:
        return self._templates.get(Key("", name))

    def namespaces(self) -> Iterable[str]:
        return [item.metadata.name for item in self._namespaces.values() if item.metadata.deletion_timestamp is None]

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        found = self._namespaces.get(Key("", name))
        return found.metadata.labels if found is not None else None
