"""When a market's prices for tomorrow are due, in the market's own time. Pure.

Day-ahead auctions publish a little before 13:00; who publishes late has mostly done so by 18:00.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EXPECTED_AT = time(13)
MISSED_AT = time(18)
READ_EVERY = timedelta(hours=1)
LOOK_EVERY = timedelta(minutes=10)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDay:
    """`missing`: the local day whose prices should be there and are not; `read_at`: when to look
    next."""

    missing: date | None
    read_at: datetime


def market_day(now: datetime, until: datetime | None, zone: ZoneInfo) -> MarketDay:
    """With prices known up to `until` (None: there are none).

    Between 13:00 and 18:00 tomorrow's are looked for every ten minutes, else every hour. A day is
    there when its last minute has a price. By 18:00 tomorrow is missing; before that, today may be.
    """
    local = now.astimezone(zone)
    clock = local.time()
    known_to = until or datetime.min.replace(tzinfo=UTC)
    tomorrow = local.date() + _DAY
    has_tomorrow = known_to >= _end_of(tomorrow, zone)
    expected = EXPECTED_AT <= clock < MISSED_AT and not has_tomorrow
    read_at = now + (LOOK_EVERY if expected else READ_EVERY)
    if not has_tomorrow and clock < EXPECTED_AT:
        # Not up to an hour late where an hourly look falls just before it.
        opens = datetime.combine(local.date(), EXPECTED_AT, tzinfo=zone).astimezone(UTC)
        read_at = min(read_at, max(opens, now + timedelta(minutes=1)))
    missing = None
    if clock >= MISSED_AT and not has_tomorrow:
        missing = tomorrow
    if known_to < _end_of(local.date(), zone):
        missing = local.date()
    return MarketDay(missing=missing, read_at=read_at)


def _end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + _DAY, time(), tzinfo=zone).astimezone(UTC)
