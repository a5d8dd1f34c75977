from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.event_time import EventTime, TimeFlag, event_time, parse_stamp

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-01T09:00:00Z",
        "2026-03-01t09:00:00z",
        "2026-03-01 09:00:00Z",
        "2026-03-01T11:00:00+02",
        "2026-03-01T11:00:00+02:00",
        "2026-03-01T11:00:00+0200",
        "2026-03-01T09:00:00.000000000Z",
        "2026-03-01T05:30:00,0-03:30",
    ],
)
def test_the_ways_in_which_chargers_write_nine_o_clock(stamp: str) -> None:
    assert event_time(stamp, RECEIVED) == EventTime(NINE, None)


def test_microseconds_are_kept_and_finer_is_cut() -> None:
    at, _ = event_time("2026-03-01T09:00:00.123456789Z", RECEIVED)

    assert at == NINE.replace(microsecond=123_456)


def test_a_stamp_without_a_zone_is_read_as_utc_and_flagged() -> None:
    assert event_time("2026-03-01T09:00:00", RECEIVED) == EventTime(NINE, TimeFlag.ZONE_MISSING)


@pytest.mark.parametrize(
    ("stamp", "flag"),
    [
        ("1970-01-01T00:00:05Z", TimeFlag.TOO_OLD),
        ("0001-01-01T00:00:00Z", TimeFlag.TOO_OLD),
        ("2014-12-31T23:59:59Z", TimeFlag.TOO_OLD),
        ("2099-01-01T00:00:00Z", TimeFlag.AHEAD),
        ("2026-03-01T12:01:01Z", TimeFlag.AHEAD),
        (None, TimeFlag.MISSING),
        ("", TimeFlag.MISSING),
        ("yesterday", TimeFlag.UNREADABLE),
        ("2026-02-30T00:00:00Z", TimeFlag.UNREADABLE),
        ("0001-01-01T00:00:00+14:00", TimeFlag.UNREADABLE),
        ("2026-03-01T09:00:61Z", TimeFlag.UNREADABLE),
        ("2026-03-01T09:00:00+25:00", TimeFlag.UNREADABLE),
        ("2026-03-01T09:00:00Z" + " " * 100, TimeFlag.UNREADABLE),
        (1_772_355_600, TimeFlag.UNREADABLE),
        ({"at": "2026"}, TimeFlag.UNREADABLE),
    ],
)
def test_a_stamp_that_cannot_be_true_gives_way_to_the_receipt(
    stamp: object, flag: TimeFlag
) -> None:
    assert event_time(stamp, RECEIVED) == EventTime(RECEIVED, flag)
    assert flag.replaced


def test_a_minute_ahead_is_still_believed() -> None:
    at, flag = event_time("2026-03-01T12:01:00Z", RECEIVED)

    assert at == RECEIVED + timedelta(minutes=1)
    assert flag is None


def test_a_time_of_receipt_without_a_zone_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        event_time(None, datetime(2026, 3, 1))  # noqa: DTZ001 - the mistake itself


@given(
    st.datetimes(datetime(2015, 1, 2), datetime(2026, 2, 27)),  # noqa: DTZ001 - hypothesis adds it
    st.integers(-14 * 60, 14 * 60),
)
def test_every_rfc_3339_time_is_read_as_the_library_reads_it(
    naive: datetime, offset_minutes: int
) -> None:
    stamp = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes))).isoformat()

    assert event_time(stamp, RECEIVED) == EventTime(datetime.fromisoformat(stamp), None)


@given(st.text(max_size=40))
def test_no_text_makes_it_raise(text: str) -> None:
    parsed = parse_stamp(text)

    assert parsed is None or parsed.at.tzinfo is UTC
