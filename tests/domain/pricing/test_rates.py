"""What a unit costs over time, for charts and displays."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from holdfast.domain.pricing.boundaries import SessionTooLong
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.price import price
from holdfast.domain.pricing.rates import RateStep, rate_steps
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    Restrictions,
    SpotPrice,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.sessions import HOUR, period
from tests.domain.tariffs import BERLIN, NOON, charging, element, energy, flat, parking, tariff

ENERGY = DimensionType.ENERGY
EVENING = Restrictions(start_time=time(18), end_time=time(22))
PEAK = tariff(element(energy("0.6", "19"), when=EVENING), element(energy("0.4", "19"), flat("1")))
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 3, 23, tzinfo=UTC)
"""00:00 of the fourth in Berlin."""


def steps(
    asked: TariffVersion, until: timedelta = DAY, context: PriceContext = BERLIN
) -> tuple[RateStep, ...]:
    return rate_steps(compile_tariff(asked), context, MIDNIGHT, MIDNIGHT + until)


def energies(found: tuple[RateStep, ...]) -> list[tuple[float, object]]:
    """The hour at which each step begins, and its price per kWh before tax."""
    return [((s.from_at - MIDNIGHT) / HOUR, s.prices[ENERGY].excl) for s in found]


def test_a_step_begins_where_a_price_changes_and_they_follow_each_other() -> None:
    found = steps(PEAK)

    assert energies(found) == [(0, Fraction("0.4")), (18, Fraction("0.6")), (22, Fraction("0.4"))]
    assert [one.until_at for one in found[:-1]] == [one.from_at for one in found[1:]]
    assert (found[0].from_at, found[-1].until_at) == (MIDNIGHT, MIDNIGHT + DAY)


def test_prices_are_per_kwh_hour_and_session_on_both_sides_of_tax() -> None:
    (step,) = steps(
        tariff(element(energy("0.4", "19"), charging("6"), parking("3", "7"), flat("1")))
    )

    assert {kind: (unit.excl, unit.incl) for kind, unit in step.prices.items()} == {
        ENERGY: (Fraction("0.4"), Fraction("0.476")),
        DimensionType.TIME: (6, 6),
        DimensionType.PARKING_TIME: (3, Fraction("3.21")),
        DimensionType.FLAT: (1, 1),
    }
    assert step.prices[ENERGY].vat == 19


def test_neighbours_at_one_price_are_one_step_and_what_is_free_has_no_entry() -> None:
    night = Restrictions(start_time=time(22), end_time=time(6))
    same = tariff(element(energy("1"), when=night), element(energy("1")))
    only = tariff(element(energy("1"), when=EVENING))

    assert len(steps(same)) == 1
    assert [ENERGY in step.prices for step in steps(only)] == [False, True, False]


def test_a_session_that_starts_there_pays_what_the_step_says() -> None:
    for step in steps(PEAK):
        for at in (step.from_at, step.until_at - timedelta(seconds=1)):
            result = price(PEAK, [period("1", at=at)], BERLIN)
            assert result.total(ENERGY).incl == step.prices[ENERGY].incl


def test_restrictions_of_sessions_that_went_on_or_of_measured_power_do_not_count() -> None:
    grown = tariff(
        element(energy("9"), when=Restrictions(min_duration=60)),
        element(energy("8"), when=Restrictions(min_power=Decimal(0))),
        element(energy("2"), when=Restrictions(max_kwh=Decimal(5))),
        element(energy("1")),
    )

    assert energies(steps(grown)) == [(0, 2)]


def test_the_market_makes_steps_and_its_end_is_an_estimate() -> None:
    spot = SpotPrice(feed="day-ahead", fallback=Decimal("0.5"))
    component = PriceComponent(type=ENERGY, price=Decimal("0.1"), spot=spot)
    starts = (MIDNIGHT, MIDNIGHT + HOUR, MIDNIGHT + 2 * HOUR)
    curve = SpotCurve(starts, (Decimal("0.2"), Decimal("0.2"), Decimal("0.3")), starts[-1] + HOUR)
    context = replace(BERLIN, spot={"day-ahead": curve})

    found = steps(tariff(element(component)), context=context)

    assert energies(found) == [(0, Fraction("0.3")), (2, Fraction("0.4")), (3, Fraction("0.6"))]
    shown = [(step.prices[ENERGY].market_price, step.prices[ENERGY].estimated) for step in found]
    assert shown == [(Decimal("0.2"), False), (Decimal("0.3"), False), (None, True)]
    assert len(steps(PEAK, context=context)) == 3


def test_the_drivers_groups_decide_and_an_unknown_net_price_stays_unknown() -> None:
    club = tariff(
        element(energy("1"), when=Restrictions(user_groups=("club",))),
        element(energy("2")),
        tax_included=TaxIncluded.YES,
    )
    member = replace(BERLIN, user_groups=frozenset({"club"}))

    assert [step.prices[ENERGY].incl for step in steps(club, context=member)] == [1]
    assert [step.prices[ENERGY].excl for step in steps(club)] == [None]


def test_a_span_without_length_has_no_steps_and_one_without_end_is_refused() -> None:
    assert steps(PEAK, timedelta(0)) == ()
    assert steps(PEAK, -HOUR) == ()
    with pytest.raises(SessionTooLong):
        rate_steps(compile_tariff(PEAK), BERLIN, NOON, NOON + 500 * DAY)
