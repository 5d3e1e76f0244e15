"""What a person has of the installation's limits, and whether one more environment fits.

The operator holds back what does not fit, however it was made. Here it is refused before it is made, with the numbers.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from msgspec.structs import replace

from devworkspace.api.children import PersistentVolumeClaim
from devworkspace.api.instance import WorkspaceInstance
from devworkspace.api.template import WorkspaceTemplate
from devworkspace.core.adoption import wanted_volume
from devworkspace.core.limits import (
    MEASURES,
    Amounts,
    Limits,
    Member,
    add_up,
    find_shortages,
    format_amount,
    instance_share,
    make_member,
    needs_of,
    refuse,
    volume_share,
    volume_size,
)
from devworkspace.core.quantity import parse_quantity
from devworkspace.core.resolve import Refusal
from devworkspace.server.api.catalogue import Catalogue
from devworkspace.server.api.problems import Problem
from devworkspace.server.api.views import View
from devworkspace.server.api.volumes import Volumes
from devworkspace.server.environments import EnvironmentTable
from devworkspace.server.ownerlimits import OwnerLimits


class QuotaItem(View, frozen=True):
    """One resource that is bounded. `left` is in cores, bytes or pieces, and not below zero."""

    resource: str
    hard: str
    used: str
    left: float


class Shares:
    """Everything that is there counts, also what waits: who asks here has not been promised anything yet."""

    def __init__(self, *, table: EnvironmentTable, catalogue: Catalogue, volumes: Volumes, limits: OwnerLimits) -> None:
        self._table = table
        self._catalogue = catalogue
        self._volumes = volumes
        self._limits = limits

    @property
    def limits(self) -> Limits:
        return self._limits.now

    def members(self) -> Iterator[tuple[WorkspaceInstance, Member]]:
        """Every environment of this moment with what it takes, however long the caller takes to go through them."""
        for environment in tuple(self._table.values()):
            yield environment.instance, self._member(environment.instance)

    def kept(self) -> Iterable[PersistentVolumeClaim]:
        """The disks that environments have left behind."""
        return self._volumes.kept()

    def check_new(self, instance: WorkspaceInstance, draft: WorkspaceTemplate | None = None) -> None:
        """Raises Problem if its owner may not have it; `draft` is its template where the catalogue has none."""
        try:
            needs = needs_of(self._member(instance, draft), adopts=wanted_volume(instance) is not None)
        except ValueError:
            # A quantity that is none: the API server's rule says what is wrong with it.
            return
        self._check(instance, needs)

    def check_start(self, instance: WorkspaceInstance) -> None:
        """Raises Problem if its owner may not have it running; one that is to run already has its share."""
        if not instance.spec.running:
            started = replace(instance, spec=replace(instance.spec, running=True))
            self._check(started, needs_of(self._member(started)))

    def refuse_start(self, instance: WorkspaceInstance) -> Refusal | None:
        """The same for who opens it: what the page says instead."""
        try:
            self.check_start(instance)
        except Problem as problem:
            return Refusal(problem.reason, problem.detail)
        return None

    def check_growth(self, instance: WorkspaceInstance, size: str) -> None:
        """Raises Problem if its disk may not become so large."""
        try:
            grown = max(Decimal(0), parse_quantity(size) - self._member(instance).storage)
        except ValueError:
            return
        self._check(instance, {**dict.fromkeys(MEASURES, Decimal(0)), "storage": grown}, whole=True)

    def left(self, share: str) -> tuple[QuotaItem, ...]:
        """What is left of each limit."""
        owner, used = self._limits.now.owner, self._used(share)
        return tuple(
            QuotaItem(
                resource=measure,
                hard=owner[measure],
                used=format_amount(measure, used[measure]),
                left=max(0.0, float(parse_quantity(owner[measure]) - used[measure])),
            )
            for measure in MEASURES
            if measure in owner
        )

    def _check(self, instance: WorkspaceInstance, needs: Amounts, *, whole: bool = False) -> None:
        """`whole`: what it has itself counts as used."""
        limits = self._limits.now
        if not limits.owner and not limits.problem:
            return
        used = self._used(instance_share(instance), without="" if whole else instance.metadata.uid)
        shortages = find_shortages(limits, used=used, needs=needs)
        refusal = refuse(limits, shortages)
        if refusal is not None:
            raise Problem(403, refusal.message, reason=refusal.reason, limits=shortages)

    def _used(self, share: str, *, without: str = "") -> Amounts:
        kept = (volume_size(volume) for volume in self._volumes.kept() if volume_share(volume) == share)
        return add_up(self._members(share, without=without), kept=sum(kept, Decimal(0)))

    def _members(self, share: str, *, without: str) -> Iterator[Member]:
        for environment in self._table.values():
            if instance_share(environment.instance) == share and environment.uid != without:
                yield self._member(environment.instance)

    def _member(self, instance: WorkspaceInstance, draft: WorkspaceTemplate | None = None) -> Member:
        template = draft or self._catalogue.template(instance.spec.template_ref)
        return make_member(instance, template, volume=self._volumes.of(instance.metadata.uid))
