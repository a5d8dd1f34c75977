"""Instants as stations are told them: RFC 3339 in UTC, whole seconds, with a Z."""

from datetime import UTC, datetime


def stamp(at: datetime | str | None) -> str | None:
    """2026-03-01T12:00:00Z. A text is taken as it is if it is an instant; raises ValueError."""
    if at is None:
        return None
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
