"""Prices that follow a market: factor times the market's, plus a markup, between two bounds."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from holdfast.domain.pricing.breakdown import price_to_json
from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext, SpotCurve
from holdfast.domain.pricing.price import price_compiled
from holdfast.domain.pricing.priced_session import LineReason
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    SpotPrice,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.pricing.sessions import HOUR, MINUTE, codes, limit, net, period, priced
from tests.domain.tariffs import BERLIN, NOON, element, tariff


def market(*prices: str | None, starts_at: datetime = NOON) -> PriceContext:
    starts = tuple(starts_at + number * HOUR for number in range(len(prices)))
    known = tuple(None if text is None else Decimal(text) for text in prices)
    return replace(BERLIN, spot={"day-ahead": SpotCurve(starts, known, starts[-1] + HOUR)})


def spot(
    markup: str = "0", *, vat: str | None = None, step_size: int = 1, **more: str
) -> PriceComponent:
    values = {name: Decimal(text) for name, text in more.items()}
    return PriceComponent(
        type=DimensionType.ENERGY,
        price=Decimal(markup),
        vat=None if vat is None else Decimal(vat),
        step_size=step_size,
        spot=SpotPrice(feed="day-ahead", **{"fallback": Decimal("0.5"), **values}),
    )


def following(component: PriceComponent) -> TariffVersion:
    return tariff(element(component))


@pytest.mark.parametrize(
    ("component", "market_price", "per_kwh"),
    [
        (spot(), "0.2", "0.2"),
        (spot("0.1"), "0.2", "0.3"),
        (spot("0.1", factor="1.5"), "0.2", "0.4"),
        (spot("0.1", factor="1.1234"), "0.12345", "0.238683730"),
        (spot(), "-0.2", "0"),
        (spot("0.1", floor="0.05"), "-0.2", "0.05"),
        (spot("0.1"), "-0.04", "0.06"),
        (spot("0.1", ceiling="0.25"), "0.2", "0.25"),
        (spot("0.1", ceiling="0.3"), "0.2", "0.3"),
        (spot("0.1", factor="0"), "9", "0.1"),
    ],
)
def test_the_price_of_a_kwh_is_exact_and_stays_between_its_bounds(
    component: PriceComponent, market_price: str, per_kwh: str
) -> None:
    result = priced(following(component), period("10"), context=market(market_price))

    assert net(result) == 10 * Fraction(per_kwh)


def test_the_market_price_at_the_start_of_a_period_counts() -> None:
    hours = market("0.1", "0.2", "0.3")
    session = [period("1", after=30 * MINUTE), period("1", after=HOUR)]

    assert net(priced(following(spot()), *session, context=hours)) == Fraction("0.3")
    last = period("1", after=HOUR - timedelta(microseconds=1))
    assert net(priced(following(spot()), last, context=hours)) == Fraction("0.1")


@pytest.mark.parametrize(
    ("context", "after"),
    [
        (BERLIN, timedelta(0)),
        (market("0.1"), -MINUTE),
        (market("0.1"), HOUR),
        (market("0.1", None, "0.1"), HOUR),
    ],
    ids=["no feed", "before it", "after it", "a hole in it"],
)
def test_where_the_market_says_nothing_the_fallback_stands_for_it_and_that_is_a_finding(
    context: PriceContext, after: timedelta
) -> None:
    marked_up = following(spot("0.1", factor="2"))
    result = priced(marked_up, period("1", after=after), context=context)

    assert net(result) == Fraction("1.1")
    assert codes(result) == {"spot_missing"}
    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    assert shown["lines"][0]["spot"]["fallback"] is True


def test_a_market_price_that_equals_the_fallback_is_known_all_the_same() -> None:
    result = priced(following(spot()), period("1"), context=market("0.5"))

    assert codes(result) == set()


def test_the_breakdown_shows_the_markets_price_on_each_line() -> None:
    result = priced(
        following(spot("0.1", factor="1.19", vat="19")),
        period("1"),
        period("1", after=HOUR),
        context=market("0.2", "-0.05"),
    )

    shown = price_to_json(result)["breakdown"]
    assert isinstance(shown, dict)
    assert [(line["unit_price"], line["spot"]) for line in shown["lines"]] == [
        (
            "0.338",
            {"feed": "day-ahead", "market_price": "0.2", "markup": "0.1", "fallback": False},
        ),
        (
            "0.0405",
            {"feed": "day-ahead", "market_price": "-0.05", "markup": "0.1", "fallback": False},
        ),
    ]
    assert [line["incl_vat_exact"] for line in shown["lines"]] == ["0.40222", "0.048195"]


def test_the_surplus_of_a_step_size_has_the_market_price_of_the_last_period() -> None:
    blocks = following(spot(step_size=1_000))
    session = [period("1", after=timedelta(0)), period("0.5", after=HOUR)]

    result = priced(blocks, *session, context=market("0.1", "0.4"))

    assert result.lines[-1].reason is LineReason.STEP_SIZE
    assert net(result) == Fraction("0.1") + Fraction("0.4")


def test_tax_is_added_to_or_taken_out_of_the_whole_price() -> None:
    added = following(spot("0.1", vat="25"))
    included = replace(added, tax_included=TaxIncluded.YES)
    hour = market("0.3")

    assert priced(added, period("10"), context=hour).exact_incl == 5
    assert net(priced(included, period("10"), context=hour)) == Fraction("3.2")


def test_one_compiled_tariff_prices_sessions_at_many_markets() -> None:
    compiled = compile_tariff(following(spot()))
    for text in ("0.1", "0.2", "0.1", "0.3333333"):
        result = price_compiled(compiled, [period("3")], market(text))
        assert net(result) == 3 * Fraction(text)


def test_caps_and_lines_of_many_decimals_add_up() -> None:
    fine = replace(following(spot(factor="1.2345", vat="19")), max_price=limit("0.5", "0.595"))
    result = priced(
        fine, period("1"), period("1", after=HOUR), context=market("0.23456", "0.33333")
    )

    parts = [line.incl for line in result.lines] + [item.incl for item in result.adjustments]
    assert sum(parts) == result.exact_incl == Fraction("0.595")
