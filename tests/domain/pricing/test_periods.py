from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.pricing.boundaries import SessionTooLong
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.periods import SessionCourse, cut_periods, cut_session
from holdfast.domain.quality import MeterEnds, RegisterReading, measure
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffVersion,
)
from holdfast.domain.time_zone import UnknownZone
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    NOON,
    course,
    courses,
    element,
    energy,
    parking,
    restrictions,
    tariff,
    tariffs,
)

HOUR_S = 3_600
TIME, MONTH = DimensionType.TIME, AllowancePer.MONTH
PLAIN = tariff(element(energy("0.5"), parking("6")))


def shape(periods: list[ChargingPeriod]) -> list[tuple[int, int, int, int, int]]:
    """(start, energy in Wh, charging, grace, parking) of each, in seconds since the start."""
    return [
        (
            int((period.started_at - NOON).total_seconds()),
            period.energy_mwh // 1_000,
            period.time_s,
            period.grace_s,
            period.parking_s,
        )
        for period in periods
    ]


def test_a_plain_session_is_one_period() -> None:
    periods = cut_periods(course((0, 0), (HOUR_S, 10 * KWH)), PLAIN, BERLIN)

    assert shape(periods) == [(0, 10_000, HOUR_S, 0, 0)]
    assert not periods[0].interpolated


def test_standing_after_the_end_of_charging_is_parking() -> None:
    stayed = course((0, 0), (HOUR_S, 10 * KWH), (2 * HOUR_S, 10 * KWH), charging_ended_s=HOUR_S)

    assert shape(cut_periods(stayed, PLAIN, BERLIN)) == [
        (0, 10_000, HOUR_S, 0, 0),
        (HOUR_S, 0, 0, 0, HOUR_S),
    ]


def test_parking_counts_from_the_end_of_the_grace() -> None:
    patient = tariff(element(energy("0.5"), parking("6")), idle_grace_s=900)
    stayed = course((0, 0), (HOUR_S, 10 * KWH), (2 * HOUR_S, 10 * KWH), charging_ended_s=HOUR_S)

    assert shape(cut_periods(stayed, patient, BERLIN)) == [
        (0, 10_000, HOUR_S, 0, 0),
        (HOUR_S, 0, 0, 900, 0),
        (HOUR_S + 900, 0, 0, 0, 2_700),
    ]


def test_who_leaves_within_the_grace_has_not_parked() -> None:
    patient = tariff(element(energy("0.5"), parking("6")), idle_grace_s=900)
    left = course((0, 0), (HOUR_S, KWH), (HOUR_S + 600, KWH), charging_ended_s=HOUR_S)

    assert sum(period.parking_s for period in cut_periods(left, patient, BERLIN)) == 0


def test_pauses_that_touch_are_one_pause_with_one_grace() -> None:
    patient = tariff(element(energy("0.5"), parking("6")), idle_grace_s=600)
    paused = course((0, 0), (HOUR_S, KWH), idle=[(1_000, 1_500), (1_400, 2_000), (2_000, 2_500)])

    periods = cut_periods(paused, patient, BERLIN)

    assert sum(period.grace_s for period in periods) == 600
    assert sum(period.parking_s for period in periods) == 900
    assert sum(period.time_s for period in periods) == HOUR_S - 1_500


def test_an_energy_threshold_is_cut_where_the_meter_reached_it() -> None:
    tier = element(energy("0.3"), when=Restrictions(max_kwh=Decimal(2)))
    tiered = tariff(tier, element(energy("0.5")))

    periods = cut_periods(course((0, 0), (HOUR_S, 8 * KWH)), tiered, BERLIN)

    assert shape(periods) == [(0, 2_000, 900, 0, 0), (900, 6_000, 2_700, 0, 0)]
    assert all(period.interpolated for period in periods)


def test_a_threshold_at_a_sample_is_not_interpolated() -> None:
    tiered = tariff(element(energy("0.5"), when=Restrictions(min_kwh=Decimal(2))))
    sampled = course((0, 0), (900, 2 * KWH), (HOUR_S, 8 * KWH))

    assert not any(period.interpolated for period in cut_periods(sampled, tiered, BERLIN))


def test_energy_that_came_in_no_time_is_cut_at_a_threshold_too() -> None:
    tiered = tariff(element(energy("0.5"), when=Restrictions(min_kwh=Decimal(2))))
    at_once = course((0, 0), (0, 5 * KWH), (60, 5 * KWH))

    periods = cut_periods(at_once, tiered, BERLIN)

    assert [period.energy_mwh for period in periods] == [2 * KWH, 3 * KWH, 0]


def test_a_fraction_of_a_watt_hour_goes_where_energy_flowed() -> None:
    stayed = course((0, 0), (HOUR_S, KWH + 600), (2 * HOUR_S, KWH + 600), charging_ended_s=HOUR_S)

    periods = cut_periods(stayed, PLAIN, BERLIN)

    assert [period.energy_mwh for period in periods] == [KWH + 1_000, 0]


def test_a_session_without_length_or_energy_still_has_a_period() -> None:
    assert cut_periods(course((0, 0)), PLAIN, BERLIN) == [ChargingPeriod(started_at=NOON)]


def test_registers_become_periods() -> None:
    readings = [RegisterReading(at=NOON + timedelta(hours=1), register_mwh=1_008 * KWH)]
    ended_at = NOON + timedelta(hours=2)
    meter = measure(
        readings,
        MeterEnds(start_mwh=1_000 * KWH, stop_mwh=1_010 * KWH),
        started_at=NOON,
        ended_at=ended_at,
    )
    went = SessionCourse(started_at=NOON, ended_at=ended_at, measurement=meter)
    halves = tariff(element(energy("0.5"), when=Restrictions(min_duration=HOUR_S)))

    assert shape(cut_periods(went, halves, BERLIN)) == [
        (0, 8_000, HOUR_S, 0, 0),
        (HOUR_S, 2_000, HOUR_S, 0, 0),
    ]


def test_what_cannot_be_cut_is_refused() -> None:
    timed = tariff(element(energy("1"), when=Restrictions(start_date=NOON.date())))

    with pytest.raises(UnknownZone, match="Europe/Berlin"):
        cut_periods(course((0, 0), (60, 0)), PLAIN, PriceContext(zone="Mars/Olympus"))
    with pytest.raises(SessionTooLong):
        cut_periods(course((0, 0), (500 * 86_400, 0)), timed, BERLIN)


def starts(periods: list[ChargingPeriod]) -> list[str]:
    """By the clock in UTC."""
    return [period.started_at.strftime("%d. %H:%M") for period in periods]


def overnight() -> SessionCourse:
    """From 22:30 to 01:30 in Berlin, 3 kWh."""
    return course((0, 0), (3 * HOUR_S, 3 * KWH), started_at=NOON + timedelta(hours=9.5))


@pytest.mark.parametrize(
    "dated",
    [
        replace(PLAIN, daily_cap=PriceLimit(incl_vat=Decimal(5))),
        replace(PLAIN, allowances=(Allowance(type=TIME, quantity=Decimal(60), per=MONTH),)),
        tariff(element(energy("1"), when=Restrictions(holiday=True)), element(energy("0.5"))),
        tariff(element(energy("1"), when=Restrictions(day_of_week=(DayOfWeek.MONDAY,)))),
        tariff(element(energy("1"), when=Restrictions(end_date=NOON.date()))),
    ],
    ids=["cap per day", "allowance per month", "holiday", "weekday", "date"],
)
def test_local_midnight_is_cut_where_a_day_matters(dated: TariffVersion) -> None:
    assert starts(cut_periods(overnight(), dated, BERLIN)) == ["04. 21:30", "04. 23:00"]


def test_an_allowance_per_session_cuts_nothing() -> None:
    free = replace(PLAIN, allowances=(Allowance(type=TIME, quantity=Decimal(60)),))

    assert starts(cut_periods(overnight(), free, BERLIN)) == ["04. 21:30"]


def test_every_interval_of_the_market_is_a_cut_and_so_is_the_end_of_what_is_known() -> None:
    follows = replace(energy("0.1"), spot=SpotPrice(feed="DE-LU", fallback=Decimal("0.2")))
    hours = tuple(NOON + timedelta(hours=hour) for hour in (9, 10, 11))
    curve = SpotCurve(hours, (Decimal(1), None, Decimal(3)), NOON + timedelta(hours=12))
    market = replace(BERLIN, spot={"DE-LU": curve, "other": replace(curve, starts=(NOON,))})

    followed = cut_periods(overnight(), tariff(element(follows)), market)

    assert starts(followed) == ["04. 21:30", "04. 22:00", "04. 23:00", "05. 00:00"]
    assert starts(cut_periods(overnight(), tariff(element(follows)), BERLIN)) == ["04. 21:30"]


def test_elements_that_cannot_apply_cut_nothing() -> None:
    evening = Restrictions(start_time=time(23))
    others = element(energy("1"), when=replace(evening, user_groups=("crew", "taxi")))
    reserved = element(energy("1"), when=replace(evening, reservation=Reservation.RESERVATION))
    version = tariff(reserved, others, element(energy("0.5")))
    taxi = replace(BERLIN, user_groups=frozenset({"taxi"}))

    assert starts(cut_periods(overnight(), version, BERLIN)) == ["04. 21:30"]
    assert starts(cut_periods(overnight(), version, taxi)) == [
        "04. 21:30",
        "04. 22:00",
        "04. 23:00",
    ]


def test_what_is_calculated_is_said_once() -> None:
    tiers = [element(energy("1"), when=Restrictions(max_kwh=Decimal(n))) for n in (1, 2, 3, 4)]

    cut = cut_session(course((0, 0), (HOUR_S, 8 * KWH)), tariff(*tiers), BERLIN)

    assert [(found.code, found.detail[:14]) for found in cut.findings] == [
        ("interpolated", "5 of 5 periods")
    ]


clocked = restrictions.map(
    lambda drawn: Restrictions(
        start_time=drawn.start_time,
        end_time=drawn.end_time,
        day_of_week=drawn.day_of_week,
        min_kwh=drawn.min_kwh,
        max_kwh=drawn.max_kwh,
        min_duration=drawn.min_duration,
        max_duration=drawn.max_duration,
    )
)


@given(courses(), tariffs(st.none() | clocked, st.just(1)))
def test_cutting_loses_neither_energy_nor_time(
    went: SessionCourse, any_tariff: TariffVersion
) -> None:
    periods = cut_periods(went, any_tariff, BERLIN)

    assert sum(period.energy_mwh for period in periods) == went.measurement.energy_wh * 1_000
    seconds = [period.time_s + period.parking_s + period.grace_s for period in periods]
    assert sum(seconds) == (went.ended_at - went.started_at).total_seconds()
    starts = [period.started_at for period in periods]
    assert starts == sorted(starts)
    assert starts[0] == went.started_at
