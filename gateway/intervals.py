"""What stations are told of time: the clock, and how long to wait."""

from datetime import UTC, datetime

HEARTBEAT_INTERVAL_S = 300
UNACCEPTED_INTERVAL_S = 60


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: the form that every station reads."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def wait_s(registration: str) -> int:
    """Seconds to the next heartbeat, or to the next boot notification where not yet accepted."""
    return HEARTBEAT_INTERVAL_S if registration == "accepted" else UNACCEPTED_INTERVAL_S
