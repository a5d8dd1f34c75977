"""Lint: what is free by mistake, what never counts, what looks mistyped, what the law forbids."""

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.finding import Severity
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price
from holdfast.domain.tariff.coverage import grid_of, uncovered
from holdfast.domain.tariff.lint import lint_tariff
from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    Allowance,
    AllowancePer,
    DayOfWeek,
    DimensionType,
    PriceLimit,
    Reservation,
    Restrictions,
    TariffElement,
    TariffType,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.tariff.linted import FAST, SLOW, WEEKDAYS, codes, limit, said, version, when
from tests.domain.tariffs import (
    NOON,
    charging,
    component,
    element,
    energy,
    flat,
    parking,
    restrictions,
    tariff,
)


def test_a_tariff_without_faults_has_no_findings() -> None:
    sound = version(
        element(energy("0.4118", "19"), parking("6", "19")),
        tax_included=TaxIncluded.NO,
        max_price=PriceLimit(excl_vat=Decimal(100), incl_vat=Decimal(119)),
    )

    assert lint_tariff(sound) == ()
    assert lint_tariff(sound, FAST) == ()
    assert lint_tariff(sound, SLOW) == ()


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ([element(energy("0.4"), when=when(start_time=time(6)))],
         ["00:00 to 06:00"]),
        ([element(energy("0.4"), when=when(start_time=time(6), end_time=time(22)))],
         ["22:00 to 06:00"]),
        ([element(energy("0.4"), when=when(start_time=time(22), end_time=time(6)))],
         ["06:00 to 22:00"]),
        ([element(energy("0.4"), when=when(day_of_week=WEEKDAYS))],
         ["on weekends"]),
        ([element(energy("0.4"), when=when(day_of_week=WEEKDAYS, start_time=time(6))),
          element(energy("0.3"), when=when(min_kwh=Decimal(10)))],
         ["on weekends, up to 10 kWh", "on weekdays, 00:00 to 06:00, up to 10 kWh"]),
        ([element(energy("0.4"), when=when(max_kwh=Decimal(20))),
          element(energy("0.3"), when=when(min_duration=3_600))],
         ["from 20 kWh on, in the first 1 h"]),
        ([element(energy("0.4"), when=when(start_date=date(2026, 3, 1)))],
         ["before 2026-03-01"]),
        ([element(energy("0.4"), when=when(max_power=Decimal(22))),
          element(energy("0.5"), when=when(min_power=Decimal(22)))],
         ["where the station measures no power"]),
        ([element(energy("0.4"), when=when(max_current=Decimal(16))), ],
         ["from 16 A on and where the station measures no current"]),
        ([element(energy("0.4"), when=when(user_groups=("staff",)))],
         ["for drivers of no group"]),
        ([element(energy("0.4"), when=when(end_time=time(12))),
          element(energy("0.4"), when=when(start_time=time(12)))], []),
        ([element(energy("0.4"), when=when(start_time=time(7), end_time=time(7)))], []),
        ([element(energy("0.4"), when=when(reservation=Reservation.RESERVATION)),
          element(energy("0.4"))], []),
        ([element(energy("0"), when=when(end_time=time(6))),
          element(energy("0.4"), when=when(start_time=time(6)))], []),
    ],
)  # fmt: skip
def test_energy_that_nothing_prices_is_named_with_its_case(
    elements: list[TariffElement], words: list[str]
) -> None:
    found = said(version(*elements), "gap_is_free")

    assert found == [f"energy is free {case}: no element prices it there" for case in words]


def test_a_gap_of_energy_wants_a_look_and_one_of_parking_is_noted() -> None:
    night = when(start_time=time(6))
    faulty = version(element(energy("0.4"), parking("6"), when=night))

    found = {item.detail.split(" is ")[0]: item.severity for item in lint_tariff(faulty)
             if item.code == "gap_is_free"}  # fmt: skip

    assert found == {"energy": Severity.REVIEW, "parking time": Severity.NOTE}


def test_holidays_and_dates_are_days_that_there_are() -> None:
    christmas = (date(2026, 12, 25), date(2026, 12, 26))
    on_days = version(
        element(energy("0.3"), when=when(holiday=True)),
        element(energy("0.4"), when=when(day_of_week=WEEKDAYS)),
        holiday_calendar="DE-BY",
        holidays=christmas,
    )
    # 25 December 2026 is a Friday: no Monday is in those dates.
    never = version(
        element(
            energy("0.3"),
            when=when(
                start_date=christmas[0], end_date=christmas[1], day_of_week=(DayOfWeek.MONDAY,)
            ),
        ),
        element(energy("0.4")),
    )

    assert said(on_days, "gap_is_free") == [
        "energy is free on weekends that are no holidays: no element prices it there"
    ]
    assert said(never, "never_applies") == [
        "elements[0]: there is no moment on Monday, from 2026-12-25 to before 2026-12-26"
    ]


def test_days_before_the_tariff_counts_are_no_gap() -> None:
    future = version(element(energy("0.4"), when=when(start_date=date(2026, 1, 1))))

    assert said(future, "gap_is_free", LintPlace(today=date(2026, 2, 1))) == []
    assert said(future, "gap_is_free", LintPlace(today=date(2025, 2, 1))) == [
        "energy is free from 2025-02-01 to before 2026-01-01: no element prices it there"
    ]


def test_a_price_that_earlier_ones_cover_together_is_unreachable() -> None:
    dead = version(
        element(energy("0.3"), when=when(start_time=time(22), end_time=time(6))),
        element(energy("0.4"), when=when(start_time=time(6), end_time=time(22))),
        element(energy("0.5"), flat("1"), when=when(day_of_week=WEEKDAYS)),
    )

    assert said(dead, "unreachable") == [
        "elements[2]: ENERGY never applies: all its cases are those of elements[0] and elements[1]"
    ]


def test_a_tariff_cut_into_too_many_cases_is_not_searched_for_ever() -> None:
    elements = [
        element(
            energy("0.4"),
            when=when(
                start_time=time(n % 24, n % 60),
                day_of_week=(tuple(DayOfWeek)[n % 7],),
                min_kwh=Decimal(n),
                max_kwh=Decimal(n + 40),
                min_duration=n * 60,
                min_power=Decimal(n % 13),
                start_date=date(2026, 1 + n % 12, 1 + n % 28),
            ),
        )
        for n in range(100)
    ]

    found = codes(version(*elements))

    assert found & {"gaps_not_checked", "gap_is_free"}


@settings(max_examples=60)
@given(
    st.lists(restrictions, min_size=1, max_size=4),
    st.datetimes(
        min_value=NOON.replace(tzinfo=None),
        max_value=NOON.replace(tzinfo=None, year=NOON.year + 1),
    ),
)
def test_what_the_pricing_function_gives_away_is_in_a_gap(
    rules: list[Restrictions], at: object
) -> None:
    """The grid against the one pricing function: a session that starts then, priced at once."""
    started_at = at.replace(tzinfo=NOON.tzinfo, microsecond=0)  # type: ignore[attr-defined]
    checked = tariff(*(element(energy("1"), when=rule) for rule in rules))
    grid = grid_of(checked)
    gaps = uncovered(grid.full, [grid.box(item.restrictions) for item in checked.elements])
    period = ChargingPeriod(
        started_at=started_at,
        energy_mwh=1_000,
        min_power_kw=Decimal(11),
        max_power_kw=Decimal(11),
        min_current_a=Decimal(16),
        max_current_a=Decimal(16),
    )
    priced = price(checked, [period], PriceContext(zone="UTC"))

    minute = started_at.hour * 60 + started_at.minute
    here = (
        _cell(grid.days, lambda cell: cell.weekday == started_at.weekday()
              and (cell.since is None or cell.since <= started_at.date())
              and (cell.until is None or started_at.date() < cell.until)),
        _cell(grid.minutes, lambda cell: cell[0] <= minute < cell[1]),
        1,
        1,
        _cell(grid.currents, lambda cell: cell.measured and cell.low <= 16
              and (cell.high is None or cell.high > 16)),
        _cell(grid.powers, lambda cell: cell.measured and cell.low <= 11
              and (cell.high is None or cell.high > 11)),
        1,
    )  # fmt: skip
    free = any(all(mine & theirs for mine, theirs in zip(gap, here, strict=True)) for gap in gaps)
    assert free == (priced.exact_incl == 0)


def _cell(cells, holds) -> int:  # type: ignore[no-untyped-def]
    return next(1 << number for number, cell in enumerate(cells) if holds(cell))


@pytest.mark.parametrize(
    "fields",
    [
        {"min_kwh": Decimal(2), "max_kwh": Decimal(2)},
        {"min_duration": 60, "max_duration": 30},
        {"min_current": Decimal(32), "max_current": Decimal(16)},
        {"min_power": Decimal(22), "max_power": Decimal(11)},
        {"max_kwh": Decimal(0)},
        {"start_date": date(2026, 1, 1), "end_date": date(2026, 1, 1)},
    ],
    ids=str,
)
def test_restrictions_that_contradict_each_other_forbid_the_tariff(
    fields: dict[str, object],
) -> None:
    found = lint_tariff(version(element(energy("1"), when=when(**fields)), element(energy("2"))))

    assert [item.severity for item in found if item.code == "contradiction"] == [Severity.BLOCK]


def test_current_power_and_reservations_are_priced_now_and_block_nothing() -> None:
    modern = version(
        element(energy("0.4"), when=when(max_power=Decimal(22))),
        element(charging("2"), when=when(reservation=Reservation.RESERVATION)),
        element(energy("0.5")),
    )

    found = lint_tariff(modern)

    assert all(item.severity is not Severity.BLOCK for item in found)
    assert "reservation_not_sold" in {item.code for item in found}


def test_an_element_for_reservations_needs_a_price_for_them() -> None:
    empty = version(
        element(energy("0.4"), when=when(reservation=Reservation.RESERVATION)),
        element(energy("0.4")),
    )

    assert {"reservation_unpriced", "unreachable"} <= codes(empty)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"max_price": limit("9")}, "contradiction"),
        ({"daily_cap": limit(None, "9")}, "contradiction"),
        ({"max_price": limit("9", "8")}, "contradiction"),
        ({"min_price": limit("9", "9"), "max_price": limit("8", "9")}, "contradiction"),
        ({"min_price": limit("9", "9"), "daily_cap": limit("8", "9")}, "contradiction"),
        ({"max_price": limit("1", "1.19")}, "max_price_below_fee"),
        ({"daily_cap": limit("0.5", "0.5")}, "daily_cap_below_fee"),
        ({"max_price": limit("0", "0")}, "max_price_below_fee"),
        ({"min_price": limit("0", "0")}, "min_price_zero"),
    ],
)
def test_limits_that_cannot_be_meant_are_found(limits: dict[str, PriceLimit], code: str) -> None:
    assert code in codes(version(element(flat("1", "19"), energy("0.4", "19")), **limits))


@pytest.mark.parametrize(
    ("faulty", "code"),
    [
        (version(element(energy("1"), when=when(start_time=time(7), end_time=time(7)))),
         "equal_times"),
        (version(element(energy("1"), when=when(end_time=time(23, 59)))), "last_minute"),
        (version(element(energy("1", step_size=1_000))), "step_size"),
        (version(element(energy("1", "19"), parking("1"))), "mixed_tax"),
        (version(element(energy("1", "19"), parking("1", "7"))), "mixed_tax"),
        (version(element(energy("49"))), "price_implausible"),
        (version(element(energy("0.002"))), "price_implausible"),
        (version(element(energy("0.4"), parking("0.05"))), "price_implausible"),
        (version(element(energy("0.4"), flat("120"))), "price_implausible"),
        (version(element(energy("1", "19")), tax_included=TaxIncluded.NOT_APPLICABLE),
         "tax_not_applicable"),
        (version(element(energy("1")), tax_included=TaxIncluded.YES), "tax_rate_unknown"),
        (version(element(energy("1", "81"))), "vat_implausible"),
        (version(element(energy("1", "0.19"))), "vat_implausible"),
        (version(element(energy("1")), type=None), "type_missing"),
        (version(element(parking("1"))), "energy_is_free"),
        (version(element(energy("0"), parking("0"))), "everything_is_free"),
        (version(element(energy("1"), when=when(holiday=False))), "holidays_missing"),
        (version(element(energy("1")), holiday_calendar="DE-BY"), "holidays_unused"),
        (version(element(energy("1")), idle_grace_s=600), "grace_without_fee"),
        (version(element(energy("1")), allowances=(
            Allowance(type=DimensionType.PARKING_TIME, quantity=Decimal(600)),)),
         "allowance_unpriced"),
        (version(element(energy("1")), allowances=(
            Allowance(type=DimensionType.ENERGY, quantity=Decimal(0)),)), "allowance_empty"),
        (version(element(energy("1")), allowances=(
            Allowance(type=DimensionType.ENERGY, quantity=Decimal(9)),
            Allowance(type=DimensionType.ENERGY, quantity=Decimal(5), per=AllowancePer.DAY))),
         "allowance_hidden"),
        (version(element(energy("1")), type=TariffType.AD_HOC_PAYMENT, allowances=(
            Allowance(type=DimensionType.ENERGY, quantity=Decimal(5), per=AllowancePer.MONTH),)),
         "allowance_of_strangers"),
        (version(element(energy("1")), type=TariffType.AD_HOC_PAYMENT, daily_cap=limit("9")),
         "cap_of_strangers"),
        (version(element(energy("1"), when=when(user_groups=("staff",))),
                 type=TariffType.AD_HOC_PAYMENT), "groups_of_strangers"),
    ],
)  # fmt: skip
def test_what_is_unwise_is_advice(faulty: TariffVersion, code: str) -> None:
    found = {item.code: item.severity for item in lint_tariff(faulty)}

    assert found[code] is not Severity.BLOCK


def test_a_flat_fee_has_no_step() -> None:
    fee = component(DimensionType.FLAT, "1", step_size=60)

    assert "step_size" not in codes(version(element(fee, energy("1"))))
