"""Whether operator and server run, in one version, and one of the operators works."""

from datetime import timedelta
from typing import Final

from devworkspace import __version__
from devworkspace.api import names
from devworkspace.api.meta import Key
from devworkspace.cli.doctor.findings import Finding, Report
from devworkspace.cli.doctor.objects import Lease, Part
from devworkspace.cli.doctor.scene import Scene
from devworkspace.core.conditions import find_condition
from devworkspace.core.duration import format_duration
from devworkspace.core.timestamps import parse_timestamp
from devworkspace.kube.errors import NotFound
from devworkspace.kube.resource import LEASES

# The holder and the API server have clocks of their own.
_SKEW: Final = timedelta(seconds=15)
parts = Report("parts")
leader = Report("leader")
versions = Report("versions")


async def check_parts(scene: Scene) -> list[Finding]:
    if scene.denied:
        return [parts.unknown("forbidden", message=scene.denied)]
    return [_check_part(name, part, scene.system) for name, part in scene.parts.items()]


def _check_part(name: str, part: Part | None, namespace: str) -> Finding:
    if part is None:
        return parts.problem("parts.absent", name=name, namespace=namespace)
    values = {"name": name, "namespace": namespace, "component": name.removeprefix("devworkspace-")}
    wanted, status = part.spec.replicas, part.status
    if wanted == 0:
        return parts.problem("parts.off", **values)
    seen = status.observed_generation >= part.metadata.generation
    ready = min(status.ready_replicas, status.updated_replicas) if seen else 0
    if ready < wanted:
        available = find_condition(status.conditions, "Available")
        message = available.message if available is not None and available.status != "True" else ""
        return parts.problem("parts.not-ready", **values, ready=ready, wanted=wanted, message=message)
    return parts.ok("parts.ok", **values, ready=ready, image=part.image)


async def check_leader(scene: Scene) -> list[Finding]:
    """The Lease's times are the holder's; the API server's clock is the one to compare with."""
    try:
        lease = await scene.client.get(LEASES, Key(scene.system, names.OPERATOR_LEASE), Lease)
    except NotFound:
        return [leader.problem("leader.none", namespace=scene.system)]
    spec, now = lease.spec, scene.client.server_time()
    holder = (spec.holder_identity or "").partition("_")[0]
    if not holder or spec.renew_time is None or now is None:
        return [leader.problem("leader.none", namespace=scene.system)]
    since = now - parse_timestamp(spec.renew_time)
    if since > timedelta(seconds=spec.lease_duration_seconds or 0) + _SKEW:
        return [leader.problem("leader.gone", namespace=scene.system, holder=holder, since=format_duration(since))]
    return [leader.ok("leader.ok", holder=holder)]


async def check_versions(scene: Scene) -> list[Finding]:
    images = {name: part.image for name, part in scene.parts.items() if part is not None}
    if len(images) < len(scene.parts):
        return [versions.unknown("versions.parts-missing")]
    found = {name: version_of(image) for name, image in images.items()}
    operator, server = found.values()
    if len(set(images.values())) > 1 and (operator != server or operator is None):
        shown = ", ".join(f"{name}: {image}" for name, image in images.items())
        return [versions.problem("versions.differ", images=shown)]
    if operator is None:
        return [versions.ok("versions.same", image=next(iter(images.values())))]
    if operator != __version__:
        return [versions.advice("versions.program", program=__version__, installed=operator)]
    return [versions.ok("versions.ok", version=operator)]


def version_of(image: str) -> str | None:
    """The tag; None where an image is named by its digest alone."""
    name, _, _ = image.partition("@")
    _, colon, tag = name.rpartition(":")
    return tag if colon and "/" not in tag else None
