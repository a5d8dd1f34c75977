import json
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.money import Money
from holdfast.domain.pricing.amount_text import exact_text
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.charging_period import ChargingPeriod, PeriodInvalid
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.periods import SessionCourse, cut_periods
from holdfast.domain.pricing.price import PERIODS_MAX, TooManyPeriods, price
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceLimit,
    Reservation,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)
from holdfast.domain.time_zone import UnknownZone
from tests.domain.tariffs import (
    BERLIN,
    KWH,
    NOON,
    charging,
    courses,
    element,
    energy,
    flat,
    parking,
    plain_tariffs,
    price_limits,
    restrictions,
    tariff,
    tariffs,
)

HOUR = timedelta(hours=1)


def period(kwh: str = "0", *, after: timedelta = timedelta(0), **more: int) -> ChargingPeriod:
    return ChargingPeriod(
        started_at=NOON + after,
        energy_mwh=int(Decimal(kwh) * KWH),
        time_s=more.get("time_s", 0),
        parking_s=more.get("parking_s", 0),
    )


def limit(excl: str | None, incl: str | None = None) -> PriceLimit:
    return PriceLimit(
        excl_vat=None if excl is None else Decimal(excl),
        incl_vat=None if incl is None else Decimal(incl),
    )


def codes(priced: PricedSession) -> set[str]:
    return {finding.code for finding in priced.findings}


def amounts(priced: PricedSession) -> tuple[str | None, str]:
    excl = priced.excl
    return (None if excl is None else excl.decimal_text()), priced.incl.decimal_text()


def test_no_period_costs_nothing() -> None:
    assert amounts(price(tariff(element(flat("1"))), [], BERLIN)) == ("0.00", "0.00")


def test_the_net_and_the_gross_total_are_each_rounded_from_the_exact_amount() -> None:
    priced = price(tariff(element(energy("0.25", "19"))), [period("0.5")], BERLIN)

    assert (priced.exact_excl, priced.exact_incl) == (Fraction(1, 8), Fraction(119, 800))
    assert amounts(priced) == ("0.13", "0.15")


def test_vat_of_zero_and_no_vat_cost_the_same_and_are_told_apart() -> None:
    priced = price(tariff(element(energy("1", "0"), flat("1"))), [period("1")], BERLIN)

    assert amounts(priced) == ("2.00", "2.00")
    assert {total.vat for total in priced.taxes()} == {"0", None}


@pytest.mark.parametrize(
    ("tax_included", "vat", "expected"),
    [
        (TaxIncluded.YES, "25", ("0.80", "1.00")),
        (TaxIncluded.YES, None, (None, "1.00")),
        (TaxIncluded.NO, "25", ("1.00", "1.25")),
        (TaxIncluded.NOT_APPLICABLE, "25", ("1.00", "1.00")),
        (None, None, ("1.00", "1.00")),
    ],
    ids=["gross", "gross at an unknown rate", "net", "no tax", "2.2.1 without VAT"],
)
def test_tax_is_added_taken_out_or_left_alone(
    tax_included: TaxIncluded | None, vat: str | None, expected: tuple[str | None, str]
) -> None:
    priced = price(
        tariff(element(energy("1", vat)), tax_included=tax_included), [period("1")], BERLIN
    )

    assert amounts(priced) == expected


@pytest.mark.parametrize(
    ("least", "most", "kwh", "expected"),
    [
        (limit("2", "2.5"), None, "1", ("2.00", "2.50")),
        (None, limit("5", "5.5"), "10", ("5.00", "5.50")),
        (limit("2", "2.5"), limit("5", "5.5"), "3", ("3.00", "3.60")),
        (None, limit("5", "20"), "10", ("5.00", "12.00")),
    ],
    ids=["least", "greatest", "between", "each side by itself"],
)
def test_the_least_and_the_greatest_price(
    least: PriceLimit | None, most: PriceLimit | None, kwh: str, expected: tuple[str, str]
) -> None:
    limited = tariff(element(energy("1", "20")), min_price=least, max_price=most)

    assert amounts(price(limited, [period(kwh)], BERLIN)) == expected


def test_without_tax_a_limit_on_one_side_holds_for_both() -> None:
    capped = tariff(element(energy("1")), max_price=limit("5"))

    assert amounts(price(capped, [period("10")], BERLIN)) == ("5.00", "5.00")


def test_a_limit_that_leaves_tax_open_is_reported() -> None:
    capped = tariff(element(energy("1", "20")), max_price=limit("5"))

    assert "price_limit_one_sided" in codes(price(capped, [period("10")], BERLIN))


def test_the_earlier_element_wins_and_the_lookup_goes_on_for_other_dimensions() -> None:
    both = tariff(element(energy("1")), element(energy("9"), flat("2")))

    assert amounts(price(both, [period("1")], BERLIN)) == ("3.00", "3.00")


def test_a_reservations_price_is_no_price_of_charging() -> None:
    reserved = Restrictions(reservation=Reservation.RESERVATION)
    only_reserved = tariff(element(energy("9"), flat("9"), when=reserved))

    priced = price(only_reserved, [period("1")], BERLIN)

    assert amounts(priced) == ("0.00", "0.00")
    assert codes(priced) == {"free"}


def test_a_flat_fee_waits_for_its_element_and_comes_once() -> None:
    late = tariff(element(flat("2"), when=Restrictions(min_duration=3_600)))
    hours = [period("1", after=number * HOUR) for number in range(4)]

    priced = price(late, hours, BERLIN)

    assert [(line.period, line.quantity) for line in priced.lines] == [(1, 1)]


def test_odd_periods_are_reported_and_priced() -> None:
    odd = [
        period("1", time_s=7_200),
        period("1", after=HOUR, time_s=60),
        period("1", after=2 * HOUR),
        period("1", after=HOUR),
    ]

    priced = price(tariff(element(energy("1"))), odd, BERLIN)

    assert amounts(priced) == ("4.00", "4.00")
    assert codes(priced) >= {"periods_overlap", "periods_gap", "period_out_of_order"}


def test_a_limit_on_power_that_nobody_measured_matches_nothing_and_says_so() -> None:
    slow = Restrictions(max_power=Decimal(22))
    powered = tariff(element(energy("1"), when=slow), element(energy("2")))
    measured_period = replace(period("1"), max_power_kw=Decimal(11))

    assert amounts(price(powered, [measured_period], BERLIN)) == ("1.00", "1.00")
    unmeasured = price(powered, [period("1")], BERLIN)
    assert amounts(unmeasured) == ("2.00", "2.00")
    assert "not_measured" in codes(unmeasured)


def test_what_cannot_be_priced_is_refused() -> None:
    with pytest.raises(UnknownZone):
        price(tariff(element(energy("1"))), [], PriceContext(zone="../etc/passwd"))
    with pytest.raises(TooManyPeriods):
        price(tariff(element(energy("1"))), [period("1")] * (PERIODS_MAX + 1), BERLIN)
    with pytest.raises(PeriodInvalid, match="negative"):
        ChargingPeriod(started_at=NOON, time_s=-1)
    with pytest.raises(PeriodInvalid, match="zone"):
        ChargingPeriod(started_at=datetime(2026, 3, 1))  # noqa: DTZ001 - the mistake itself


def test_the_json_of_a_price_explains_every_cent() -> None:
    tiered = tariff(
        element(flat("0.35", "19"), energy("0.59", "19"), parking("6", "19")),
        min_price=limit("9.9", "11.78"),
    )
    session = [period("12.345", time_s=3_600), period(after=HOUR, parking_s=601)]

    shown = price_to_json(price(tiered, session, BERLIN))

    breakdown = shown["breakdown"]
    assert isinstance(breakdown, dict)
    explained = [*breakdown["lines"], *breakdown["adjustments"]]
    total = sum(Fraction(item["incl_vat_exact"]) for item in explained)
    total += Fraction(breakdown["rounding"]["incl_vat"])
    assert total == Fraction(str(shown["incl_vat"])) == Fraction("11.78")
    assert [line["dimension"] for line in breakdown["lines"]] == ["FLAT", "ENERGY", "PARKING_TIME"]
    assert breakdown["lines"][1]["quantity"] == "12.345"
    assert breakdown["totals"]["PARKING_TIME"]["excl_vat_exact"] == "601/600"
    assert json.loads(json.dumps(shown)) == shown


@given(st.fractions())
def test_an_exact_text_reads_back_as_the_same_number(exact: Fraction) -> None:
    assert Fraction(exact_text(exact)) == exact


@given(plain_tariffs, courses(), st.lists(st.integers(0, 20_000), max_size=5))
def test_cutting_at_more_points_costs_the_same(
    plain: TariffVersion, went: SessionCourse, seconds: list[int]
) -> None:
    thresholds = tuple(
        element(energy("0"), when=Restrictions(min_duration=second, max_duration=second))
        for second in seconds
    )
    cut_more = replace(plain, elements=(*plain.elements, *thresholds))
    assert len(cut_periods(went, cut_more, BERLIN)) >= len(cut_periods(went, plain, BERLIN))

    few = price(plain, cut_periods(went, plain, BERLIN), BERLIN)
    many = price(plain, cut_periods(went, cut_more, BERLIN), BERLIN)

    assert (many.exact_excl, many.exact_incl) == (few.exact_excl, few.exact_incl)


@given(
    tariffs(st.none() | restrictions, st.integers(0, 4_000)),
    courses(),
    st.none() | price_limits,
    st.none() | price_limits,
)
def test_lines_adjustments_and_rounding_add_up_and_nothing_is_negative(
    any_tariff: TariffVersion,
    went: SessionCourse,
    least: PriceLimit | None,
    most: PriceLimit | None,
) -> None:
    limited = replace(any_tariff, min_price=least, max_price=most)
    priced = price(limited, cut_periods(went, tariff(element(flat("0"))), BERLIN), BERLIN)

    parts = [(line.excl, line.incl) for line in priced.lines]
    parts += [(change.excl, change.incl) for change in priced.adjustments]
    assert sum(incl for _, incl in parts) == priced.exact_incl
    assert all(line.incl >= 0 for line in priced.lines)
    assert priced.exact_incl >= 0
    if priced.exact_excl is not None:
        assert sum(excl or 0 for excl, _ in parts) == priced.exact_excl
    assert sum(priced.total(kind).incl for kind in DimensionType) == sum(
        line.incl for line in priced.lines
    )
    assert abs(priced.incl.amount_minor - priced.exact_incl * 100) <= Fraction(1, 2)


@given(plain_tariffs, st.integers(0, 99 * KWH), st.integers(0, 99 * KWH), st.integers(0, 9_999))
def test_more_energy_never_costs_less(
    plain: TariffVersion, less: int, more: int, time_s: int
) -> None:
    def cost(mwh: int) -> Money:
        used = ChargingPeriod(started_at=NOON, energy_mwh=mwh, time_s=time_s)
        return price(plain, [used], BERLIN).incl

    assert cost(less + more) >= cost(less)


@given(tariffs(st.none() | restrictions, st.integers(0, 4_000)), courses())
def test_the_same_session_always_costs_the_same(
    any_tariff: TariffVersion, went: SessionCourse
) -> None:
    periods = cut_periods(went, tariff(element(charging("0"))), BERLIN)

    first, second = price(any_tariff, periods, BERLIN), price(any_tariff, periods, BERLIN)

    assert price_to_json(first) == price_to_json(second)


def test_time_that_a_tariff_never_prices_is_no_finding() -> None:
    only_energy = tariff(element(energy("0.40")))
    evenings = tariff(
        element(energy("0.40")),
        element(charging("2"), when=Restrictions(start_time=time(18), end_time=time(22))),
    )
    noon = period("1", time_s=600)

    assert codes(price(only_energy, [noon], BERLIN)) == set()
    assert codes(price(evenings, [noon], BERLIN)) == {"free"}
