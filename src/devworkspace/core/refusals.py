"""Why the API server refused to make a child, in a sentence for the environment's owner."""

import re
from typing import Final

from devworkspace.api import reasons
from devworkspace.core.limits import Shortage, read_refusal
from devworkspace.core.resolve import Refusal

_QUOTA: Final = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>.+?), used: (?P<used>.+?), limited: (?P<hard>.+)"
)
_TOLD: Final = re.compile(
    r"this needs (?P<requested>.+?), used are (?P<used>.+?) of (?P<hard>.+?)\. Stop another environment"
)

_TERMINATING: Final = (
    "Project {name!r} is being deleted, so nothing new can be made in it. Create the environment in another project."
)
_WEBHOOK_DOWN: Final = re.compile(r'failed calling webhook "(?P<name>[^"]+)"')
# The API server's message, the reason and the sentence; the first that is found counts.
_REFUSALS: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (
        re.compile(r"namespace (?P<name>\S+) because it is being terminated"),
        reasons.NAMESPACE_TERMINATING,
        _TERMINATING,
    ),
    (
        re.compile(
            r"is forbidden: \[?(?P<words>(?:(?:maximum|minimum) \S+ usage per|\S+ max limit to request ratio per).+?)"
            r"\]?\.?$",
            re.DOTALL,
        ),
        reasons.LIMIT_RANGE_EXCEEDED,
        "The {kind} of this environment is outside of the project's limits (LimitRange): {words}. "
        "Ask for an amount within them, or ask an admin to change the LimitRange.",
    ),
    (
        re.compile(r'violates PodSecurity "(?P<level>[^"]+)": (?P<words>.+?)\.?$', re.DOTALL),
        reasons.POD_SECURITY_REFUSED,
        "The project's Pod Security level {level!r} refuses this environment: {words}. "
        "Ask an admin to change the template or the project's level.",
    ),
    (
        re.compile(r"[pP]olicy '(?P<policy>[^']+)' with binding .*?denied request: (?P<words>.+?)\.?$", re.DOTALL),
        reasons.ADMISSION_REFUSED,
        "Policy {policy!r} of the cluster refuses the {kind} of this environment: {words}. "
        "Correct the template or ask an admin.",
    ),
    (
        re.compile(r'admission webhook "(?P<policy>[^"]+)" denied the request: (?P<words>.+?)\.?$', re.DOTALL),
        reasons.ADMISSION_REFUSED,
        "Policy webhook {policy!r} of the cluster refuses the {kind} of this environment: {words}. "
        "Correct the template or ask an admin.",
    ),
)


def find_quota_shortages(message: str) -> tuple[Shortage, ...]:
    """The numbers in the API server's words about a ResourceQuota; none where it says something else."""
    return _numbers(_QUOTA.search(message))


def told_shortages(reason: str, message: str) -> tuple[Shortage, ...]:
    """The numbers that a status tells of; none where it is held back by something else than a limit or a quota."""
    if reason == reasons.OWNER_LIMIT_REACHED:
        return read_refusal(message)
    return _numbers(_TOLD.search(message)) if reason == reasons.QUOTA_EXCEEDED else ()


def _numbers(quota: re.Match[str] | None) -> tuple[Shortage, ...]:
    if quota is None:
        return ()
    requested, used, hard = (_read_amounts(quota[part]) for part in ("requested", "used", "hard"))
    return tuple(
        Shortage(resource=resource, used=used.get(resource, ""), needs=needs, limit=hard.get(resource, ""))
        for resource, needs in requested.items()
    )


def _read_amounts(text: str) -> dict[str, str]:
    """`limits.cpu=2,pods=1`."""
    pairs = (part.strip().rpartition("=") for part in text.split(","))
    return {resource: amount for resource, _, amount in pairs if resource}


def explain_refusal(*, kind: str, status: int, message: str) -> Refusal | None:
    """The refusal behind an API error, or None where the error says nothing about the request (network, overload).

    `status` is the HTTP status, `message` the server's own text.
    """
    if (webhook := _WEBHOOK_DOWN.search(message)) is not None:
        return Refusal(
            reasons.ADMISSION_REFUSED,
            f"The cluster asks webhook {webhook['name']!r} about the {kind} of this environment and gets no answer. "
            "It is tried again; if this stays, ask an admin to look at that webhook.",
        )
    # A new quota that nobody has counted for yet: a matter of moments.
    if "status unknown for quota" in message:
        return None
    if status not in (403, 409, 422) and "denied the request" not in message:
        return None
    if (quota := _QUOTA.search(message)) is not None:
        return Refusal(
            reasons.QUOTA_EXCEEDED,
            f"The project's quota {quota['name']!r} is used up: this needs {quota['requested']}, used are "
            f"{quota['used']} of {quota['hard']}. Stop another environment or ask for fewer resources.",
        )
    if status == 409:
        return None
    for pattern, reason, sentence in _REFUSALS:
        if (found := pattern.search(message)) is not None:
            return Refusal(reason, sentence.format(kind=kind, **found.groupdict()))
    return Refusal(
        reasons.ADMISSION_REFUSED,
        f"The cluster refuses the {kind} of this environment: {message.rstrip('.')}. "
        "Correct the template or ask an admin.",
    )


def namespace_terminating(name: str) -> Refusal:
    """What every write of a child would be answered with, so that none is tried."""
    return Refusal(reasons.NAMESPACE_TERMINATING, _TERMINATING.format(name=name))


def name_conflict(*, kind: str, name: str) -> Refusal:
    """An object under our child's name that is not ours; it is never adopted and never touched."""
    return Refusal(
        reasons.NAME_CONFLICT,
        f"{kind} {name!r} exists and belongs to somebody else; it was not touched. "
        "Rename or remove it, or create the environment under another name.",
    )
