"""What a namespace has left for environments: its ResourceQuotas and the bounds of its LimitRanges."""

import asyncio
from typing import Final, Literal, get_args

from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.access import is_owner
from devworkspace.core.limits import share_of
from devworkspace.core.quantity import parse_quantity
from devworkspace.kube.client import Client
from devworkspace.kube.resource import LIMIT_RANGES, RESOURCE_QUOTAS
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.shares import QuotaItem, Shares
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import CREATE, Authorizer
from devworkspace.server.environments import EnvironmentTable

MAX_OBJECTS: Final = 100
# Environments' pods have resources and no deadline, so that these quotas never count them.
_OTHER_SCOPES: Final = frozenset({"BestEffort", "Terminating"})
# What an environment takes of a namespace; extended resources and storage classes have words of their own.
_COUNTED: Final = frozenset(
    {
        "cpu",
        "memory",
        "ephemeral-storage",
        "pods",
        "persistentvolumeclaims",
        "services",
        "secrets",
        "count/pods",
        "count/persistentvolumeclaims",
        "count/services",
        "count/secrets",
        "count/workspaceinstances.devworkspace.kubesphere.io",
    }
)
_PREFIXES: Final = ("requests.", "limits.")
_CLASS: Final = ".storageclass.storage.k8s.io/"

LimitType = Literal["Container", "Pod", "PersistentVolumeClaim"]
_LIMIT_TYPES: Final[dict[str, LimitType]] = {name: name for name in get_args(LimitType)}


class QuotaSpec(Struct, frozen=True):
    scopes: tuple[str, ...] = ()


class QuotaStatus(Struct, frozen=True):
    hard: dict[str, str] = {}
    used: dict[str, str] = {}


class ResourceQuota(Struct, frozen=True):
    metadata: ObjectMeta
    spec: QuotaSpec = QuotaSpec()
    status: QuotaStatus = QuotaStatus()


class LimitRangeItem(Struct, frozen=True):
    type: str
    min: dict[str, str] = {}
    max: dict[str, str] = {}
    default: dict[str, str] = {}
    default_request: dict[str, str] = {}


class LimitRangeSpec(Struct, frozen=True):
    limits: tuple[LimitRangeItem, ...] = ()


class LimitRange(Struct, frozen=True):
    metadata: ObjectMeta
    spec: LimitRangeSpec = LimitRangeSpec()


class QuotaView(View, frozen=True):
    name: str
    scopes: tuple[str, ...]
    items: tuple[QuotaItem, ...]


class LimitView(View, frozen=True):
    """The bounds of one resource for each container, pod or volume; null where there is none."""

    name: str
    type: LimitType
    resource: str
    min: str | None
    max: str | None
    default: str | None
    default_request: str | None


class NamespaceQuota(View, frozen=True):
    """Empty lists: nothing bounds environments here but the cluster itself.

    `own` is what the caller may have in all namespaces together: `environments`, `running`, and, of running ones, `cpu`
    and `memory`; `storage` of all disks, kept ones included.
    """

    namespace: str
    quotas: tuple[QuotaView, ...]
    limits: tuple[LimitView, ...]
    own: tuple[QuotaItem, ...]


class Quota:
    """The address of a namespace's quota, for who may create there or has an environment there."""

    def __init__(self, *, cluster: Client, authorizer: Authorizer, table: EnvironmentTable, shares: Shares) -> None:
        self._shares = shares
        self._cluster = cluster
        self._authorizer = authorizer
        self._table = table

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/namespaces/{namespace}/quota",
                self.read,
                "What is left for environments in a namespace",
                NamespaceQuota,
                problems=(403,),
                right="`create workspaceinstances` in the namespace, or an environment of one's own there",
            ),
        )

    async def read(self, call: Call) -> NamespaceQuota:
        namespace = call.path["namespace"]
        await self._check(call, namespace)
        quotas, ranges = await asyncio.gather(
            self._cluster.list(RESOURCE_QUOTAS, ResourceQuota, namespace=namespace, at_most=MAX_OBJECTS),
            self._cluster.list(LIMIT_RANGES, LimitRange, namespace=namespace, at_most=MAX_OBJECTS),
        )
        return NamespaceQuota(
            namespace=namespace,
            quotas=tuple(view for quota in quotas.items if (view := _quota_view(quota)) is not None),
            limits=tuple(limit for found in ranges.items for limit in _limit_views(found)),
            own=self._shares.left(share_of(call.identity.name, namespace)),
        )

    async def _check(self, call: Call, namespace: str) -> None:
        environments = self._table.values()
        if any(item.key.namespace == namespace and is_owner(call.identity, item) for item in environments):
            return
        if await self._authorizer.answer(call.identity, Key(namespace, ""), CREATE) is not True:
            raise Problem(403, f"You may not create environments in {namespace!r}.")


def is_relevant(resource: str) -> bool:
    """Whether environments take something of it."""
    return resource in _COUNTED or resource.startswith(_PREFIXES) or _CLASS in resource


def _quota_view(quota: ResourceQuota) -> QuotaView | None:
    if _OTHER_SCOPES & set(quota.spec.scopes):
        return None
    items = tuple(
        QuotaItem(
            resource=resource,
            hard=hard,
            used=(used := quota.status.used.get(resource, "0")),
            left=max(0.0, float(parse_quantity(hard) - parse_quantity(used))),
        )
        for resource, hard in sorted(quota.status.hard.items())
        if is_relevant(resource)
    )
    return QuotaView(name=quota.metadata.name, scopes=quota.spec.scopes, items=items) if items else None


def _limit_views(found: LimitRange) -> list[LimitView]:
    views: list[LimitView] = []
    for item in found.spec.limits:
        if (type_ := _LIMIT_TYPES.get(item.type)) is None:
            continue
        resources = sorted({*item.min, *item.max, *item.default, *item.default_request})
        views += [
            LimitView(
                name=found.metadata.name,
                type=type_,
                resource=resource,
                min=item.min.get(resource),
                max=item.max.get(resource),
                default=item.default.get(resource),
                default_request=item.default_request.get(resource),
            )
            for resource in resources
        ]
    return views
