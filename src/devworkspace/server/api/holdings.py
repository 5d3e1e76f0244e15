"""What people and namespaces hold at this moment beside the installation's limits, for those who see all of it."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from devworkspace.api import names
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.core.limits import (
    MEASURES,
    Amounts,
    Limits,
    Measure,
    Member,
    add_up,
    format_amount,
    is_held_by_limit,
    is_queued,
    volume_size,
)
from devworkspace.core.quantity import parse_quantity
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.shares import Shares
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import CONNECT, EVERYTHING, Authorizer

Grouping = Literal["owner", "namespace"]
MAX_ROWS: Final = 500
# Editors' bytes wait no longer than for so many to be added up.
_AT_ONCE: Final = 200


class HoldingsQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`q` looks for a part of an owner's or a namespace's name; of those found, the `limit` that hold most come."""

    by: Grouping = "owner"
    q: Annotated[str, Meta(max_length=128)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_ROWS)] = MAX_ROWS


class OwnerBounds(View, frozen=True):
    """What one person may have, as the admin wrote it; null: as much as there is."""

    environments: str | None
    running: str | None
    cpu: str | None
    memory: str | None
    storage: str | None


class Holding(View, frozen=True):
    """CPU and memory are those of running environments, storage that of all disks, kept ones included.

    By owner, `namespace` is empty but for what belongs to nobody, whose bounds count for each namespace. `starting` are
    under way, `waiting` held back by a limit or in the queue. `full`: no more of something that is bounded.
    """

    owner: str
    namespace: str
    environments: str
    running: str
    cpu: str
    memory: str
    storage: str
    starting: int
    waiting: int
    full: tuple[Measure, ...]


class HoldingsView(View, frozen=True):
    """`problem` is what cannot be read in ConfigMap `source`, and then nothing new starts. `total` counts what fits."""

    source: str
    problem: str
    owner: OwnerBounds
    starts: int
    starts_in_namespace: int | None
    items: tuple[Holding, ...]
    total: int


class _Name(NamedTuple):
    owner: str
    namespace: str


class _Group:
    """What is added up for one row."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.kept = Decimal(0)
        self.starting = 0
        self.waiting = 0


class Holdings:
    """`namespace` is the installation's own, where the ConfigMap is."""

    def __init__(self, *, shares: Shares, authorizer: Authorizer, namespace: str) -> None:
        self._shares = shares
        self._authorizer = authorizer
        self._namespace = namespace

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/limits",
                self.list,
                "The installation's limits, and what everybody has of them now",
                HoldingsView,
                query=HoldingsQuery,
                problems=(403,),
                right="`create workspaceinstances/connect` in the whole cluster",
            ),
        )

    async def list(self, call: Call) -> HoldingsView:
        if await self._authorizer.answer(call.identity, EVERYTHING, CONNECT) is not True:
            raise Problem(403, "Only those who may open everybody's environments see what everybody has.")
        query: HoldingsQuery = call.query
        limits = self._shares.limits
        bounds = _bounds(limits) if query.by == "owner" else {}
        groups = await self._groups(query)
        rows = sorted(
            ((name, group, add_up(group.members, kept=group.kept)) for name, group in groups.items()),
            key=lambda row: (-_fullness(row[2], bounds), -row[2]["running"], -row[2]["environments"], row[0]),
        )
        return HoldingsView(
            source=f"{self._namespace}/{names.LIMITS_CONFIG_MAP}",
            problem=limits.problem,
            owner=OwnerBounds(**{measure: limits.owner.get(measure) for measure in MEASURES}),
            starts=limits.starts,
            starts_in_namespace=limits.starts_in_namespace,
            items=tuple(_holding(name, group, used, bounds) for name, group, used in rows[: query.limit]),
            total=len(rows),
        )

    async def _groups(self, query: HoldingsQuery) -> Mapping[_Name, _Group]:
        groups: dict[_Name, _Group] = {}
        for count, (instance, member) in enumerate(self._shares.members(), start=1):
            if count % _AT_ONCE == 0:
                await asyncio.sleep(0)
            name = _name(instance.spec.owner, instance.metadata.namespace, query.by)
            if _fits(name, query.q):
                _add(groups.setdefault(name, _Group()), instance, member)
        for volume in self._shares.kept():
            owner = volume.metadata.annotations.get(names.ANNOTATION_OWNER)
            name = _name(owner, volume.metadata.namespace, query.by)
            if _fits(name, query.q):
                groups.setdefault(name, _Group()).kept += volume_size(volume)
        return groups


def _name(owner: str | None, namespace: str, by: Grouping) -> _Name:
    return _Name(owner, "") if by == "owner" and owner else _Name("", namespace)


def _fits(name: _Name, wanted: str | None) -> bool:
    return wanted is None or wanted.lower() in (name.owner or name.namespace).lower()


def _add(group: _Group, instance: WorkspaceInstance, member: Member) -> None:
    group.members.append(member)
    group.starting += member.wants_to_run and instance.status.phase == "Provisioning"
    group.waiting += member.wants_to_run and (is_held_by_limit(instance) or is_queued(instance.status))


def _bounds(limits: Limits) -> Amounts:
    return {measure: parse_quantity(text) for measure, text in limits.owner.items()}


def _fullness(used: Amounts, bounds: Amounts) -> Decimal:
    """The largest part of a bound that is taken."""
    parts = (used[measure] / bound if bound else Decimal(1) for measure, bound in bounds.items())
    return max(parts, default=Decimal(0))


def _holding(name: _Name, group: _Group, used: Amounts, bounds: Amounts) -> Holding:
    return Holding(
        owner=name.owner,
        namespace=name.namespace,
        **{measure: format_amount(measure, amount) for measure, amount in used.items()},
        starting=group.starting,
        waiting=group.waiting,
        full=tuple(measure for measure, bound in bounds.items() if used[measure] >= bound),
    )
