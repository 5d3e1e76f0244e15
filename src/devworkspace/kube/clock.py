"""The wall clock and the one form in which times are written to the API server."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251  (this is the module that the ban points to)


def timestamp(moment: datetime) -> str:
    """Return an aware `moment` as RFC 3339 in UTC with whole seconds, as Kubernetes writes `metav1.Time`.

    Raises ValueError for a naive `moment`: guessing its zone would move deadlines by hours.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written as a timestamp")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """Return the aware UTC time of an RFC 3339 text (`Time` or `MicroTime`); ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} is a time without a zone")
    return moment.astimezone(UTC)
