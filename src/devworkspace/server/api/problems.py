"""Errors of the API (RFC 9457), and what the API server's refusals become."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from devworkspace.api import reasons
from devworkspace.core.limits import Shortage
from devworkspace.core.refusals import explain_refusal, find_quota_shortages
from devworkspace.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    InvalidName,
    KubeError,
    NotFound,
)

RETRY_SECONDS: Final = 2
_UNKNOWN_FIELD: Final = re.compile(r'unknown field "([^"]{1,256})"')
_PATTERN: Final = "in body should match"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with a field of a request; `field` is its path in the instance, as `spec.overrides.image`."""

    field: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The body of every answer above 399. `reason` is a reason of docs/CRD_SPEC.md where there is one.

    `limits` are those that do not suffice, of the owner (`OwnerLimitReached`) or the namespace (`QuotaExceeded`).
    """

    title: str
    status: int
    detail: str
    reason: str = ""
    errors: tuple[FieldError, ...] = ()
    limits: tuple[Shortage, ...] = ()


class Problem(Exception):  # noqa: N818
    """Ends the handling of a request with an answer. `retry_after` in seconds."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        reason: str = "",
        errors: tuple[FieldError, ...] = (),
        limits: tuple[Shortage, ...] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason
        self.errors = errors
        self.limits = limits
        self.retry_after = retry_after
        self.headers = headers or {}


def absent() -> Problem:
    """The answer about what does not exist, and about what this person may not know of."""
    return Problem(404, "This environment does not exist or is not shared with you.")


def from_cluster(error: KubeError, *, noun: str = "environment") -> Problem:
    """What a person is told of an error of the API server; its own words where they are about the request."""
    match error:
        case Invalid():
            errors = _field_errors(error)
            detail = "; ".join(f"{found.field}: {found.message}" for found in errors)
            return Problem(422, detail or _sentence(error.message), errors=errors)
        case ApiError(status=400):
            return Problem(422, _sentence(error.message), errors=_unknown_fields(error.message))
        case InvalidName():
            # Nothing can have such a name.
            return absent()
        case AlreadyExists():
            return Problem(409, f"This name is taken already; choose another one for the {noun}.")
        case Conflict():
            return Problem(409, "It was changed meanwhile; read it again and decide anew.")
        case NotFound():
            return absent()
        case Forbidden() if shortages := find_quota_shortages(error.message):
            refusal = explain_refusal(kind=noun, status=error.status, message=error.message)
            detail = refusal.message if refusal is not None else _sentence(error.message)
            return Problem(403, detail, reason=reasons.QUOTA_EXCEEDED, limits=shortages)
        case Forbidden():
            return Problem(403, f"The cluster refuses this: {_sentence(error.message)}")
        case _:
            return Problem(503, "The cluster does not answer; try again in a moment.", retry_after=RETRY_SECONDS)


def _field_errors(error: ApiError) -> tuple[FieldError, ...]:
    """The causes; a pattern is left out where a rule says the same in words."""
    causes = [cause for cause in error.details.get("causes") or () if isinstance(cause, dict)]
    found = [
        FieldError(field=str(cause.get("field", "")), message=_sentence(str(cause.get("message", ""))))
        for cause in causes
    ]
    in_words = {item.field for item in found if _PATTERN not in item.message}
    return tuple(item for item in found if _PATTERN not in item.message or item.field not in in_words)


def _unknown_fields(message: str) -> tuple[FieldError, ...]:
    """Of a strict request: `strict decoding error: unknown field "spec.x", unknown field "spec.y"`."""
    return tuple(FieldError(field, "This field does not exist.") for field in _UNKNOWN_FIELD.findall(message))


def _sentence(text: str) -> str:
    """The API server's words without its prefix `Invalid value: "x":`."""
    _, separator, rest = text.partition("Invalid value: ")
    if not separator:
        return text
    quoted, colon, words = rest.partition('": ')
    return words if colon and quoted.startswith('"') else rest
