"""When something happened: the station's stamp if it can be true, else the time of receipt.

Station clocks are wrong in every way (1970 before the clock is set, year 0001, no zone, "+02",
local time labelled Z). A wrong clock must not freeze a session or reorder one, so a stamp is
used only if it is after 2015 began and at most 60 s ahead of receipt (DESIGN 2, step 2).
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import NamedTuple

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
AHEAD_MAX = timedelta(seconds=60)
STAMP_LENGTH_MAX = 64

_STAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,12}))?"
    r"\s?(?:([Zz])|([+-])(\d{2}):?(\d{2})?)?",
    re.ASCII,
)


class TimeFlag(StrEnum):
    """Why an event time is not simply what the station said."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    TOO_OLD = "too_old"
    AHEAD = "ahead"
    ZONE_MISSING = "zone_missing"
    """The stamp is used, read as UTC."""

    @property
    def replaced(self) -> bool:
        """Whether the time of receipt stands in for the stamp."""
        return self is not TimeFlag.ZONE_MISSING


class EventTime(NamedTuple):
    """`at` is aware and in UTC; `flag` says what was wrong with the stamp, if anything."""

    at: datetime
    flag: TimeFlag | None


def event_time(stamp: object, received_at: datetime) -> EventTime:
    """The time to judge an event at. `received_at` must be aware; never raises for a stamp."""
    if received_at.tzinfo is None:
        raise ValueError(f"the time of receipt needs a zone: {received_at!r}")
    received_at = received_at.astimezone(UTC)
    if stamp is None or stamp == "":
        return EventTime(received_at, TimeFlag.MISSING)
    parsed = parse_stamp(stamp) if isinstance(stamp, str) else None
    if parsed is None:
        return EventTime(received_at, TimeFlag.UNREADABLE)
    if parsed.at < EARLIEST:
        return EventTime(received_at, TimeFlag.TOO_OLD)
    if parsed.at > received_at + AHEAD_MAX:
        return EventTime(received_at, TimeFlag.AHEAD)
    return parsed


def parse_stamp(text: str) -> EventTime | None:
    """An RFC 3339 time and its relatives that chargers send; None where it is no time at all.

    Beyond RFC 3339 it takes "+02" and "+0200", no zone (read as UTC and flagged), a blank
    instead of T or before the zone, a decimal comma, any number of decimals (cut to
    microseconds), and second 60 (the second before it).
    """
    if len(text) > STAMP_LENGTH_MAX:
        return None
    match = _STAMP.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    microsecond = int((match[7] or "")[:6].ljust(6, "0"))
    try:
        zone = _zone(match)
        local = datetime(
            year, month, day, hour, minute, min(second, 59), microsecond, tzinfo=zone or UTC
        )
        at = local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if second > 60:
        return None
    return EventTime(at, TimeFlag.ZONE_MISSING if zone is None else None)


def _zone(match: re.Match[str]) -> timezone | None:
    if match[8]:
        return UTC
    if not match[9]:
        return None
    minutes = int(match[11] or 0)
    if minutes > 59:
        raise ValueError(f"no offset has {minutes} minutes")
    offset = timedelta(hours=int(match[10]), minutes=minutes)
    return timezone(-offset if match[9] == "-" else offset)
