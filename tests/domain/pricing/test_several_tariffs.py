"""Several tariffs in one session: the period says which counts (OCPI ChargingPeriod.tariff_id)."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from holdfast.domain.currency import Currency
from holdfast.domain.finding import Severity
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.price import TARIFFS_MAX, TariffsUnfit
from holdfast.domain.pricing.priced_session import LineReason
from holdfast.domain.tariff.version import (
    Allowance,
    DimensionType,
    Reservation,
    Restrictions,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.sessions import HOUR, codes, limit, lines, net, period, priced, sides
from tests.domain.tariffs import charging, component, element, energy, flat, parking, tariff

ENERGY, TIME = DimensionType.ENERGY, DimensionType.TIME
STEP = LineReason.STEP_SIZE


def named(name: str, *elements: TariffElement) -> TariffVersion:
    return replace(tariff(*elements), id=name)


CHEAP = named("cheap", element(energy("1")))
FAST = named("fast", element(energy("2")))


def test_each_period_is_priced_by_the_tariff_that_it_names() -> None:
    session = [period("1", tariff_id="fast"), period("1", after=HOUR, tariff_id="cheap")]

    assert net(priced([CHEAP, FAST], *session)) == 3


def test_names_are_caseless_as_ids_of_ocpi_are() -> None:
    assert net(priced([CHEAP, FAST], period("1", tariff_id="FAST"))) == 2


def test_a_period_without_a_name_has_the_first_tariff_which_is_said_where_there_are_more() -> None:
    result = priced([FAST, CHEAP], period("1"))

    assert net(result) == 2
    assert codes(result) == {"tariff_unnamed"}
    assert codes(priced(FAST, period("1"))) == set()


def test_a_period_whose_tariff_is_missing_is_not_priced_and_nobody_may_settle_on_it() -> None:
    result = priced(CHEAP, period("1", tariff_id="other"), period("1", after=HOUR))

    assert net(result) == 1
    assert [(item.code, item.severity) for item in result.findings] == [
        ("tariff_missing", Severity.BLOCK)
    ]


def test_of_two_tariffs_with_one_name_the_first_counts() -> None:
    assert net(priced([CHEAP, replace(FAST, id="cheap")], period("1", tariff_id="cheap"))) == 1


def test_a_fee_comes_once_in_a_session_of_any_number_of_tariffs() -> None:
    one, two = named("one", element(flat("1"))), named("two", element(flat("5")))
    session = [period("1", tariff_id="one"), period("1", after=HOUR, tariff_id="two")]

    assert net(priced([one, two], *session)) == 1


def test_energy_and_seconds_count_from_the_start_of_the_session() -> None:
    later = named(
        "later",
        element(energy("9"), when=Restrictions(min_kwh=Decimal(2), min_duration=3_600)),
    )
    session = [period("2", tariff_id="cheap"), period("1", after=HOUR, tariff_id="later")]

    assert net(priced([CHEAP, later], *session)) == 2 + 9


def test_a_step_size_does_not_reach_across_a_change_of_tariff() -> None:
    blocks = element(component(ENERGY, "1", step_size=1_000))
    one, two = named("one", blocks), named("two", blocks)
    session = [period("1.2", tariff_id="one"), period("1.4", after=HOUR, tariff_id="two")]

    result = priced([one, two], *session)

    # Nothing is rounded at the change, and the end rounds only what came after it.
    assert [line for line in lines(result) if line[1] is STEP] == [(ENERGY, STEP, 600_000)]
    assert result.lines[-1].tariff_id == "two"


def test_what_a_tariff_priced_before_another_counted_is_not_rounded_when_it_comes_back() -> None:
    blocks = element(component(ENERGY, "1", step_size=1_000))
    one, two = named("one", blocks), named("two", blocks)
    session = [
        period("1.2", tariff_id="one"),
        period("1", after=HOUR, tariff_id="two"),
        period("0.7", after=2 * HOUR, tariff_id="one"),
    ]

    result = priced([one, two], *session)

    assert [line for line in lines(result) if line[1] is STEP] == [(ENERGY, STEP, 300_000)]


def test_parking_before_a_change_does_not_absorb_the_rounding_after_it() -> None:
    parked = named("parked", element(parking("60")))
    timed = named("timed", element(component(TIME, "60", step_size=600)))
    session = [
        period(parking_s=60, tariff_id="parked"),
        period(after=HOUR, time_s=60, tariff_id="timed"),
    ]

    assert net(priced([parked, timed], *session)) == 1 + 10


def test_a_reservation_under_one_tariff_is_rounded_though_another_counts_for_charging() -> None:
    when = Restrictions(reservation=Reservation.RESERVATION)
    held = named("held", element(component(TIME, "60", step_size=600), when=when))
    session = [
        period(reservation_s=60, tariff_id="held"),
        period("1", after=HOUR, tariff_id="cheap"),
    ]

    assert net(priced([held, CHEAP], *session)) == 10 + 1


def test_limits_that_all_tariffs_state_alike_count_once_for_the_session() -> None:
    most = limit("2", "2")
    both = [replace(CHEAP, max_price=most), replace(FAST, max_price=most)]
    session = [period("1", tariff_id="cheap"), period("1", after=HOUR, tariff_id="fast")]

    assert net(priced(both, *session)) == 2


@pytest.mark.parametrize("name", ["min_price", "max_price", "daily_cap"])
def test_limits_that_differ_are_not_mixed_and_a_person_decides(name: str) -> None:
    limits: dict[str, Any] = {name: limit("2.5", "2.5")}
    both = [replace(CHEAP, **limits), FAST]
    session = [period("1", tariff_id="cheap"), period("1", after=HOUR, tariff_id="fast")]

    result = priced(both, *session)

    assert net(result) == 3
    assert [(item.code, item.severity) for item in result.findings] == [
        ("limits_differ", Severity.REVIEW)
    ]
    assert name in result.findings[0].detail


def test_a_tariff_that_no_period_names_has_no_say_in_limits() -> None:
    most = replace(CHEAP, max_price=limit("2", "2"))

    assert net(priced([most, FAST], period("9", tariff_id="cheap"))) == 2


def test_allowances_are_of_the_tariff_that_counts() -> None:
    allowed = replace(CHEAP, allowances=(Allowance(type=ENERGY, quantity=Decimal(5)),))
    session = [
        period("1", tariff_id="fast"),
        period("4", after=HOUR, tariff_id="cheap"),
        period("4", after=2 * HOUR, tariff_id="cheap"),
    ]

    assert net(priced([allowed, FAST], *session)) == 2 + 3


def test_each_tariff_has_its_own_form_of_tax() -> None:
    gross = replace(named("gross", element(energy("1.2", "20"))), tax_included=TaxIncluded.YES)
    without = replace(
        named("without", element(energy("1", "20"))), tax_included=TaxIncluded.NOT_APPLICABLE
    )
    plain = named("plain", element(energy("1", "20")))
    names = ("gross", "without", "plain")
    session = [
        period("1", after=number * HOUR, tariff_id=name) for number, name in enumerate(names)
    ]

    result = priced([gross, without, plain], *session)

    assert sides(result) == (3, Fraction("3.4"))
    assert [(item.vat, item.tax) for item in result.taxes()][1][0] is None


def test_the_breakdown_names_the_tariff_of_each_line() -> None:
    session = [period("1", tariff_id="fast"), period("1", after=HOUR, tariff_id="cheap")]

    shown = price_to_json(priced([CHEAP, FAST], *session))["breakdown"]

    assert isinstance(shown, dict)
    assert shown["tariff_version"] == "cheap"
    assert shown["tariff_versions"] == ["cheap", "fast"]
    assert [line["tariff_version"] for line in shown["lines"]] == ["fast", "cheap"]
    alone = price_to_json(priced(CHEAP, period("1")))["breakdown"]
    assert isinstance(alone, dict)
    assert "tariff_versions" not in alone
    assert "tariff_version" not in alone["lines"][0]


def test_tariffs_that_one_session_cannot_have_are_refused() -> None:
    with pytest.raises(TariffsUnfit, match="0 tariffs"):
        priced([], period("1"))
    with pytest.raises(TariffsUnfit, match="currency"):
        priced([CHEAP, replace(FAST, currency=Currency.of("SEK"))], period("1"))
    with pytest.raises(TariffsUnfit, match="tariffs"):
        priced([named("n", element(charging("1")))] * (TARIFFS_MAX + 1), period("1"))
