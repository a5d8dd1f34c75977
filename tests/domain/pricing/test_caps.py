"""Caps per day, least and greatest price: in this order, each side of tax by itself."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.context import Earlier
from holdfast.domain.pricing.priced_session import AdjustmentReason
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceLimit,
    Restrictions,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.sessions import (
    HOUR,
    adjustments,
    codes,
    limit,
    net,
    period,
    priced,
    sides,
)
from tests.domain.tariffs import BERLIN, charging, component, element, energy, tariff

CAP, LEAST, MOST = (
    AdjustmentReason.DAILY_CAP,
    AdjustmentReason.MIN_PRICE,
    AdjustmentReason.MAX_PRICE,
)
MIDNIGHT = datetime(2026, 3, 4, 23, tzinfo=UTC)
"""00:00 of the fifth in Berlin."""


def capped(plain: TariffVersion, cap: PriceLimit) -> TariffVersion:
    return replace(plain, daily_cap=cap)


def spent(excl: str, incl: str, day: str = "2026-03-04") -> Earlier:
    return Earlier(spent={day: (Fraction(excl), Fraction(incl))})


PER_KWH = tariff(element(energy("1", "20")))
TEN = capped(PER_KWH, limit("10", "12"))


def test_a_day_costs_its_cap_at_most_and_the_breakdown_names_the_day() -> None:
    result = priced(TEN, period("15"))

    assert sides(result) == (10, 12)
    assert adjustments(result) == [(CAP, -5, -6)]
    assert result.adjustments[0].day == date(2026, 3, 4)
    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    assert shown["adjustments"][0]["day"] == "2026-03-04"
    assert codes(result) == {"daily_cap"}


def test_below_the_cap_nothing_is_adjusted() -> None:
    assert priced(TEN, period("10")).adjustments == ()


def test_each_local_day_has_a_cap_of_its_own() -> None:
    session = [period("15", at=MIDNIGHT, after=-HOUR), period("12", at=MIDNIGHT)]

    result = priced(TEN, *session)

    assert net(result) == 20
    assert [item.day for item in result.adjustments] == [date(2026, 3, 4), date(2026, 3, 5)]
    in_utc = priced(TEN, *session, context=replace(BERLIN, zone="UTC"))
    assert net(in_utc) == 10


def test_what_was_spent_earlier_on_the_day_counts() -> None:
    def cost(earlier: Earlier) -> tuple[object, object]:
        return sides(priced(TEN, period("5"), context=replace(BERLIN, earlier=earlier)))

    assert cost(spent("4", "4.8")) == (5, 6)
    assert cost(spent("8", "9.6")) == (2, Fraction("2.4"))
    assert cost(spent("30", "36")) == (0, 0)
    assert cost(spent("30", "36", "2026-03-03")) == (5, 6)


def test_each_side_of_tax_has_its_own_cap() -> None:
    assert adjustments(priced(capped(PER_KWH, limit("10", "99")), period("15"))) == [(CAP, -5, 0)]
    assert adjustments(priced(capped(PER_KWH, limit("99", "12")), period("15"))) == [(CAP, 0, -6)]


def test_without_tax_a_cap_on_one_side_is_one_on_both() -> None:
    untaxed = capped(tariff(element(energy("1"))), limit("10"))

    assert adjustments(priced(untaxed, period("15"))) == [(CAP, -5, -5)]


def test_tax_that_is_included_at_an_unknown_rate_is_no_reason_to_cap_the_other_side() -> None:
    gross = capped(tariff(element(energy("1")), tax_included=TaxIncluded.YES), limit("10"))

    result = priced(gross, period("15"))

    assert sides(result) == (None, 15)
    assert result.adjustments == ()


def test_with_tax_a_cap_on_one_side_says_nothing_of_the_other_and_is_a_finding() -> None:
    result = priced(capped(PER_KWH, limit("10")), period("15"))

    assert sides(result) == (10, 18)
    assert codes(result) >= {"daily_cap", "price_limit_one_sided"}


def test_the_surplus_of_a_step_size_counts_on_the_day_of_its_line() -> None:
    blocks = capped(
        tariff(element(component(DimensionType.ENERGY, "1", step_size=10_000))), limit("10", "10")
    )
    session = [period("9", at=MIDNIGHT, after=-HOUR), period("5", at=MIDNIGHT)]

    result = priced(blocks, *session)

    assert net(result) == 9 + 10
    assert [item.day for item in result.adjustments] == [date(2026, 3, 5)]


def test_the_cap_of_a_day_comes_before_the_least_and_the_greatest_price() -> None:
    lifted = replace(TEN, min_price=limit("11", "13.2"))
    lowered = replace(TEN, max_price=limit("9", "10.8"))

    assert adjustments(priced(lifted, period("15"))) == [(CAP, -5, -6), (LEAST, 1, Fraction("1.2"))]
    assert adjustments(priced(lowered, period("15"))) == [
        (CAP, -5, -6),
        (MOST, -1, Fraction("-1.2")),
    ]


def test_the_greatest_price_wins_over_a_least_price_above_it() -> None:
    odd = replace(PER_KWH, min_price=limit("20", "24"), max_price=limit("10", "12"))

    assert net(priced(odd, period("1"))) == 10


def test_a_session_that_costs_nothing_has_the_least_price_and_no_session_has_none() -> None:
    least = replace(PER_KWH, min_price=limit("2", "2.4"))

    result = priced(least, period())

    assert sides(result) == (2, Fraction("2.4"))
    assert net(priced(least)) == 0


def test_a_one_sided_least_price_of_a_session_without_lines_invents_no_tax() -> None:
    assert adjustments(priced(replace(PER_KWH, min_price=limit("2")), period())) == [(LEAST, 2, 0)]
    untaxed = tariff(element(energy("1")), min_price=limit("2"))
    assert adjustments(priced(untaxed, period())) == [(LEAST, 2, 2)]
    later = Restrictions(min_duration=9)
    fee_later = tariff(element(charging("1", "20"), when=later), min_price=limit("2"))
    assert adjustments(priced(fee_later, period())) == [(LEAST, 2, 0)]


def test_where_net_is_not_known_only_the_limit_after_tax_counts() -> None:
    gross = tariff(element(energy("1")), tax_included=TaxIncluded.YES, max_price=limit("1", "10"))

    result = priced(gross, period("15"))

    assert sides(result) == (None, 10)
    assert adjustments(result) == [(MOST, None, -5)]
    assert priced(gross, period("9")).adjustments == ()


def test_a_limit_that_is_met_exactly_changes_nothing() -> None:
    exact = replace(PER_KWH, min_price=limit("5", "6"), max_price=limit("5", "6"))

    assert priced(exact, period("5")).adjustments == ()


def test_taxes_with_what_was_adjusted_add_up_to_the_tax_of_the_total() -> None:
    mixed = tariff(element(energy("1", "20"), charging("6", "10")), max_price=limit("5", "5.7"))
    result = priced(mixed, period("4", time_s=1_800))

    taxes = [(item.vat, item.adjusted) for item in result.taxes()]
    assert taxes == [("20", False), ("10", False), (None, True)]
    total = sum(Fraction(*item.tax) for item in result.taxes() if item.tax is not None)
    assert total == result.exact_incl - net(result) == Fraction("0.7")
    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    assert [item.get("reason") for item in shown["taxes"]] == [None, None, "adjustments"]
    assert [item["tax"] for item in shown["taxes"]] == ["0.80", "0.30", "-0.40"]


def test_a_cap_counts_decimals_that_money_has_not() -> None:
    fine = capped(PER_KWH, PriceLimit(excl_vat=Decimal("1.005"), incl_vat=Decimal("1.206")))

    result = priced(fine, period("15"))

    assert net(result) == Fraction("1.005")
    assert result.excl is not None
    assert result.excl.decimal_text() == "1.01"
