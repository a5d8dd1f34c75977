"""Under calibration law: prices change on signed quarter hours of the clock, and nowhere else."""

import random
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.course_price import price_course
from holdfast.domain.pricing.periods import SessionCourse, cut_session
from holdfast.domain.pricing.signed_quarters import SignedPoint
from holdfast.domain.signed_record import register_points
from holdfast.domain.tariff.version import Restrictions, TariffVersion
from tests.domain.pricing.test_price_by_the_second import random_tariff
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    NOON,
    charging,
    course,
    courses,
    element,
    energy,
    parking,
    tariff,
    tariffs,
)

HOUR_S = 3_600
QUARTER_S = 900
SECOND = timedelta(seconds=1)
# Cheap until 13:20 in Berlin, which is 20 minutes after noon in UTC.
RISING = tariff(
    element(energy("0.1"), when=Restrictions(end_time=time(13, 20))), element(energy("1"))
)


def signed(*seconds: int) -> tuple[SignedPoint, ...]:
    return tuple(SignedPoint(at=NOON + second * SECOND) for second in seconds)


def shape(went: SessionCourse, version: TariffVersion) -> list[tuple[int, int, bool, bool]]:
    """(start in s, Wh, interpolated, boundary moved) of each period."""
    return [
        (
            int((one.started_at - NOON).total_seconds()),
            one.energy_mwh // 1_000,
            one.interpolated,
            one.boundary_moved,
        )
        for one in cut_session(went, version, BERLIN).periods
    ]


def test_a_boundary_between_two_signed_quarters_takes_effect_at_the_next() -> None:
    sampled = course((0, 0), (900, 2 * KWH), (1_800, 5 * KWH), (HOUR_S, 9 * KWH))
    went = replace(sampled, signed=signed(900, 1_800, 2_700))

    assert shape(went, RISING) == [(0, 5_000, False, True), (1_800, 4_000, False, False)]
    found = price_course(compile_tariff(RISING), went, BERLIN)
    assert found.priced.exact_incl == Fraction("0.5") + 4
    assert [one.code for one in found.priced.findings] == ["boundary_moved"]


def test_without_calibration_law_the_same_session_is_cut_where_the_price_changes() -> None:
    sampled = course((0, 0), (900, 2 * KWH), (1_800, 5 * KWH), (HOUR_S, 9 * KWH))

    assert shape(sampled, RISING) == [(0, 3_000, True, False), (1_200, 6_000, True, False)]


def test_a_boundary_on_a_signed_quarter_stays_where_it_is() -> None:
    on_time = tariff(
        element(energy("0.1"), when=Restrictions(end_time=time(13, 30))), element(energy("1"))
    )
    went = replace(course((0, 0), (1_800, 5 * KWH), (HOUR_S, 9 * KWH)), signed=signed(1_800))

    assert shape(went, on_time) == [(0, 5_000, False, False), (1_800, 4_000, False, False)]


def test_without_a_signed_quarter_the_first_price_holds_to_the_end_and_a_person_looks() -> None:
    went = replace(course((0, 0), (HOUR_S, 9 * KWH)), signed=signed(0, 1_000, HOUR_S))

    assert shape(went, RISING) == [(0, 9_000, False, True)]
    first, *_ = cut_session(went, RISING, BERLIN).findings
    assert (first.code, first.severity) == ("no_signed_quarter", Severity.REVIEW)


def test_a_tariff_with_one_price_needs_no_signed_quarter() -> None:
    went = replace(course((0, 0), (HOUR_S, 9 * KWH)), signed=())

    assert cut_session(went, tariff(element(energy("1"))), BERLIN).findings == ()


def test_thresholds_of_energy_and_duration_wait_for_the_quarter_too() -> None:
    by_energy = tariff(
        element(energy("1"), when=Restrictions(max_kwh=Decimal(3))), element(energy("2"))
    )
    by_duration = tariff(
        element(energy("1"), when=Restrictions(max_duration=1_000)), element(energy("2"))
    )
    went = replace(course((0, 0), (HOUR_S, 12 * KWH)), signed=signed(900, 1_800, 2_700))

    assert shape(went, by_energy) == [(0, 3_000, True, False), (900, 9_000, True, False)]
    assert shape(went, by_duration) == [(0, 6_000, True, True), (1_800, 6_000, True, False)]


def test_charging_grace_and_parking_are_told_apart_inside_a_period() -> None:
    stays = replace(tariff(element(energy("1"), charging("6"), parking("12"))), idle_grace_s=300)
    went = course((0, 0), (1_500, 5 * KWH), (HOUR_S, 5 * KWH), charging_ended_s=1_500)

    (period,) = cut_session(replace(went, signed=signed(900, 1_800)), stays, BERLIN).periods

    assert (period.time_s, period.grace_s, period.parking_s) == (1_500, 300, 1_800)
    assert not period.boundary_moved


def test_the_power_that_counts_is_that_of_the_start() -> None:
    by_power = tariff(
        element(energy("2"), when=Restrictions(min_power=Decimal(10))), element(energy("1"))
    )
    sampled = course((0, 0), (900, KWH), (1_200, 2 * KWH), (1_800, 5 * KWH), (HOUR_S, 6 * KWH))

    cut = cut_session(replace(sampled, signed=signed(900, 1_800)), by_power, BERLIN)

    assert [(one.min_power_kw, one.max_power_kw) for one in cut.periods] == [
        (Decimal(4), Decimal(4)),
        (Decimal(12), Decimal(12)),
        (Decimal(2), Decimal(2)),
    ]


@pytest.mark.parametrize(
    ("register_mwh", "energy_wh", "interpolated"),
    [(None, 2_000, True), (2_500_000, 2_500, False), (9_999_999, 2_000, True)],
    ids=["no register", "between its samples", "impossible"],
)
def test_a_signed_register_is_the_cut_where_it_agrees_with_the_samples(
    register_mwh: int | None, energy_wh: int, interpolated: bool
) -> None:
    on_time = tariff(
        element(energy("0.1"), when=Restrictions(end_time=time(13, 30))), element(energy("1"))
    )
    reading = SignedPoint(at=NOON + 1_800 * SECOND, energy_mwh=register_mwh)
    went = replace(course((0, 0), (HOUR_S, 4 * KWH)), signed=(reading,))

    first, second = cut_session(went, on_time, BERLIN).periods

    assert (first.energy_mwh, first.interpolated) == (energy_wh * 1_000, interpolated)
    assert first.energy_mwh + second.energy_mwh == 4 * KWH


def test_a_reading_a_few_seconds_off_its_tick_counts_for_the_quarter() -> None:
    sampled = course((0, 0), (1_797, 5 * KWH), (HOUR_S, 9 * KWH), idle=[(1_798, 1_900)])
    went = replace(sampled, signed=signed(1_797, 2_715))

    assert shape(went, RISING) == [(0, 5_000, False, True), (1_800, 4_000, False, False)]


@given(courses(), st.lists(st.integers(0, 40), max_size=8), tariffs(st.none(), st.just(1)))
def test_nothing_is_lost_however_few_quarters_were_signed(
    went: SessionCourse, quarters: list[int], plain: TariffVersion
) -> None:
    night = element(energy("1"), when=Restrictions(start_time=time(13, 40), end_time=time(14, 7)))
    version = replace(plain, elements=(night, *plain.elements))
    lawful = replace(went, signed=signed(*(number * QUARTER_S for number in quarters)))

    periods = cut_session(lawful, version, BERLIN).periods

    assert sum(one.energy_mwh for one in periods) == went.measurement.energy_wh * 1_000
    passed = [one.time_s + one.parking_s + one.grace_s for one in periods]
    assert sum(passed) == (went.ended_at - went.started_at).total_seconds()
    starts = [one.started_at for one in periods]
    assert starts == sorted(set(starts))
    allowed = {NOON + number * QUARTER_S * SECOND for number in quarters}
    assert set(starts[1:]) <= allowed


@pytest.mark.parametrize("seed", range(6))
def test_every_stretch_has_the_price_of_its_starting_quarter(seed: int) -> None:
    """Cut at each signed quarter, whether a price changes there or not, it costs the same."""
    chance = random.Random(seed)  # noqa: S311 - cases, not secrets
    for _ in range(15):
        version = replace(random_tariff(chance, NOON), idle_grace_s=0)
        length_s = chance.randrange(600, 9_000)
        numbers = sorted(chance.sample(range(1, 11), chance.randrange(0, 8)))
        points = [(0, 0), *((n * QUARTER_S, n * KWH) for n in range(1, 11) if n * 900 < length_s)]
        points.append((length_s, points[-1][1] + KWH // 2))
        went = replace(course(*points), signed=signed(*(n * QUARTER_S for n in numbers)))
        every = element(energy("0"), when=Restrictions(start_time=time(0), end_time=time(0, 1)))
        edges = [
            replace(
                every,
                restrictions=Restrictions(
                    start_time=time(n // 4, n % 4 * 15),
                    end_time=time(n // 4, n % 4 * 15 + 1),
                    max_duration=1,
                    min_kwh=Decimal(500),
                ),
            )
            for n in range(52, 64)
        ]
        finer = replace(version, elements=(*version.elements, *edges))

        plain = price_course(compile_tariff(version), went, BERLIN).priced
        fine = price_course(compile_tariff(finer), went, BERLIN).priced

        assert fine.exact_incl == plain.exact_incl


def test_the_registers_of_records_count_from_the_begin_that_the_meter_marked() -> None:
    def record(*readings: str) -> str:
        return 'OCMF|{"FV":"1.0","RD":[' + ",".join(readings) + ']}|{"SD":"00"}'

    at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    begin = '{"TM":"2026-03-04T13:00:00,000+0100 S","TX":"B","RV":1200.5,"RI":"1.8.0","RU":"kWh"}'
    tick = '{"TM":"2026-03-04T13:15:00,000+0100 S","TX":"T","RV":1203.125,"RI":"1.8.0","RU":"kWh"}'
    unset = '{"TM":"2026-03-04T09:00:00,000+0100 U","TX":"T","RV":1204}'
    other = '{"TM":"2026-03-04T13:45:00,000+0100 S","TX":"T","RV":7,"RI":"2.8.0","RU":"kWh"}'
    broken = "OCMF|{not json|{}"

    points = register_points(
        [
            (at, record(begin)),
            (at, record(tick)),
            (at + 1_800 * SECOND, record(tick, unset)),
            (at, record(other)),
            (at + 900 * SECOND, broken),
        ]
    )

    assert sorted(points, key=lambda point: (point[0], point[1] or 0)) == [
        (at, 0),
        (at + 900 * SECOND, None),
        (at + 900 * SECOND, 2_625_000),
        (at + 900 * SECOND, 2_625_000),
        (at + 1_800 * SECOND, 3_500_000),
        (at + 2_700 * SECOND, None),
    ]
