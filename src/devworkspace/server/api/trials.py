"""The address at which a template is tried before it is published."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import TemplateMeta, TemplateSpec, WorkspaceTemplate
from devworkspace.kube.errors import KubeError
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.lookup import Lookup, actor_of
from devworkspace.server.api.problems import FieldError, Problem, from_cluster
from devworkspace.server.api.requests import EnvironmentRequest, instance_body
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.shares import Shares
from devworkspace.server.api.viewing import Viewer
from devworkspace.server.api.views import EnvironmentView
from devworkspace.server.authorizer import CREATE, CREATE_TEMPLATE, EVERYTHING, Authorizer
from devworkspace.server.environments import make_environment
from devworkspace.server.trials import Trials


class TrialRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A draft, and the namespace to try it in; `spec` as for a template."""

    namespace: Annotated[str, Meta(min_length=1, max_length=63)]
    spec: TemplateSpec


class Trying:
    """Takes the rights to publish and to create: a trial is both."""

    def __init__(
        self,
        *,
        trials: Trials,
        authorizer: Authorizer,
        catalogue: Catalogue,
        lookup: Lookup,
        viewer: Viewer,
        shares: Shares,
    ) -> None:
        self._catalogue = catalogue
        self._trials = trials
        self._authorizer = authorizer
        self._lookup = lookup
        self._viewer = viewer
        self._shares = shares

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "POST",
                "/api/v1/trials",
                self.start,
                "Try a template before it is published: an environment that is deleted with its disk after an hour",
                EnvironmentView,
                status=201,
                body=TrialRequest,
                problems=(403, 404, 409),
                right="`create ideworkspacetemplates`, and `create workspaceinstances` in the namespace",
            ),
        )

    async def start(self, call: Call) -> EnvironmentView:
        wanted: TrialRequest = call.body
        if await self._authorizer.answer(call.identity, EVERYTHING, CREATE_TEMPLATE) is not True:
            raise Problem(403, "You may not create templates; ask an administrator.")
        if await self._authorizer.answer(call.identity, Key(wanted.namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {wanted.namespace!r}; ask one of its admins.")
        if self._catalogue.namespace_labels(wanted.namespace) is None:
            message = f"There is no namespace {wanted.namespace!r}; choose another one."
            raise Problem(422, message, errors=(FieldError("namespace", message),))
        by = actor_of(call)
        draft = WorkspaceTemplate(metadata=TemplateMeta(name="trial"), spec=wanted.spec)
        self._shares.check_new(msgspec.convert(self._body(call, template="trial"), WorkspaceInstance), draft)
        spec: dict[str, Any] = msgspec.json.decode(call.data)["spec"]
        try:
            template = await self._trials.publish(spec, by, namespace=wanted.namespace)
        except KubeError as error:
            raise from_cluster(error, noun="template") from error
        instance = await self._trials.start(template, self._body(call, template=template.metadata.name), by)
        made = make_environment(instance, None)
        await self._lookup.wait_known(made)
        return await self._viewer.view(call.identity, made)

    def _body(self, call: Call, *, template: str) -> dict[str, Any]:
        wanted: TrialRequest = call.body
        request = EnvironmentRequest(
            name=template, template=template, display_name=wanted.spec.display_name, data_policy="Delete"
        )
        identity = call.identity
        return instance_body(request, namespace=wanted.namespace, owner=identity.name, subject=identity.subject)
