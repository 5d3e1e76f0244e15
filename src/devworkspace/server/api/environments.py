"""Addresses of environments: list, read, create, change, start, stop, restart, delete."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devworkspace.api import names, reasons
from devworkspace.api.instance import DataPolicy, Overrides, WorkspaceInstance
from devworkspace.api.meta import Key
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.access import Identity
from devworkspace.core.actions import Action
from devworkspace.core.resolve import (
    OverrideProblem,
    Refusal,
    find_override_problems,
    find_repository_problems,
    resolve,
)
from devworkspace.kube.errors import Conflict
from devworkspace.server.api.catalogue import Catalogue, published
from devworkspace.server.api.lookup import ENVIRONMENT, TO_OPEN, Lookup, actor_of, changed, seen_version
from devworkspace.server.api.problems import FieldError, Problem, absent
from devworkspace.server.api.requests import (
    EnvironmentPatch,
    EnvironmentRequest,
    Text,
    instance_body,
    instance_patch,
    merged,
    touched,
)
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.shares import Shares
from devworkspace.server.api.viewing import Viewer
from devworkspace.server.api.views import EnvironmentView, View
from devworkspace.server.audit import Actor
from devworkspace.server.authorizer import CREATE, DELETE, MANAGE, SET_OWNER, Authorizer
from devworkspace.server.environments import (
    Environment,
    EnvironmentTable,
    ShownPhase,
    make_environment,
    shown_phase,
    with_instance,
)
from devworkspace.server.lifecycle import Lifecycle

MAX_PAGE: Final = 500
# The operator notes a wish to delete the volume in a fraction of a second, unless it is away.
CONSENT_SECONDS: Final = 5.0
CONSENT_POLL_SECONDS: Final = 0.05


class ListQuery(msgspec.Struct, frozen=True, rename="camel"):
    """Filters are joined by "and"; `q` looks for a part of the name, the display name or the owner.

    `cursor` is the `next` of the page before. All of it fits into a request line, whatever the letters.
    """

    namespace: Annotated[str, Meta(max_length=63)] | None = None
    owner: Text | None = None
    template: Annotated[str, Meta(max_length=63)] | None = None
    phase: ShownPhase | None = None
    q: Annotated[str, Meta(max_length=128)] | None = None
    sort: Literal["name", "-name", "created", "-created", "phase", "-phase"] = "name"
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE
    cursor: Annotated[str, Meta(max_length=64)] | None = None


class EnvironmentPage(View, frozen=True):
    """`total` counts what the filters let through; `next` is null on the last page."""

    items: tuple[EnvironmentView, ...]
    total: int
    next: str | None


class DryRunQuery(msgspec.Struct, frozen=True, rename="camel"):
    """With `dryRun` the request is checked by the cluster and nothing is made or changed."""

    dry_run: bool = False


class StartQuery(msgspec.Struct, frozen=True, rename="camel"):
    """With `safe` it gets a new pod in safe mode, also one that runs or has failed."""

    safe: bool = False


class StopQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`reason` is shown to whoever sees it stopped, with the name of who stopped it."""

    reason: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


class DeleteQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`data=Delete` deletes the volume as well; without it the environment's own policy holds."""

    data: DataPolicy | None = None


class Environments:
    """The handlers. What a person may not open does not exist for them, except that they may create beside it."""

    def __init__(
        self,
        *,
        lookup: Lookup,
        table: EnvironmentTable,
        authorizer: Authorizer,
        lifecycle: Lifecycle,
        catalogue: Catalogue,
        viewer: Viewer,
        shares: Shares,
    ) -> None:
        self._lookup = lookup
        self._table = table
        self._authorizer = authorizer
        self._lifecycle = lifecycle
        self._catalogue = catalogue
        self._viewer = viewer
        self._shares = shares

    @property
    def routes(self) -> tuple[Route, ...]:
        acts: tuple[tuple[Action, str, type[msgspec.Struct] | None], ...] = (
            ("start", "Start it; one that runs is left as it is, unless it is to be in safe mode", StartQuery),
            ("stop", "Stop it; its volume is kept", StopQuery),
            ("restart", "Give it a new pod, which takes up changes of the template", None),
        )
        return (
            Route(
                "GET",
                "/api/v1/environments",
                self.list,
                "Those that you may open",
                EnvironmentPage,
                query=ListQuery,
                problems=(410,),
                right=TO_OPEN,
            ),
            Route(
                "POST",
                "/api/v1/namespaces/{namespace}/environments",
                self.create,
                "Create one",
                EnvironmentView,
                status=201,
                query=DryRunQuery,
                body=EnvironmentRequest,
                problems=(403, 404, 409),
                right="`create workspaceinstances`; for another owner `create workspaceinstances/owner`",
            ),
            Route(
                "GET",
                ENVIRONMENT,
                self.read,
                "Read one",
                EnvironmentView,
                problems=(404,),
                right=TO_OPEN,
            ),
            Route(
                "PATCH",
                ENVIRONMENT,
                self.edit,
                "Change its settings; a pod that runs is left alone",
                EnvironmentView,
                query=DryRunQuery,
                body=EnvironmentPatch,
                problems=(404, 409, 412),
                right="owner, or `update workspaceinstances`",
            ),
            Route(
                "DELETE",
                ENVIRONMENT,
                self.delete,
                "Delete it",
                None,
                status=204,
                query=DeleteQuery,
                problems=(404, 409, 412),
                right="owner, or `delete workspaceinstances`",
            ),
            *(
                Route(
                    "POST",
                    f"{ENVIRONMENT}/{action}",
                    self._acting(action),
                    summary,
                    None,
                    status=204,
                    query=query,
                    problems=(404, 409, 412) if action == "stop" else (403, 404, 409, 412),
                    right="owner, or `update workspaceinstances`",
                )
                for action, summary, query in acts
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
        items = await self._viewer.views(call.identity, page)
        return EnvironmentPage(items=items, total=len(ordered), next=None if last or not page else page[-1].uid)

    async def read(self, call: Call) -> EnvironmentView:
        return await self._viewer.view(call.identity, await self._lookup.find(call))

    async def create(self, call: Call) -> EnvironmentView:
        wanted: EnvironmentRequest = call.body
        namespace = call.path["namespace"]
        if await self._authorizer.answer(call.identity, Key(namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {namespace!r}; ask one of its admins.")
        owner = wanted.owner or call.identity.name
        if owner != call.identity.name:
            await self._check_other_owner(call.identity, Key(namespace, wanted.name))
        subject = call.identity.subject if owner == call.identity.name else ""
        body = instance_body(wanted, namespace=namespace, owner=owner, subject=subject)
        self._check_template(body)
        self._shares.check_new(msgspec.convert(body, WorkspaceInstance))
        made = make_environment(await self._lifecycle.create(body, actor_of(call), dry_run=call.query.dry_run), None)
        if not call.query.dry_run:
            await self._lookup.wait_known(made)
        return await self._viewer.view(call.identity, made)

    async def edit(self, call: Call) -> EnvironmentView:
        environment = await self._lookup.find(call)
        await self._lookup.check(call, environment, action="edit", right=MANAGE)
        patch = instance_patch(call.body)
        if not patch:
            return await self._viewer.view(call.identity, environment)
        self._check_overrides(environment.instance, patch)
        size = patch.get("spec", {}).get("overrides", {}).get("storage", {}).get("size")
        if size is not None:
            self._shares.check_growth(environment.instance, size)
        version = seen_version(call)
        try:
            edited = await self._lifecycle.edit(
                environment, patch, actor_of(call), version=version, dry_run=call.query.dry_run
            )
        except Conflict:
            raise changed() from None
        return await self._viewer.view(call.identity, with_instance(environment, edited))

    async def delete(self, call: Call) -> None:
        environment = await self._lookup.find(call)
        await self._lookup.check(call, environment, action="delete", right=DELETE)
        if call.query.data is not None and call.query.data != environment.instance.spec.data_policy:
            environment = await self._agree_on_data(environment, call.query.data)
        await self._lifecycle.delete(environment, actor_of(call))

    def _acting(self, action: Action) -> Callable[[Call], Any]:
        async def act(call: Call) -> None:
            environment = await self._lookup.find(call)
            safe = action == "start" and call.query.safe
            await self._lookup.check(call, environment, action="safe-start" if safe else action, right=MANAGE)
            by = actor_of(call)
            if action != "stop":
                self._shares.check_start(environment.instance)
            if safe:
                await self._start_safely(environment, by)
            elif action == "start":
                await self._lifecycle.start(environment, by)
            elif action == "stop":
                await self._lifecycle.stop(environment, by, reason=call.query.reason)
            else:
                await self._lifecycle.restart(environment, by)

        return act

    async def _start_safely(self, environment: Environment, by: Actor) -> None:
        if not self._viewer.offers_safe_start:
            raise Problem(409, "This installation offers no safe start; ask an administrator, or restart it as usual.")
        await self._lifecycle.start_safely(environment, by)

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

    def _check_template(self, body: dict[str, Any]) -> None:
        """Refuses what the operator would leave `Pending`, in its words, before anything is made."""
        instance = msgspec.convert(body, WorkspaceInstance)
        template = published(self._catalogue.template(instance.spec.template_ref))
        labels = self._catalogue.namespace_labels(instance.metadata.namespace) or {}
        try:
            settings = resolve(instance, template, namespace_labels=labels)
            found = _find_problems(instance, template) if template is not None else ()
        except ValueError:
            # A quantity that is none: the API server's rule says what is wrong with it.
            return
        if isinstance(settings, Refusal):
            errors = _field_errors(found) if settings.reason == reasons.OVERRIDE_NOT_ALLOWED else ()
            raise Problem(422, settings.message, reason=settings.reason, errors=errors)

    def _check_overrides(self, instance: WorkspaceInstance, patch: dict[str, Any]) -> None:
        """Refuses overrides beyond the template's bounds, but none that the patch leaves as they are."""
        template = self._catalogue.template(instance.spec.template_ref)
        overrides = patch.get("spec", {}).get("overrides")
        if template is None or overrides is None:
            return
        wanted = merged(msgspec.to_builtins(instance.spec.overrides), overrides)
        try:
            found = find_override_problems(msgspec.convert(wanted, Overrides), template)
        except ValueError:
            return
        fields = touched({"spec": patch["spec"]})
        errors = _field_errors(problem for problem in found if problem.field in fields)
        if errors:
            raise Problem(422, errors[0].message, reason=reasons.OVERRIDE_NOT_ALLOWED, errors=errors)

    async def _check_other_owner(self, identity: Identity, key: Key) -> None:
        if await self._authorizer.answer(identity, key, SET_OWNER) is not True:
            message = "You may create environments for yourself only; leave the owner out."
            raise Problem(403, message, errors=(FieldError("owner", message),))


def _find_problems(instance: WorkspaceInstance, template: WorkspaceTemplate) -> tuple[OverrideProblem, ...]:
    return find_override_problems(instance.spec.overrides, template) + find_repository_problems(instance, template)


def _field_errors(problems: Iterable[OverrideProblem]) -> tuple[FieldError, ...]:
    return tuple(FieldError(problem.field, problem.message) for problem in problems)


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
