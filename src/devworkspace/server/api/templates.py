"""Addresses of the catalogue."""

from typing import Annotated

import msgspec
from msgspec import Meta

from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.resolve import is_offered
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import TemplateView, View, make_template_view
from devworkspace.server.authorizer import CREATE, Authorizer


class TemplateQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`usable` of the answers is about this namespace; without it, about none in particular."""

    namespace: Annotated[str, Meta(max_length=63)] | None = None


class TemplateList(View, frozen=True):
    items: tuple[TemplateView, ...]


class Templates:
    """Everybody who has signed in may read the catalogue: it holds no secrets, see `environment.env`."""

    def __init__(self, *, catalogue: Catalogue, authorizer: Authorizer) -> None:
        self._catalogue = catalogue
        self._authorizer = authorizer

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
            ),
            Route(
                "GET",
                "/api/v1/templates/{name}",
                self.read,
                "One template",
                TemplateView,
                query=TemplateQuery,
                problems=(403, 404),
            ),
        )

    async def list(self, call: Call) -> TemplateList:
        await self._check_namespace(call)
        ordered = sorted(
            self._catalogue.templates(), key=lambda template: (template.spec.display_name, template.metadata.name)
        )
        return TemplateList(items=tuple(self._view(call, template) for template in ordered))

    async def read(self, call: Call) -> TemplateView:
        await self._check_namespace(call)
        template = self._catalogue.template(call.path["name"])
        if template is None:
            raise Problem(404, "There is no such template.")
        return self._view(call, template)

    async def _check_namespace(self, call: Call) -> None:
        """What may be used in a namespace is nothing for those who have no business there."""
        namespace: str | None = call.query.namespace
        if namespace and await self._authorizer.answer(call.identity, Key(namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {namespace!r}.")

    def _view(self, call: Call, template: WorkspaceTemplate) -> TemplateView:
        namespace: str | None = call.query.namespace
        if namespace is None:
            return make_template_view(template, usable=template.spec.state != "Hidden")
        labels = self._catalogue.namespace_labels(namespace)
        return make_template_view(template, usable=labels is not None and is_offered(template, labels))
