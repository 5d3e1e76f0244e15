"""RFC 3339 times as Kubernetes writes them: UTC, whole seconds, `Z`."""

from datetime import UTC, datetime


def parse_timestamp(text: str) -> datetime:
    """An aware time in UTC; raises ValueError for anything that is not RFC 3339."""
    return datetime.fromisoformat(text).astimezone(UTC)


def format_timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
