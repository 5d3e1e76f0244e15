"""What the installation is made of and whether its parts work, as far as this server can find out by asking."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal

from devworkspace.api import names
from devworkspace.api.meta import Key, ObjectMeta, Struct
from devworkspace.core.address import AddressMode
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube.client import Client
from devworkspace.kube.errors import KubeError, NotFound, ServerError
from devworkspace.kube.resource import LEASES, POD_METRICS, STORAGE_CLASSES
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.route import Call, Route
from devworkspace.server.api.views import View
from devworkspace.server.authorizer import CONNECT, EVERYTHING, Authorizer
from devworkspace.server.config import PublicAddress

MAX_CLASSES: Final = 100
DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
# Holder and this server have clocks of their own.
SKEW: Final = timedelta(seconds=15)
# The servers' word about who worked comes every minute; the operator trusts it for this long (core/idleness.py).
ACTIVITY_AGE: Final = timedelta(seconds=150)

CheckId = Literal["operator", "activity", "metrics", "storage"]
CheckState = Literal["ok", "problem", "unknown"]


class LeaseSpec(Struct, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: str | None = None


class Lease(Struct, frozen=True):
    spec: LeaseSpec = LeaseSpec()


class StorageClass(Struct, frozen=True):
    metadata: ObjectMeta


class CheckView(View, frozen=True):
    """One part. `detail` is a name that belongs to it: the operator that works, the default storage class.

    `seen` is when it last gave a sign of life. `unknown`: it could not be asked now.
    """

    id: CheckId
    state: CheckState
    detail: str
    seen: str | None


class SystemView(View, frozen=True):
    """`secure`: people come by https. In address mode `path` only the owner gets into an environment."""

    address_mode: AddressMode
    secure: bool
    checks: tuple[CheckView, ...]


class System:
    """The address of the system's state, for those who see everybody's environments.

    `namespace` is where the Leases are, `now` the wall clock.
    """

    def __init__(
        self,
        *,
        cluster: Client,
        authorizer: Authorizer,
        public: PublicAddress,
        namespace: str,
        now: Callable[[], datetime],
    ) -> None:
        self._cluster = cluster
        self._authorizer = authorizer
        self._public = public
        self._namespace = namespace
        self._now = now

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route(
                "GET",
                "/api/v1/system",
                self.read,
                "Whether the parts of the installation work",
                SystemView,
                problems=(403,),
                right="`create workspaceinstances/connect` in the whole cluster",
            ),
        )

    async def read(self, call: Call) -> SystemView:
        if await self._authorizer.answer(call.identity, EVERYTHING, CONNECT) is not True:
            raise Problem(403, "Only those who may open everybody's environments see the state of the system.")
        checks = await asyncio.gather(self._operator(), self._activity(), self._metrics(), self._storage())
        return SystemView(address_mode=self._public.mode, secure=self._public.secure, checks=tuple(checks))

    async def _operator(self) -> CheckView:
        return await self._lease("operator", names.OPERATOR_LEASE, age=None)

    async def _activity(self) -> CheckView:
        return await self._lease("activity", names.ACTIVITY_LEASE, age=ACTIVITY_AGE)

    async def _lease(self, check: CheckId, name: str, *, age: timedelta | None) -> CheckView:
        """Works if renewed within `age`, by default the time that the Lease itself states."""
        try:
            spec = (await self._cluster.get(LEASES, Key(self._namespace, name), Lease)).spec
        except NotFound:
            return CheckView(check, "problem", "", None)
        except KubeError:
            return CheckView(check, "unknown", "", None)
        holder = (spec.holder_identity or "").partition("_")[0]
        if spec.renew_time is None:
            return CheckView(check, "problem", holder, None)
        most = age or timedelta(seconds=spec.lease_duration_seconds or 0)
        held = age is not None or holder != ""
        fresh = self._now() - parse_timestamp(spec.renew_time) <= most + SKEW
        return CheckView(check, "ok" if held and fresh else "problem", holder, spec.renew_time)

    async def _metrics(self) -> CheckView:
        """Whether somebody measures; which API groups there are is for everybody to ask."""
        path = f"/apis/{POD_METRICS.api_version}"
        try:
            await self._cluster.raw("GET", path, resource="discovery", idempotent=True)
        except (NotFound, ServerError):
            return CheckView("metrics", "problem", "", None)
        except KubeError:
            return CheckView("metrics", "unknown", "", None)
        return CheckView("metrics", "ok", "", None)

    async def _storage(self) -> CheckView:
        try:
            found = await self._cluster.list(STORAGE_CLASSES, StorageClass, at_most=MAX_CLASSES)
        except KubeError:
            return CheckView("storage", "unknown", "", None)
        default = (item.metadata.name for item in found.items if item.metadata.annotations.get(DEFAULT_CLASS) == "true")
        name = next(default, "")
        return CheckView("storage", "ok" if name else "problem", name, None)
