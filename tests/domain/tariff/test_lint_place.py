"""Lint of a tariff for a place: its law, its market, its country's tax and money."""

from datetime import date, time
from decimal import Decimal

import pytest

from holdfast.domain.tariff.lint_place import LintPlace
from holdfast.domain.tariff.version import (
    DimensionType,
    PriceComponent,
    SpotPrice,
    TariffElement,
    TariffType,
)
from tests.domain.tariff.linted import FAST, SLOW, codes, limit, version, when
from tests.domain.tariffs import charging, component, element, energy, flat, parking


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (LintPlace(country="SE"), "currency_unlike_country"),
        (LintPlace(currency="SEK"), "currency_unlike_site"),
        (LintPlace(country="AT"), "vat_unlike_country"),
        (LintPlace(ad_hoc=True), "gross_as_net"),
        (LintPlace(feeds=frozenset({"other"})), "spot_without_feed"),
        (LintPlace(calibration_law=True), "not_on_signed_reading"),
        (LintPlace(today=date(2026, 12, 27)), "holidays_ended"),
        (LintPlace(today=date(2026, 12, 1)), "holidays_ending"),
    ],
)
def test_a_place_is_where_a_tariff_can_be_wrong(place: LintPlace, code: str) -> None:
    spot = SpotPrice(feed="DE-LU", fallback=Decimal("0.1"))
    market = PriceComponent(
        type=DimensionType.ENERGY, price=Decimal("0.1"), vat=Decimal(19), spot=spot
    )
    checked = version(
        element(market, when=when(start_time=time(7, 10))),
        element(energy("0.49", "19"), when=when(holiday=True)),
        element(energy("0.39", "19")),
        holiday_calendar="DE-BY",
        holidays=(date(2026, 12, 26),),
    )

    assert code in codes(checked, place)
    assert code not in codes(checked)


def test_a_site_without_vat_in_the_tariff_is_asked_about_it() -> None:
    plain = version(element(energy("0.4")))

    assert "vat_missing" in codes(plain, LintPlace(country="DE"))
    assert "vat_missing" not in codes(plain, LintPlace(country="US"))


@pytest.mark.parametrize(
    "prices",
    [
        element(energy("0.4"), flat("1")),
        element(energy("0.4"), charging("3")),
        element(charging("3")),
        element(energy("0.4"), component(DimensionType.PARKING_TIME, "6", step_size=900)),
    ],
)
def test_ad_hoc_at_50_kw_is_per_kwh_and_an_occupancy_fee_per_minute(prices: TariffElement) -> None:
    checked = version(prices)

    assert "afir_inadmissible" in codes(checked, FAST)
    assert "afir_inadmissible" not in codes(checked, SLOW)
    assert "afir_inadmissible" not in codes(checked, LintPlace(max_power_w=150_000, country="DE"))
    assert "afir_inadmissible" not in codes(
        checked, LintPlace(max_power_w=150_000, country="US", ad_hoc=True)
    )


def test_a_fee_for_staying_long_is_admitted_and_a_least_price_is_not() -> None:
    staying = version(
        element(charging("6"), when=when(min_duration=3_600)),
        element(energy("0.4"), parking("6")),
        type=TariffType.AD_HOC_PAYMENT,
    )
    least = version(element(energy("0.4")), min_price=limit("1"))

    assert "afir_inadmissible" not in codes(staying, FAST)
    assert "afir_inadmissible" in codes(least, FAST)


def test_below_50_kw_the_order_is_advised() -> None:
    assert "afir_order" in codes(version(element(flat("1"), energy("0.4"))), SLOW)
    assert "afir_order" not in codes(version(element(energy("0.4"), flat("1"))), SLOW)
