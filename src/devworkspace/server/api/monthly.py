"""What environments took of the cluster in a month: for each, or summed up by owner or namespace; also as CSV.

It comes from the environments themselves (`status.usage`), so that a deleted one has no part in it any more.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Meta

from devworkspace.api.instance import MonthUsage
from devworkspace.core.prices import Prices, cost_of
from devworkspace.core.usage import known_months, sum_usage, usage_in
from devworkspace.server.answers import csv_headers
from devworkspace.server.api.lookup import TO_OPEN
from devworkspace.server.api.problems import FieldError, Problem
from devworkspace.server.api.requests import Text
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import Authorizer
from devworkspace.server.environments import Environment, EnvironmentTable

Grouping = Literal["environment", "owner", "namespace"]
HEAD: Final = (
    "month",
    "namespace",
    "owner",
    "environment",
    "environments",
    "runningHours",
    "cpuHours",
    "memoryGibHours",
    "storageGibHours",
    "cost",
    "currency",
)
# Spreadsheets know by it that a file is UTF-8.
_BOM: Final = "\ufeff"
# What makes a spreadsheet take a cell for a formula, also in the wide forms of East Asian keyboards; a quote before it
# makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class UsageQuery(msgspec.Struct, frozen=True, rename="camel"):
    """`month` is `YYYY-MM` by UTC, one of the three newest; without it the present one."""

    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")] | None = None
    by: Grouping = "environment"
    namespace: Text | None = None
    owner: Text | None = None


class MonthView(View, frozen=True):
    """Hours with a pod on a node, and those times what was requested: cores, GiB of memory, GiB of the volume.

    A volume counts whether its environment runs or not. `cost` is null where the admin has set no prices.
    """

    month: str
    running_hours: float
    cpu_hours: float
    memory_gib_hours: float
    storage_gib_hours: float
    cost: float | None


class UsageRow(View, frozen=True):
    """What `environments` environments took; of `namespace`, `owner` and `environment` those are empty that differ."""

    namespace: str
    owner: str
    environment: str
    environments: int
    usage: MonthView


class UsageTable(View, frozen=True):
    """Of the environments that you may open and that exist now. `months` are those that can be asked for.

    `currency` is that of every cost, an ISO 4217 code; null where the admin has set no prices.
    """

    month: str
    months: tuple[str, ...]
    currency: str | None
    items: tuple[UsageRow, ...]
    total: MonthView


class _Name(NamedTuple):
    namespace: str
    owner: str
    environment: str


class Monthly:
    """The addresses of what all environments took."""

    def __init__(
        self,
        *,
        table: EnvironmentTable,
        authorizer: Authorizer,
        prices: Prices | None,
        now: Callable[[], datetime],
    ) -> None:
        self._prices = prices
        self._table = table
        self._authorizer = authorizer
        self._now = now

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/usage",
                self.list,
                "What environments took of the cluster in a month",
                UsageTable,
                query=UsageQuery,
                right=TO_OPEN,
            ),
            Route(
                "GET",
                "/api/v1/usage.csv",
                self.export,
                "The same for spreadsheets",
                None,
                query=UsageQuery,
                media_type="text/csv",
                right=TO_OPEN,
            ),
        )

    async def list(self, call: Call) -> UsageTable:
        now = self._now()
        month = _month(call.query, now)
        rows = await self._rows(call, month, now)
        return UsageTable(
            month=month,
            months=known_months(now),
            currency=self._prices.currency if self._prices is not None else None,
            items=tuple(UsageRow(*name, count, month_view(usage, self._prices)) for name, count, usage in rows),
            total=month_view(sum_usage(month, (usage for _, _, usage in rows)), self._prices),
        )

    async def export(self, call: Call) -> web.Response:
        now = self._now()
        month = _month(call.query, now)
        rows = await self._rows(call, month, now)
        name = f"environments-{month}-by-{call.query.by}.csv"
        return web.Response(text=_BOM + _csv(rows, self._prices), headers=csv_headers(name))

    async def _rows(self, call: Call, month: str, now: datetime) -> Sequence[tuple[_Name, int, MonthUsage]]:
        query: UsageQuery = call.query
        fitting = [environment for environment in self._table.values() if _fits(environment, query)]
        groups: dict[_Name, list[MonthUsage]] = {}
        for environment in await self._authorizer.allowed_of(call.identity, fitting):
            usage = usage_in(environment.instance.status.usage, month, now=now)
            groups.setdefault(_group(environment, query.by), []).append(usage)
        return [(name, len(usages), sum_usage(month, usages)) for name, usages in sorted(groups.items())]


def month_view(usage: MonthUsage, prices: Prices | None) -> MonthView:
    return MonthView(
        month=usage.month,
        running_hours=_hours(usage.running_seconds),
        cpu_hours=_hours(usage.cpu_millicore_seconds / 1000),
        memory_gib_hours=_hours(usage.memory_mebibyte_seconds / 1024),
        storage_gib_hours=_hours(usage.storage_mebibyte_seconds / 1024),
        cost=cost_of(usage, prices) if prices is not None else None,
    )


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 3)


def _month(query: UsageQuery, now: datetime) -> str:
    months = known_months(now)
    if query.month is None or query.month in months:
        return query.month or months[0]
    message = f"Only the newest months are kept: {', '.join(months)}."
    raise Problem(422, message, errors=(FieldError("month", message),))


def _fits(environment: Environment, query: UsageQuery) -> bool:
    wanted = ((query.namespace, environment.key.namespace), (query.owner, environment.owner))
    return all(value is None or value == has for value, has in wanted)


def _group(environment: Environment, by: Grouping) -> _Name:
    owner, namespace = environment.owner or "", environment.key.namespace
    match by:
        case "owner":
            return _Name("", owner, "")
        case "namespace":
            return _Name(namespace, "", "")
        case "environment":
            return _Name(namespace, owner, environment.key.name)


def _csv(rows: Iterable[tuple[_Name, int, MonthUsage]], prices: Prices | None) -> str:
    """RFC 4180."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for name, count, usage in rows:
        month, *hours, cost = msgspec.structs.astuple(month_view(usage, prices))
        money = (f"{cost:.4f}", prices.currency) if prices is not None else ("", "")
        names = (_text(part) for part in name)
        writer.writerow((month, *names, count, *(f"{value:.3f}" for value in hours), *money))
    return out.getvalue()


def _text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
