"""One small family for everything that can go wrong between us and an API server.

`ApiError` means that the server answered and refused; its subclasses name the refusals that callers decide on.
`Unreachable` means that no answer came, so a write may or may not have happened. `DecodeError` means that an answer
came which we cannot read. The texts are the server's own, cut short, with anything that looks like a token removed.
"""

# ruff: noqa: N818  (the names are the reasons that the API server itself uses)

import re
from http import HTTPStatus
from typing import Any, Final

import msgspec

MESSAGE_LIMIT: Final = 1000
_SECRET: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")


def clean(text: str) -> str:
    """Return `text` on one line, cut to `MESSAGE_LIMIT` characters and without anything that looks like a token."""
    text = _SECRET.sub("[redacted]", " ".join(text.split()))
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


class KubeError(Exception):
    """Base of all errors of this package."""


class ConfigError(KubeError):
    """The way to the API server, or the credentials for it, cannot be determined."""


class InvalidName(KubeError, ValueError):
    """A namespace, name or subresource that must not become part of a URL."""


class Unreachable(KubeError):
    """No (complete) answer came: network failure, TLS failure or timeout. A write may have happened."""


class DecodeError(KubeError):
    """The server answered with something that does not fit the expected type."""


class NotLeading(KubeError):
    """This process does not hold the Lease, or cannot prove it in time; nothing was sent."""


class ApiError(KubeError):
    """The API server refused. `reason` is its CamelCase word, `details` the Status's details, as sent."""

    def __init__(
        self,
        *,
        status: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        self.details: dict[str, Any] = details or {}
        self.retry_after = retry_after
        super().__init__(f"{status} {reason}: {message}")


class Unauthorized(ApiError):
    """401: the credentials are not accepted."""


class Forbidden(ApiError):
    """403: not allowed, which includes exceeded quota and admission policies."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: somebody else changed the object, or a UID precondition failed."""


class AlreadyExists(ApiError):
    """409 on create."""


class Gone(ApiError):
    """410: the resource version or the continue token is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks the schema or a validation rule."""


class TooManyRequests(ApiError):
    """429: the server sheds load; `retry_after` says when to come back."""


class ServerError(ApiError):
    """5xx."""


_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


class _Status(msgspec.Struct):
    """`metav1.Status`."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: dict[str, Any] | None = None


def _class_for(status: int, reason: str) -> type[ApiError]:
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, ApiError)


def _seconds(value: object) -> float | None:
    """Read the seconds form of Retry-After; the date form is not used by API servers."""
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def api_error(*, status: int, body: bytes, retry_after: str | None = None) -> ApiError:
    """Translate a refusal into the fitting exception.

    `status` is the HTTP status, or 0 to take the `code` of the Status in `body` (error events of a watch).
    `retry_after` is the header as received. A body that is no Status (a proxy's page) becomes the message.
    """
    try:
        parsed = msgspec.json.decode(body, type=_Status)
    except msgspec.MsgspecError:
        parsed = _Status(message=body[: 4 * MESSAGE_LIMIT].decode(errors="replace"))
    status = status or parsed.code or 500
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown status"
    reason = parsed.reason or phrase.replace(" ", "")
    wait = _seconds(retry_after) if retry_after else _seconds((parsed.details or {}).get("retryAfterSeconds"))
    return _class_for(status, reason)(
        status=status,
        reason=reason,
        message=clean(parsed.message) or phrase,
        details=parsed.details,
        retry_after=wait,
    )
