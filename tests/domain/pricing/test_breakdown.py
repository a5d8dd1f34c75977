"""The JSON of a price explains every cent; a credit is its exact negative."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.pricing.amount_text import (
    decimal_places,
    decimal_text_of,
    exact_text,
    ratio_text,
)
from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.context import RoundedPer, Rounding, RoundingMode
from holdfast.domain.pricing.priced_session import PricedSession
from holdfast.domain.tariff.version import DimensionType, TariffVersion, TaxIncluded
from tests.domain.pricing.sessions import HOUR, limit, net, period, priced, sides
from tests.domain.tariffs import (
    BERLIN,
    charging,
    component,
    element,
    energy,
    flat,
    parking,
    restrictions,
    tariff,
    tariffs,
)


def breakdown(result: PricedSession) -> dict[str, Any]:
    found = price_to_json(result)["breakdown"]
    assert isinstance(found, dict)
    return found


MIXED = tariff(
    element(energy("0.59", "19"), charging("3", "19"), flat("0.35", "7"), parking("6")),
)


def test_a_line_says_what_how_much_at_what_price_and_what_it_comes_to() -> None:
    result = priced(MIXED, period("12.345", time_s=600))

    fee, used, timed = breakdown(result)["lines"]
    assert used == {
        "dimension": "ENERGY",
        "reason": "used",
        "period": 0,
        "started_at": "2026-03-04T12:00:00+00:00",
        "quantity": "12.345",
        "unit": "kWh",
        "element": 0,
        "unit_price": "0.59",
        "price_per": "kWh",
        "vat": "19",
        "excl_vat": "7.28",
        "incl_vat": "8.67",
        "excl_vat_exact": "7.28355",
        "incl_vat_exact": "8.6674245",
    }
    assert (fee["quantity"], fee["unit"], fee["price_per"]) == ("1", "session", "session")
    assert (timed["quantity"], timed["unit"], timed["price_per"]) == ("600", "s", "h")
    assert (timed["excl_vat_exact"], timed["incl_vat_exact"]) == ("0.5", "0.595")


def test_totals_costs_and_taxes_add_up_to_the_price() -> None:
    result = priced(MIXED, period("12.345", time_s=600), period(after=HOUR, parking_s=1_000))

    shown = breakdown(result)
    assert list(shown["totals"]) == ["ENERGY", "TIME", "PARKING_TIME", "FLAT"]
    total = sum(Fraction(item["incl_vat_exact"]) for item in shown["totals"].values())
    assert total == result.exact_incl
    assert shown["totals"]["PARKING_TIME"] == {
        "quantity": "1000",
        "unit": "s",
        "excl_vat": "1.67",
        "incl_vat": "1.67",
        "excl_vat_exact": "5/3",
        "incl_vat_exact": "5/3",
    }
    assert shown["costs"]["total_parking_cost"] == {"excl_vat": "1.67", "incl_vat": "1.67"}
    assert shown["costs"]["total_fixed_cost"] == {"excl_vat": "0.35", "incl_vat": "0.37"}
    assert shown["costs"]["total_reservation_cost"] == {"excl_vat": "0.00", "incl_vat": "0.00"}
    assert shown["taxes"] == [
        {"vat": "7", "net": "0.35", "tax": "0.02"},
        {"vat": "19", "net": "7.78", "tax": "1.48"},
        {"vat": None, "net": "1.67", "tax": "0.00"},
    ]
    assert shown["exact"]["excl_vat"] == exact_text(net(result))
    assert Fraction(shown["rounding"]["excl_vat"]) == Fraction("9.80") - net(result)


def test_the_surplus_of_a_step_size_is_in_the_totals() -> None:
    blocks = tariff(element(component(DimensionType.ENERGY, "1", step_size=1_000)))

    shown = breakdown(priced(blocks, period("1.2")))

    assert [line["reason"] for line in shown["lines"]] == ["used", "step_size"]
    assert shown["totals"]["ENERGY"]["quantity"] == "2"
    assert shown["costs"]["total_energy_cost"]["incl_vat"] == "2.00"


def test_where_net_is_not_known_it_is_null_everywhere() -> None:
    gross = tariff(element(energy("1")), tax_included=TaxIncluded.YES)

    shown = price_to_json(priced(gross, period("1")))
    inside = breakdown(priced(gross, period("1")))
    assert (shown["excl_vat"], shown["incl_vat"]) == (None, "1.00")
    assert inside["lines"][0]["excl_vat"] is inside["lines"][0]["excl_vat_exact"] is None
    assert inside["totals"]["ENERGY"]["excl_vat"] is None
    assert inside["costs"]["total_energy_cost"]["excl_vat"] is None
    assert inside["taxes"] == [{"vat": None, "net": None, "tax": None}]
    assert inside["exact"]["excl_vat"] is inside["rounding"]["excl_vat"] is None


def test_one_unknown_net_amount_makes_the_net_total_unknown() -> None:
    some = tariff(element(energy("1", "20"), flat("1")), tax_included=TaxIncluded.YES)

    result = priced(some, period("1"))

    assert sides(result) == (None, 2)
    assert result.total(DimensionType.ENERGY).excl == Fraction(5, 6)
    assert priced(some, period("1")).total(DimensionType.FLAT).excl is None


def test_nothing_has_no_tax_in_it_also_at_an_unknown_rate() -> None:
    some = tariff(element(energy("0"), flat("1.20", "20")), tax_included=TaxIncluded.YES)

    result = priced(some, period("1"))

    assert sides(result) == (1, Fraction("1.2"))
    assert result.total(DimensionType.ENERGY).excl == 0
    assert "tax_unknown" not in {finding.code for finding in result.findings}


def test_without_any_tax_the_stated_rate_is_shown_and_not_applied() -> None:
    exempt = tariff(element(energy("1", "19")), tax_included=TaxIncluded.NOT_APPLICABLE)

    shown = breakdown(priced(exempt, period("1")))

    assert shown["lines"][0]["vat"] == "19"
    assert shown["taxes"] == [{"vat": None, "net": "1.00", "tax": "0.00"}]


@pytest.mark.parametrize(
    ("digits", "decimals", "places", "plain"),
    [
        (0, 2, "0.00", "0"),
        (5, 2, "0.05", "0.05"),
        (-5, 2, "-0.05", "-0.05"),
        (1610, 2, "16.10", "16.1"),
        (-1610, 2, "-16.10", "-16.1"),
        (100, 2, "1.00", "1"),
        (600, 0, "600", "600"),
        (-10, 0, "-10", "-10"),
    ],
)
def test_decimals_are_written_out(digits: int, decimals: int, places: str, plain: str) -> None:
    assert decimal_places(digits, decimals) == places
    assert decimal_text_of(digits, decimals) == plain


@given(st.integers(), st.integers(1, 10**45))
def test_a_ratio_reads_back_as_the_same_number(numerator: int, denominator: int) -> None:
    text = ratio_text(numerator, denominator)

    assert Fraction(text) == Fraction(numerator, denominator)
    assert text == "0" or not text.endswith(".")


def negated(found: object, key: str = "") -> object:
    """The JSON of a breakdown with every amount and quantity of a session turned round."""
    signed = ("excl", "incl", "net", "tax", "quantity", "free_quantity")
    if isinstance(found, dict):
        return {name: negated(value, name) for name, value in found.items()}
    if isinstance(found, list):
        return [negated(value) for value in found]
    if isinstance(found, str) and key.startswith(signed):
        turned = -Fraction(found)
        return found if not turned else found[1:] if found[0] == "-" else f"-{found}"
    return found


POLICIES = [
    Rounding(per=per, mode=mode, tax_on_rounded_net=on_net)
    for per in RoundedPer
    for mode in RoundingMode
    for on_net in (False, True)
]


@given(tariffs(st.none() | restrictions, st.integers(0, 4_000)), st.sampled_from(POLICIES))
def test_a_credit_is_the_exact_negative_of_what_it_takes_back(
    any_tariff: TariffVersion, policy: Rounding
) -> None:
    limited = replace(any_tariff, max_price=limit("3", "3.5"), daily_cap=limit("4", "4.5"))
    session = [period("3.3334", time_s=601), period("1", after=HOUR, parking_s=77)]
    result = priced(limited, *session, context=replace(BERLIN, rounding=policy))

    credit = result.credited()

    assert credit.incl == -result.incl
    assert (credit.excl is None) == (result.excl is None)
    shown = price_to_json(credit)
    body = shown["breakdown"]
    assert isinstance(body, dict)
    assert body.pop("credit") is True
    expected = negated(price_to_json(result))
    assert shown == expected
    assert credit.credited() == result


def test_the_json_is_made_of_what_json_has() -> None:
    result = priced(MIXED, period("1", time_s=60))

    assert json.loads(json.dumps(price_to_json(result))) == price_to_json(result)
