"""Addresses of environments: list, read, create, start, stop, restart, delete."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devworkspace.api import names
from devworkspace.api.instance import DataPolicy, WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.core.access import Identity
from devworkspace.core.actions import Action, Rights, find_obstacle
from devworkspace.core.address import address_id
from devworkspace.core.resolve import Refusal, resolve
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.problems import FieldError, Problem, absent
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import EnvironmentView, View, make_environment_view
from devworkspace.server.audit import Actor
from devworkspace.server.authorizer import CONNECT, CREATE, DELETE, MANAGE, SET_OWNER, Authorizer, Right
from devworkspace.server.config import PublicAddress
from devworkspace.server.environments import (
    Environment,
    EnvironmentTable,
    ShownPhase,
    make_environment,
    shown_phase,
)
from devworkspace.server.lifecycle import Lifecycle
from devworkspace.server.source import source_of

MAX_PAGE: Final = 500
# The operator notes a wish to delete the volume in a fraction of a second, unless it is away.
CONSENT_SECONDS: Final = 5.0
CONSENT_POLL_SECONDS: Final = 0.05

Quantity = Annotated[str, Meta(min_length=1, max_length=32)]
Text = Annotated[str, Meta(max_length=253)]


class ListQuery(msgspec.Struct, frozen=True, rename="camel"):
    """Filters are joined by "and"; `q` looks for a part of the name, the display name or the owner.

    `cursor` is the `next` of the page before.
    """

    namespace: Text | None = None
    owner: Text | None = None
    template: Text | None = None
    phase: ShownPhase | None = None
    q: Text | None = None
    sort: Literal["name", "-name", "created", "-created", "phase", "-phase"] = "name"
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE
    cursor: Text | None = None


class EnvironmentPage(View, frozen=True):
    """`total` counts what the filters let through; `next` is null on the last page."""

    items: tuple[EnvironmentView, ...]
    total: int
    next: str | None


class CreateQuery(msgspec.Struct, frozen=True, rename="camel"):
    """With `dryRun` the request is checked by the cluster and nothing is made."""

    dry_run: bool = False


class Variable(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    value: Annotated[str, Meta(max_length=4096)] = ""


class EnvironmentRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A new environment. The cluster's own rules check it; what is left out is the template's."""

    name: Annotated[str, Meta(min_length=1, max_length=63)]
    template: Annotated[str, Meta(min_length=1, max_length=63)]
    display_name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    description: Annotated[str, Meta(max_length=1024)] | None = None
    owner: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    cpu: Quantity | None = None
    memory: Quantity | None = None
    storage: Quantity | None = None
    image: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    variables: Annotated[tuple[Variable, ...], Meta(max_length=64)] = ()
    data_policy: DataPolicy = "Retain"
    adopt_volume: Text | None = None
    running: bool = True


class DeleteQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`data=Delete` deletes the volume as well; without it the environment's own policy holds."""

    data: DataPolicy | None = None


class Environments:
    """The handlers. What a person may not open does not exist for them, except that they may create beside it."""

    def __init__(
        self,
        *,
        public: PublicAddress,
        table: EnvironmentTable,
        authorizer: Authorizer,
        lifecycle: Lifecycle,
        catalogue: Catalogue,
    ) -> None:
        self._catalogue = catalogue
        self._public = public
        self._table = table
        self._authorizer = authorizer
        self._lifecycle = lifecycle

    @property
    def routes(self) -> tuple[Route, ...]:
        one = "/api/v1/namespaces/{namespace}/environments/{name}"
        acts: tuple[tuple[Action, str], ...] = (
            ("start", "Start it; one that runs is left as it is"),
            ("stop", "Stop it; its volume is kept"),
            ("restart", "Give it a new pod, which takes up changes of the template"),
        )
        return (
            Route(
                "GET", "/api/v1/environments", self.list, "Those that you may open", EnvironmentPage, query=ListQuery
            ),
            Route(
                "POST",
                "/api/v1/namespaces/{namespace}/environments",
                self.create,
                "Create one",
                EnvironmentView,
                status=201,
                query=CreateQuery,
                body=EnvironmentRequest,
                problems=(403, 404, 409),
            ),
            Route("GET", one, self.read, "Read one", EnvironmentView, problems=(404,)),
            Route(
                "DELETE", one, self.delete, "Delete it", None, status=204, query=DeleteQuery, problems=(404, 409, 412)
            ),
            *(
                Route(
                    "POST", f"{one}/{action}", self._acting(action), summary, None, status=204, problems=(404, 409, 412)
                )
                for action, summary in acts
            ),
        )

    async def list(self, call: Call) -> EnvironmentPage:
        query: ListQuery = call.query
        fitting = [environment for environment in self._table.values() if _fits(environment, query)]
        allowed = await self._authorizer.allowed_of(call.identity, fitting)
        ordered = sorted(allowed, key=_sort_key(query.sort), reverse=query.sort.startswith("-"))
        start = _position(ordered, query.cursor)
        page = ordered[start : start + query.limit]
        last = start + query.limit >= len(ordered)
        items = await asyncio.gather(*(self.view(call.identity, environment) for environment in page))
        return EnvironmentPage(items=tuple(items), total=len(ordered), next=None if last or not page else page[-1].uid)

    async def read(self, call: Call) -> EnvironmentView:
        return await self.view(call.identity, await self._find(call))

    async def create(self, call: Call) -> EnvironmentView:
        wanted: EnvironmentRequest = call.body
        namespace = call.path["namespace"]
        if await self._authorizer.answer(call.identity, Key(namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {namespace!r}; ask one of its admins.")
        owner = wanted.owner or call.identity.name
        if owner != call.identity.name:
            await self._check_other_owner(call.identity, Key(namespace, wanted.name))
        subject = call.identity.subject if owner == call.identity.name else ""
        body = _instance_body(wanted, namespace=namespace, owner=owner, subject=subject)
        self._check_template(body)
        made = await self._lifecycle.create(body, _actor(call), dry_run=call.query.dry_run)
        return await self.view(call.identity, make_environment(made, None))

    async def delete(self, call: Call) -> None:
        environment = await self._find(call)
        await self._check(call, environment, "delete", DELETE)
        if call.query.data is not None and call.query.data != environment.instance.spec.data_policy:
            environment = await self._agree_on_data(environment, call.query.data)
        await self._lifecycle.delete(environment, _actor(call))

    def _acting(self, action: Action) -> Callable[[Call], Any]:
        async def act(call: Call) -> None:
            environment = await self._find(call)
            await self._check(call, environment, action, MANAGE)
            by = _actor(call)
            if action == "start":
                await self._lifecycle.start(environment, by)
            elif action == "stop":
                await self._lifecycle.stop(environment, by)
            else:
                await self._lifecycle.restart(environment, by)

        return act

    async def _agree_on_data(self, environment: Environment, policy: DataPolicy) -> Environment:
        """Waits for the operator to note the policy: it holds only if it stood there before the deletion."""
        await self._lifecycle.set_data_policy(environment, policy)
        deadline = asyncio.get_running_loop().time() + CONSENT_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            known = self._table.find(environment.id)
            if known is None or known.uid != environment.uid:
                raise absent()
            held = names.FINALIZER_DELETE_VOLUME in known.instance.metadata.finalizers
            if known.instance.status.data_policy == policy and held is (policy == "Delete"):
                return known
            await asyncio.sleep(CONSENT_POLL_SECONDS)
        raise Problem(
            503,
            "The operator does not answer, so that what becomes of the volume cannot be agreed on. "
            "Nothing was deleted; try again in a moment.",
            retry_after=10,
        )

    async def _find(self, call: Call) -> Environment:
        key = Key(call.path["namespace"], call.path["name"])
        environment = self._table.find(address_id(key))
        if environment is None or not await self._authorizer.has(call.identity, environment, CONNECT):
            raise absent()
        return environment

    async def _check(self, call: Call, environment: Environment, action: Action, right: Right) -> None:
        """Right, phase, and the version that the person has seen."""
        allowed = await self._authorizer.has(call.identity, environment, right)
        rights = Rights(connect=True, manage=allowed, delete=allowed)
        obstacle = find_obstacle(action, phase=shown_phase(environment), rights=rights)
        if obstacle == "right":
            raise Problem(403, f"Only the owner, or an admin of the project, may {action} this environment.")
        if obstacle == "phase":
            raise Problem(409, f"An environment that is {shown_phase(environment)} cannot {action}.")
        seen = call.request.headers.get("If-Match")
        if seen is not None and seen.strip('"') != environment.instance.metadata.resource_version:
            raise Problem(412, "It was changed since you read it; read it again and decide anew.")

    def _check_template(self, body: dict[str, Any]) -> None:
        """Refuses what the operator would leave `Pending`, in its words, before anything is made."""
        instance = msgspec.convert(body, WorkspaceInstance)
        template = self._catalogue.template(instance.spec.template_ref)
        labels = self._catalogue.namespace_labels(instance.metadata.namespace) or {}
        try:
            settings = resolve(instance, template, namespace_labels=labels)
        except ValueError:
            # A quantity that is none: the API server's rule says what is wrong with it.
            return
        if isinstance(settings, Refusal):
            raise Problem(422, settings.message, reason=settings.reason)

    async def _check_other_owner(self, identity: Identity, key: Key) -> None:
        if await self._authorizer.answer(identity, key, SET_OWNER) is not True:
            message = "You may create environments for yourself only; leave the owner out."
            raise Problem(403, message, errors=(FieldError("owner", message),))

    async def view(self, identity: Identity, environment: Environment) -> EnvironmentView:
        rights = await self._authorizer.rights(identity, environment)
        return make_environment_view(environment, rights=rights, public=self._public)


def _actor(call: Call) -> Actor:
    return Actor(call.identity.name, source_of(call.request))


def _fits(environment: Environment, query: ListQuery) -> bool:
    wanted = (
        (query.namespace, environment.key.namespace),
        (query.owner, environment.owner),
        (query.template, environment.template),
        (query.phase, shown_phase(environment)),
    )
    if any(value is not None and value != has for value, has in wanted):
        return False
    texts = (environment.key.name, environment.display_name, environment.owner or "")
    return query.q is None or any(query.q.lower() in text.lower() for text in texts)


def _sort_key(sort: str) -> Callable[[Environment], tuple[str, ...]]:
    """Names break ties, so that pages do not overlap."""
    match sort.lstrip("-"):
        case "created":
            return lambda environment: (environment.instance.metadata.creation_timestamp or "", *environment.key)
        case "phase":
            return lambda environment: (shown_phase(environment), *environment.key)
        case _:
            return lambda environment: (environment.display_name.lower(), *environment.key)


def _position(ordered: Sequence[Environment], cursor: str | None) -> int:
    if cursor is None:
        return 0
    found = next((index for index, environment in enumerate(ordered) if environment.uid == cursor), None)
    if found is None:
        raise Problem(410, "The list changed and this page is gone; begin with the first page.")
    return found + 1


def _instance_body(wanted: EnvironmentRequest, *, namespace: str, owner: str, subject: str) -> dict[str, Any]:
    limits = {name: value for name, value in (("cpu", wanted.cpu), ("memory", wanted.memory)) if value is not None}
    overrides: dict[str, Any] = {
        "resources": {"limits": limits} if limits else None,
        "storage": {"size": wanted.storage} if wanted.storage is not None else None,
        "image": wanted.image,
        "env": [{"name": variable.name, "value": variable.value} for variable in wanted.variables] or None,
    }
    overrides = {name: value for name, value in overrides.items() if value is not None}
    spec: dict[str, Any] = {
        "templateRef": wanted.template,
        "owner": owner,
        "running": wanted.running,
        "dataPolicy": wanted.data_policy,
        "displayName": wanted.display_name,
        "description": wanted.description,
        "overrides": overrides or None,
    }
    annotations = {
        **({names.ANNOTATION_ADOPT_VOLUME: wanted.adopt_volume} if wanted.adopt_volume else {}),
        **({names.ANNOTATION_OWNER_SUBJECT: subject} if subject else {}),
    }
    return {
        "metadata": {"name": wanted.name, "namespace": namespace, "annotations": annotations},
        "spec": {name: value for name, value in spec.items() if value is not None},
    }
