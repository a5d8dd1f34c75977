"""Policies of rounding: what is rounded before it is added up, where the rest goes, whose tax."""

from dataclasses import replace
from fractions import Fraction

import pytest

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.context import PriceContext, RoundedPer, Rounding, RoundingMode
from holdfast.domain.pricing.priced_session import AdjustmentReason, PricedSession
from holdfast.domain.pricing.rounding import whole
from holdfast.domain.tariff.version import Reservation, Restrictions, TaxIncluded
from tests.domain.pricing.sessions import HOUR, adjustments, limit, period, priced
from tests.domain.tariffs import BERLIN, charging, element, energy, flat, tariff


def rounding(**policy: object) -> PriceContext:
    return replace(BERLIN, rounding=Rounding(**policy))  # type: ignore[arg-type]


def stated(result: PricedSession) -> tuple[object, object]:
    shown = price_to_json(result)
    return shown["excl_vat"], shown["incl_vat"]


def explained(result: PricedSession) -> Fraction:
    """Lines, adjustments and the last rounding, as the breakdown shows them."""
    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    parts = [*shown["lines"], *shown["adjustments"]]
    total = sum((Fraction(item["incl_vat_exact"]) for item in parts), Fraction(0))
    return total + Fraction(shown["rounding"]["incl_vat"])


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (RoundingMode.HALF_UP, {"2.4": 2, "2.5": 3, "2.6": 3, "3.5": 4, "-2.5": -3}),
        (RoundingMode.HALF_EVEN, {"2.4": 2, "2.5": 2, "2.6": 3, "3.5": 4, "-2.5": -2}),
        (RoundingMode.UP, {"2": 2, "2.1": 3, "2.9": 3, "-2.1": -3}),
        (RoundingMode.DOWN, {"2": 2, "2.1": 2, "2.9": 2, "-2.9": -2}),
    ],
)
def test_a_mode_rounds_the_size_and_keeps_the_sign(
    mode: RoundingMode, expected: dict[str, int]
) -> None:
    for text, rounded in expected.items():
        exact = Fraction(text)
        assert whole(exact.numerator, exact.denominator, mode) == rounded, text


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (RoundingMode.HALF_UP, "0.13"),
        (RoundingMode.HALF_EVEN, "0.12"),
        (RoundingMode.UP, "0.13"),
        (RoundingMode.DOWN, "0.12"),
    ],
)
def test_the_total_is_rounded_by_the_mode(mode: RoundingMode, expected: str) -> None:
    result = priced(tariff(element(energy("0.25"))), period("0.5"), context=rounding(mode=mode))

    assert stated(result) == (expected, expected)
    assert result.incl.decimal_text() == expected
    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    assert shown["lines"][0]["incl_vat"] == expected
    assert shown["totals"]["ENERGY"]["incl_vat"] == expected
    assert explained(result) == Fraction(expected)


CENTS = tariff(element(energy("0.335"), charging("0.045"), flat("0.004")))
SESSION = [
    period("1", time_s=3_600),
    period("1", after=HOUR, time_s=3_600),
    period("1", after=2 * HOUR, time_s=3_600),
]


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        (RoundedPer.TOTAL, "1.14"),  # 1.144
        (RoundedPer.LINE, "1.15"),  # 1.005 + 0.135 + 0.004 = 1.01 + 0.14 + 0
        (RoundedPer.PERIOD, "1.14"),  # 0.384 + 0.38 + 0.38
    ],
)
def test_what_is_rounded_before_it_is_added_up(per: RoundedPer, expected: str) -> None:
    result = priced(CENTS, *SESSION, context=rounding(per=per))

    assert stated(result) == (expected, expected)
    assert explained(result) == Fraction(expected)


def test_periods_are_rounded_with_all_that_they_cost() -> None:
    result = priced(CENTS, *SESSION, context=rounding(per=RoundedPer.PERIOD, mode=RoundingMode.UP))

    assert stated(result) == ("1.15", "1.15")  # 0.39 + 0.38 + 0.38
    assert adjustments(result) == [
        (AdjustmentReason.ROUNDING, Fraction("0.006"), Fraction("0.006"))
    ]


def test_reserved_time_is_a_line_of_its_own() -> None:
    held = element(charging("0.005"), when=Restrictions(reservation=Reservation.RESERVATION))
    both = tariff(held, element(charging("0.005")))

    result = priced(
        both, period(time_s=3_600, reservation_s=3_600), context=rounding(per=RoundedPer.LINE)
    )

    assert stated(result) == ("0.02", "0.02")


def test_rounding_that_changes_nothing_is_no_adjustment() -> None:
    result = priced(
        tariff(element(energy("1"))), period("1"), context=rounding(per=RoundedPer.LINE)
    )

    assert result.adjustments == ()


def test_tax_on_the_rounded_net_amount_is_worked_out_per_rate_and_rounded_by_itself() -> None:
    both = tariff(element(energy("0.333", "19"), flat("0.055", "7")))
    hubs = rounding(tax_on_rounded_net=True, mode=RoundingMode.UP)

    result = priced(both, period("1"), context=hubs)

    # 0.34 and 0.0646 up to 0.07; 0.06 and 0.0042 up to 0.01
    assert stated(result) == ("0.40", "0.48")
    assert explained(result) == Fraction("0.48")
    assert stated(priced(both, period("1"))) == ("0.39", "0.46")


def test_a_price_that_includes_tax_stays_what_was_shown_whatever_the_policy() -> None:
    gross = tariff(element(energy("0.10", "19")), tax_included=TaxIncluded.YES)
    result = priced(gross, period("1"), context=rounding(tax_on_rounded_net=True))

    assert stated(result) == ("0.08", "0.10")


def test_limits_count_after_what_was_rounded_on_the_way() -> None:
    most = replace(CENTS, max_price=limit("1.14", "1.14"))
    result = priced(most, *SESSION, context=rounding(per=RoundedPer.LINE))

    assert stated(result) == ("1.14", "1.14")
    reasons = [item.reason for item in result.adjustments]
    assert reasons == [AdjustmentReason.ROUNDING, AdjustmentReason.MAX_PRICE]
    assert explained(result) == Fraction("1.14")


def test_with_a_cap_per_day_the_dimensions_of_each_day_are_rounded() -> None:
    capped = replace(tariff(element(energy("0.335"))), daily_cap=limit("0.5", "0.5"))
    session = [period("1"), period("1", after=24 * HOUR)]

    result = priced(capped, *session, context=rounding(per=RoundedPer.LINE))

    assert stated(result) == ("0.68", "0.68")
    assert stated(priced(CENTS, *session, context=rounding(per=RoundedPer.LINE))) == (
        "0.67",
        "0.67",
    )


@pytest.mark.parametrize(
    ("decimals", "text", "money"), [(0, "1", "1.00"), (1, "1.2", "1.20"), (3, "1.235", "1.23")]
)
def test_a_policy_may_state_other_decimals_than_money_has(
    decimals: int, text: str, money: str
) -> None:
    result = priced(
        tariff(element(energy("1.2346"))), period("1"), context=rounding(decimals=decimals)
    )

    assert stated(result) == (text, text)
    assert result.incl.decimal_text() == money


def test_only_a_policy_that_is_not_ours_is_named_in_the_breakdown() -> None:
    plain = tariff(element(energy("1")))
    ours = price_to_json(priced(plain, period("1")))["breakdown"]
    same = price_to_json(priced(plain, period("1"), context=rounding()))["breakdown"]
    theirs = price_to_json(priced(plain, period("1"), context=rounding(decimals=4)))["breakdown"]

    assert isinstance(ours, dict)
    assert isinstance(same, dict)
    assert isinstance(theirs, dict)
    assert "rounding_policy" not in ours
    assert "rounding_policy" not in same
    assert theirs["rounding_policy"] == {
        "per": "total",
        "mode": "half_up",
        "tax_on_rounded_net": False,
        "decimals": 4,
    }


def test_decimals_are_few() -> None:
    with pytest.raises(ValueError, match="decimals"):
        Rounding(decimals=-1)
    with pytest.raises(ValueError, match="decimals"):
        Rounding(decimals=10)
