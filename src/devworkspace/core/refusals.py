"""Why the API server refused to make a child, in a sentence for the environment's owner."""

import re
from typing import Final

from devworkspace.api import reasons
from devworkspace.core.resolve import Refusal

_QUOTA: Final = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<requested>.+?), used: (?P<used>.+?), limited: (?P<hard>.+)"
)


def explain_refusal(*, kind: str, status: int, message: str) -> Refusal | None:
    """The refusal behind an API error, or None where the error says nothing about the request (network, overload).

    `status` is the HTTP status, `message` the server's own text.
    """
    if status not in (403, 409, 422):
        return None
    if (quota := _QUOTA.search(message)) is not None:
        return Refusal(
            reasons.QUOTA_EXCEEDED,
            f"The project's quota {quota['name']!r} is used up: this needs {quota['requested']}, used are "
            f"{quota['used']} of {quota['hard']}. Stop another environment or ask for fewer resources.",
        )
    if status == 409:
        return None
    return Refusal(
        reasons.ADMISSION_REFUSED,
        f"The cluster refuses the {kind} of this environment: {message.rstrip('.')}. "
        "Correct the template or ask an admin.",
    )


def name_conflict(*, kind: str, name: str) -> Refusal:
    """An object under our child's name that is not ours; it is never adopted and never touched."""
    return Refusal(
        reasons.NAME_CONFLICT,
        f"{kind} {name!r} exists and belongs to somebody else; it was not touched. "
        "Rename or remove it, or create the environment under another name.",
    )
