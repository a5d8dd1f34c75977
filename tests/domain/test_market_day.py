"""Tomorrow's prices are looked for when they are due, and missed when they are late."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from holdfast.domain.market_day import market_day

BERLIN = ZoneInfo("Europe/Berlin")
TODAY_ENDS = datetime(2026, 11, 22, 23, tzinfo=UTC)
TOMORROW_ENDS = TODAY_ENDS + timedelta(days=1)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, 22, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until", "missing", "next_in_min"),
    [
        (at(9), TODAY_ENDS, None, 60),
        (at(12, 40), TODAY_ENDS, None, 20),
        (at(13), TODAY_ENDS, None, 10),
        (at(13, 10), TOMORROW_ENDS, None, 60),
        (at(17, 59), TODAY_ENDS, None, 10),
        (at(18), TODAY_ENDS, date(2026, 11, 23), 60),
        (at(18), TOMORROW_ENDS - timedelta(hours=1), date(2026, 11, 23), 60),
        (at(9), TODAY_ENDS - timedelta(hours=1), date(2026, 11, 22), 60),
        (at(20), None, date(2026, 11, 22), 60),
    ],
    ids=[
        "in the morning, hourly",
        "just before one, at one",
        "from one on, every ten minutes",
        "there: hourly again",
        "late, but not yet missed",
        "missed at six",
        "an hour short of tomorrow",
        "today ends early",
        "no price at all",
    ],
)
def test_a_day_is_looked_for_and_missed_in_the_markets_own_time(
    now: datetime, until: datetime | None, missing: date | None, next_in_min: int
) -> None:
    day = market_day(now, until, BERLIN)

    assert day.missing == missing
    assert day.read_at - now == timedelta(minutes=next_in_min)


def test_a_day_of_twenty_five_hours_needs_its_last_hour_too() -> None:
    eve = datetime(2026, 10, 24, 19, tzinfo=BERLIN).astimezone(UTC)
    all_of_it = datetime(2026, 10, 25, 23, tzinfo=UTC)

    assert market_day(eve, all_of_it, BERLIN).missing is None
    assert market_day(eve, all_of_it - timedelta(hours=1), BERLIN).missing == date(2026, 10, 25)
