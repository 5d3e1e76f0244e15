"""Addresses for those who publish templates: create, edit, delete, and the object as it is."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from devworkspace.api.meta import Key
from devworkspace.api.template import TemplateSpec, WorkspaceTemplate
from devworkspace.kube.errors import AlreadyExists, Conflict, Forbidden, KubeError, NotFound
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.environments import DryRunQuery
from devworkspace.server.api.lookup import actor_of, changed, seen_version
from devworkspace.server.api.manifests import manifest
from devworkspace.server.api.problems import Problem, from_cluster
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.templates import absent_template, count_uses, view_successor
from devworkspace.server.api.views import TemplateUse, TemplateView, make_template_view
from devworkspace.server.authorizer import (
    CREATE_TEMPLATE,
    DELETE_TEMPLATE,
    EDIT_TEMPLATE,
    READ_TEMPLATE,
    Authorizer,
    Right,
)
from devworkspace.server.environments import EnvironmentTable
from devworkspace.server.publishing import Publishing

_ONE = "/api/v1/templates/{name}"


class TemplateRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A new template; `spec` as in docs/CRD_SPEC.md, fields that this document does not know included."""

    name: Annotated[str, Meta(min_length=1, max_length=63)]
    spec: TemplateSpec


class TemplateChange(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The whole new spec: what is left out goes back to its default."""

    spec: TemplateSpec


class Publisher:
    """Who may do what is decided by RBAC on `ideworkspacetemplates`, of which there is no owner."""

    def __init__(
        self, *, publishing: Publishing, authorizer: Authorizer, catalogue: Catalogue, table: EnvironmentTable
    ) -> None:
        self._publishing = publishing
        self._authorizer = authorizer
        self._catalogue = catalogue
        self._table = table

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/api/v1/templates",
                self.create,
                "Publish a template",
                TemplateView,
                status=201,
                query=DryRunQuery,
                body=TemplateRequest,
                problems=(409,),
                right="`create ideworkspacetemplates`",
            ),
            Route(
                "PUT",
                _ONE,
                self.replace,
                "Change a template; environments that run are left alone",
                TemplateView,
                query=DryRunQuery,
                body=TemplateChange,
                problems=(404, 409, 412),
                right="`update ideworkspacetemplates`",
            ),
            Route(
                "DELETE",
                _ONE,
                self.delete,
                "Delete a template that no environment uses",
                None,
                status=204,
                problems=(404, 409, 412),
                right="`delete ideworkspacetemplates`",
            ),
            Route(
                "GET",
                f"{_ONE}/yaml",
                self.yaml,
                "The template as the cluster has it",
                None,
                problems=(403, 404),
                media_type="application/yaml",
                right="`get ideworkspacetemplates`",
            ),
        )

    async def create(self, call: Call) -> TemplateView:
        wanted: TemplateRequest = call.body
        await self._check(call, wanted.name, CREATE_TEMPLATE)
        try:
            made = await self._publishing.create(wanted.name, _spec(call), actor_of(call), dry_run=call.query.dry_run)
        except AlreadyExists:
            raise Problem(409, f"There is a template {wanted.name!r} already; choose another name.") from None
        except KubeError as error:
            raise from_cluster(error, noun="template") from error
        return self._view(made)

    async def replace(self, call: Call) -> TemplateView:
        name = call.path["name"]
        await self._check(call, name, EDIT_TEMPLATE)
        seen = seen_version(call)
        # No object is in such a version; to the API server none, and 0, mean whatever there is.
        if seen is not None and not seen.strip("0").isdecimal():
            raise changed()
        try:
            written = await self._publishing.replace(
                name, _spec(call), actor_of(call), version=seen, dry_run=call.query.dry_run
            )
        except NotFound:
            raise absent_template() from None
        except Conflict:
            raise changed() from None
        except KubeError as error:
            raise from_cluster(error, noun="template") from error
        return self._view(written)

    async def delete(self, call: Call) -> None:
        name = call.path["name"]
        await self._check(call, name, DELETE_TEMPLATE)
        template = self._catalogue.template(name)
        if template is None:
            raise absent_template()
        seen = seen_version(call)
        if seen is not None and seen != template.metadata.resource_version:
            raise changed()
        if uses := self._uses(name).instances:
            raise Problem(409, _in_use(name, uses))
        try:
            await self._publishing.delete(template, actor_of(call))
        except NotFound:
            return
        except Conflict:
            raise changed() from None
        except Forbidden as error:
            # The cluster's own policy, whose count may be ahead of this server's.
            raise Problem(409, f"The cluster refuses this: {error.message}") from None

    async def yaml(self, call: Call) -> web.Response:
        name = call.path["name"]
        await self._check(call, name, READ_TEMPLATE)
        try:
            return manifest(await self._publishing.read(name))
        except NotFound:
            raise absent_template() from None

    async def _check(self, call: Call, name: str, right: Right) -> None:
        if await self._authorizer.answer(call.identity, Key("", name), right) is not True:
            raise Problem(403, f"You may not {right.verb} templates; ask an administrator.")

    def _view(self, template: WorkspaceTemplate) -> TemplateView:
        return make_template_view(
            template,
            usable=_is_usable(template),
            successor=view_successor(template, self._catalogue, is_usable=_is_usable),
            use=self._uses(template.metadata.name),
        )

    def _uses(self, name: str) -> TemplateUse:
        return count_uses(self._table).get(name, TemplateUse(0, 0, 0, 0))


def _is_usable(template: WorkspaceTemplate) -> bool:
    return template.spec.state != "Hidden"


def _spec(call: Call) -> Mapping[str, Any]:
    """As it was sent: the types have checked what they know, and the rest is the cluster's to judge."""
    spec: Mapping[str, Any] = msgspec.json.decode(call.data)["spec"]
    return spec


def _in_use(name: str, count: int) -> str:
    environments = "environment uses" if count == 1 else "environments use"
    return (
        f"{count} {environments} template {name!r} and could not be started again without it. "
        "Hide it from new ones with the state Hidden, or delete them first."
    )
