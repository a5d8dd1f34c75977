"""When an element applies, at every edge (OCPI mod_tariffs, TariffRestrictions)."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.tariff.version import DayOfWeek, Restrictions, TariffVersion
from tests.domain.pricing.sessions import HOUR, codes, net, period, priced
from tests.domain.tariffs import BERLIN, NOON, charging, element, energy, flat, parking, tariff

ZONE = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def applies(when: Restrictions, text: str, *, holidays: tuple[date, ...] = ()) -> bool:
    """Whether an element counts for a session that starts at that wall clock."""
    asked = replace(tariff(element(flat("1"), when=when)), holidays=holidays)
    return net(priced(asked, period(at=local(text)))) == 1


def between(start: time | None, end: time | None) -> Restrictions:
    return Restrictions(start_time=start, end_time=end)


@pytest.mark.parametrize(
    ("when", "inside", "outside"),
    [
        (between(time(8), time(20)), ["08:00:00", "19:59:59"], ["07:59:59", "20:00:00"]),
        (between(time(22), time(6)), ["22:00:00", "00:00:00", "05:59:59"], ["21:59:59", "06:00"]),
        (between(time(18), time(0)), ["18:00:00", "23:59:59"], ["17:59:59", "00:00:00"]),
        (between(time(18), None), ["18:00:00", "23:59:59"], ["17:59:59", "00:00:00"]),
        (between(None, time(6)), ["00:00:00", "05:59:59"], ["06:00:00", "23:59:59"]),
        (between(None, time(0)), ["00:00:00", "12:00:00", "23:59:59"], []),
        (between(time(8), time(8)), ["07:59:59", "08:00:00"], []),
        (between(time(0), time(12, 30)), ["00:00:00", "12:29:59"], ["12:30:00"]),
    ],
    ids=["day", "night", "to midnight", "no end", "no start", "00:00 alone", "equal", "from 0"],
)
def test_a_window_begins_with_its_start_and_is_over_at_its_end(
    when: Restrictions, inside: list[str], outside: list[str]
) -> None:
    assert [applies(when, f"2026-03-04 {clock}") for clock in inside] == [True] * len(inside)
    assert [applies(when, f"2026-03-04 {clock}") for clock in outside] == [False] * len(outside)


def test_dates_are_local_and_the_end_is_excluded() -> None:
    when = Restrictions(start_date=date(2026, 3, 4), end_date=date(2026, 3, 6))

    assert [applies(when, f"2026-03-0{day}") for day in (3, 4, 5, 6)] == [False, True, True, False]
    assert not applies(when, "2026-03-03 23:59:59")
    assert applies(when, "2026-03-05 23:59:59")


def test_a_window_counts_on_every_day_between_two_dates() -> None:
    when = Restrictions(
        start_date=date(2026, 3, 4), end_date=date(2026, 3, 6), start_time=time(8), end_time=time(9)
    )

    assert applies(when, "2026-03-05 08:30:00")
    assert not applies(when, "2026-03-04 12:00:00")


def test_weekdays_are_those_of_the_instant_also_after_midnight_in_a_window_that_wraps() -> None:
    when = replace(between(time(22), time(6)), day_of_week=(DayOfWeek.FRIDAY,))

    assert applies(when, "2026-03-06 23:00:00")
    assert applies(when, "2026-03-06 01:00:00")
    assert not applies(when, "2026-03-07 01:00:00")


@pytest.mark.parametrize("day", list(DayOfWeek))
def test_each_weekday_is_its_own(day: DayOfWeek) -> None:
    monday = date(2026, 3, 2)
    found = [
        other
        for number, other in enumerate(DayOfWeek)
        if applies(Restrictions(day_of_week=(day,)), f"{monday + number * timedelta(days=1)}")
    ]

    assert found == [day]


def test_holidays_are_local_dates_and_other_days_are_the_rest() -> None:
    holidays = (date(2026, 12, 25), date(2026, 12, 26))
    on, off = Restrictions(holiday=True), Restrictions(holiday=False)

    for text, expected in (
        ("2026-12-24 23:59:59", False),
        ("2026-12-25 00:00:00", True),
        ("2026-12-26 23:59:59", True),
        ("2026-12-27 00:00:00", False),
    ):
        assert applies(on, text, holidays=holidays) is expected
        assert applies(off, text, holidays=holidays) is not expected
    assert not applies(on, "2026-12-25 12:00:00")
    assert applies(off, "2026-12-25 12:00:00")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (Restrictions(min_kwh=Decimal(2)), 2),
        (Restrictions(max_kwh=Decimal(2)), 2),
        (Restrictions(min_kwh=Decimal(1), max_kwh=Decimal(2)), 1),
        (Restrictions(min_kwh=Decimal("2.000001")), 1),
        (Restrictions(max_kwh=Decimal("0")), 0),
    ],
)
def test_energy_counts_from_the_session_start_at_the_minimum_and_below_the_maximum(
    when: Restrictions, expected: int
) -> None:
    session = [period("1", after=hour * HOUR) for hour in range(4)]

    assert net(priced(tariff(element(energy("1"), when=when)), *session)) == expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (Restrictions(min_duration=7_200), 2),
        (Restrictions(max_duration=7_200), 2),
        (Restrictions(min_duration=3_600, max_duration=7_200), 1),
        (Restrictions(min_duration=7_201), 1),
        (Restrictions(max_duration=0), 0),
    ],
)
def test_seconds_count_from_the_session_start_with_parking(
    when: Restrictions, expected: int
) -> None:
    session = [period("1", after=hour * HOUR, parking_s=3_600) for hour in range(4)]

    assert net(priced(tariff(element(energy("1"), when=when)), *session)) == expected


def test_a_part_of_a_second_is_no_second() -> None:
    late = tariff(element(energy("1"), when=Restrictions(min_duration=2)))
    almost = period("1", after=2 * SECOND - timedelta(microseconds=1))

    assert net(priced(late, period(), almost)) == 0
    assert net(priced(late, period(), period("1", after=2 * SECOND))) == 1


@pytest.mark.parametrize("field", ["current", "power"])
def test_a_measured_limit_takes_the_least_for_its_minimum_and_the_greatest_for_its_maximum(
    field: str,
) -> None:
    unit = "a" if field == "current" else "kw"

    def matches(limits: dict[str, int], least: int | None, most: int | None) -> bool:
        asked: Any = {f"{name}_{field}": Decimal(limits[name]) for name in limits}
        measured: Any = {
            f"min_{field}_{unit}": None if least is None else Decimal(least),
            f"max_{field}_{unit}": None if most is None else Decimal(most),
        }
        limited = tariff(element(energy("1"), when=Restrictions(**asked)))
        return net(priced(limited, replace(period("1"), **measured))) == 1

    assert matches({"min": 16}, 16, 40)
    assert not matches({"min": 16}, 15, 40)
    assert matches({"max": 16}, 1, 15)
    assert not matches({"max": 16}, 1, 16)
    assert matches({"min": 10, "max": 20}, 10, 19)
    assert matches({"min": 16}, None, 16)
    assert matches({"max": 16}, 15, None)
    assert not matches({"min": 0}, None, None)


def test_what_was_not_measured_and_priced_nothing_is_no_finding() -> None:
    fast = Restrictions(min_current=Decimal(32), min_power=Decimal(22))
    by_time = tariff(element(charging("6"), when=fast), element(charging("3"), parking("1")))
    fast_fee = tariff(element(flat("1"), when=fast), element(flat("2")))
    measured = replace(period(time_s=60), max_current_a=Decimal(9), min_power_kw=Decimal(2))
    later = timedelta(seconds=60)

    def found(asked: TariffVersion, *periods: ChargingPeriod) -> set[str]:
        return codes(priced(asked, *periods))

    assert found(by_time, measured, period(after=later, parking_s=60)) == set()
    assert found(by_time, period(time_s=60)) == {"not_measured"}
    assert found(fast_fee, period(parking_s=60)) == {"not_measured"}
    assert found(fast_fee, measured, period(after=later, time_s=60)) == set()


def test_what_was_not_measured_matches_no_limit_and_is_said_once() -> None:
    powered = tariff(
        element(energy("1"), when=Restrictions(max_power=Decimal(22))), element(energy("2"))
    )
    by_current = replace(period("1"), max_current_a=Decimal(9))

    result = priced(powered, by_current, period("1", after=HOUR))

    assert net(result) == 4
    (finding,) = result.findings
    assert finding.code == "not_measured"
    assert "1 more" in finding.detail


def test_in_the_repeated_hour_a_window_counts_twice_and_in_the_missing_hour_never() -> None:
    when = between(time(2), time(3))
    autumn = datetime(2025, 10, 25, 22, tzinfo=UTC)  # 00:00 in Berlin; 25 hours follow
    spring = datetime(2025, 3, 29, 23, tzinfo=UTC)
    night = tariff(element(energy("1"), when=when))

    def hours(start: datetime) -> list[int]:
        priced_hours = priced(night, *(period("1", at=start, after=h * HOUR) for h in range(6)))
        return [line.period for line in priced_hours.lines]

    assert hours(autumn) == [2, 3]
    assert hours(spring) == []


def test_the_zone_of_the_site_counts_whatever_zone_a_period_is_written_in() -> None:
    when = between(time(13), time(14))
    noon = period("1")
    elsewhere = replace(noon, started_at=NOON.astimezone(ZoneInfo("Asia/Tokyo")))
    asked = tariff(element(energy("1"), when=when))

    assert net(priced(asked, noon)) == net(priced(asked, elsewhere)) == 1
    assert net(priced(asked, noon, context=PriceContext(zone="UTC"))) == 0


def test_durations_are_elapsed_time_also_where_periods_are_written_in_local_time() -> None:
    late = tariff(element(energy("1"), when=Restrictions(min_duration=7_200)))
    begin = datetime(2025, 10, 26, 2, 30, tzinfo=ZONE)  # the first of two

    session = [
        replace(period(), started_at=begin),
        replace(period("1"), started_at=datetime(2025, 10, 26, 3, 30, tzinfo=ZONE)),
    ]

    assert net(priced(late, *session)) == 1


def test_an_element_for_user_groups_counts_for_a_driver_in_one_of_them() -> None:
    club = tariff(
        element(energy("1"), when=Restrictions(user_groups=("club", "staff"))),
        element(energy("3"), when=Restrictions(user_groups=("guests",))),
        element(energy("2")),
    )

    def cost(*groups: str) -> int:
        context = replace(BERLIN, user_groups=frozenset(groups))
        return int(net(priced(club, period("1"), context=context)))

    assert [cost("staff"), cost("club", "x"), cost("guests"), cost("x"), cost()] == [1, 1, 3, 2, 2]


def test_one_compiled_tariff_serves_drivers_of_all_groups() -> None:
    club = tariff(
        element(energy("1"), when=Restrictions(user_groups=("a",), min_kwh=Decimal(1))),
        element(energy("3"), when=Restrictions(user_groups=("b",))),
        element(energy("2")),
    )
    compiled = compile_tariff(club)
    session = [period("1"), period("1", after=HOUR)]

    def cost(*groups: str) -> int:
        context = replace(BERLIN, user_groups=frozenset(groups))
        return int(net(price_compiled(compiled, session, context)))

    assert [cost("a"), cost("b"), cost(), cost("a", "b"), cost("a")] == [3, 6, 4, 4, 3]


def test_all_restrictions_of_an_element_must_hold() -> None:
    when = replace(between(time(12), time(14)), min_kwh=Decimal(1), min_duration=3_600)
    asked = tariff(element(energy("1"), when=when))

    assert net(priced(asked, period("1"), period("1", after=HOUR - SECOND))) == 0
    assert net(priced(asked, period("0.9"), period("1", after=HOUR - SECOND))) == 0
    assert net(priced(asked, period("1"), period("1", after=HOUR))) == 0  # 14:00 by then
    assert net(priced(asked, period("1", after=-HOUR), period("1"))) == 1
    assert codes(priced(asked, period("1", after=-HOUR), period("1"))) == {"free"}
