"""Addresses of the catalogue."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.resolve import is_offered
from devworkspace.core.succession import find_successor
from devworkspace.core.template_status import tally_uses, use_of
from devworkspace.server.api.catalogue import Catalogue, published
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.usual import UsualStarts
from devworkspace.server.api.views import (
    SuccessorView,
    TemplateUse,
    TemplateView,
    View,
    make_successor_view,
    make_template_view,
)
from devworkspace.server.authorizer import CREATE, EDIT_TEMPLATE, EVERYTHING, Authorizer
from devworkspace.server.environments import EnvironmentTable


class TemplateQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`usable` of the answers is about this namespace; without it, about none in particular."""

    namespace: Annotated[str, Meta(max_length=63)] | None = None


class TemplateList(View, frozen=True):
    items: tuple[TemplateView, ...]


class Templates:
    """Everybody who has signed in may read the catalogue: it holds no secrets, see `environment.env`."""

    def __init__(
        self, *, catalogue: Catalogue, authorizer: Authorizer, table: EnvironmentTable, usual: UsualStarts
    ) -> None:
        self._catalogue = catalogue
        self._authorizer = authorizer
        self._table = table
        self._usual = usual

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/templates",
                self.list,
                "The catalogue",
                TemplateList,
                query=TemplateQuery,
                problems=(403,),
                right="with `namespace` `create workspaceinstances` there",
            ),
            Route(
                "GET",
                "/api/v1/templates/{name}",
                self.read,
                "One template",
                TemplateView,
                query=TemplateQuery,
                problems=(403, 404),
                right="with `namespace` `create workspaceinstances` there",
            ),
        )

    async def list(self, call: Call) -> TemplateList:
        await self._check_namespace(call)
        ordered = sorted(
            filter(published, self._catalogue.templates()),
            key=lambda template: (template.spec.display_name, template.metadata.name),
        )
        uses = await self._uses(call)
        return TemplateList(items=tuple(self._view(call, template, uses=uses) for template in ordered))

    async def read(self, call: Call) -> TemplateView:
        await self._check_namespace(call)
        template = self._catalogue.template(call.path["name"])
        if template is None:
            raise absent_template()
        return self._view(call, template, uses=await self._uses(call))

    async def _uses(self, call: Call) -> Mapping[str, TemplateUse] | None:
        """For those who may change any template; to others it would tell about people's work."""
        if await self._authorizer.answer(call.identity, EVERYTHING, EDIT_TEMPLATE) is not True:
            return None
        return count_uses(self._table)

    async def _check_namespace(self, call: Call) -> None:
        """What may be used in a namespace is nothing for those who have no business there."""
        namespace: str | None = call.query.namespace
        if namespace and await self._authorizer.answer(call.identity, Key(namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {namespace!r}.")

    def _view(self, call: Call, template: WorkspaceTemplate, *, uses: Mapping[str, TemplateUse] | None) -> TemplateView:
        name = template.metadata.name

        def is_usable(one: WorkspaceTemplate) -> bool:
            return self._is_usable(call.query.namespace, one)

        return make_template_view(
            template,
            usable=is_usable(template),
            successor=view_successor(template, self._catalogue, is_usable=is_usable),
            use=uses.get(name, TemplateUse(0, 0, 0, 0)) if uses is not None else None,
            usual=self._usual.of(name),
            namespace=call.query.namespace,
        )

    def _is_usable(self, namespace: str | None, template: WorkspaceTemplate) -> bool:
        if namespace is None:
            return template.spec.state != "Hidden"
        labels = self._catalogue.namespace_labels(namespace)
        return labels is not None and is_offered(template, labels)


def view_successor(
    template: WorkspaceTemplate, catalogue: Catalogue, *, is_usable: Callable[[WorkspaceTemplate], bool]
) -> SuccessorView | None:
    """The template to use instead of this one, None where it names none."""

    def lookup(name: str) -> WorkspaceTemplate | None:
        return published(catalogue.template(name))

    successor = find_successor(template, lookup)
    if successor is None:
        return None
    found = lookup(successor.name)
    return make_successor_view(successor, found, usable=found is not None and is_usable(found))


def absent_template() -> Problem:
    return Problem(404, "There is no such template.")


def count_uses(table: EnvironmentTable) -> dict[str, TemplateUse]:
    """By template, as the operator counts them."""
    tallies = tally_uses((use_of(environment.instance) for environment in table.values()), {})
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for environment in table.values():
        if environment.owner is not None:
            owners[environment.instance.spec.template_ref].add(environment.owner)
    return {
        name: TemplateUse(tally.instances, len(owners[name]), tally.running, tally.outdated)
        for name, tally in tallies.items()
    }
