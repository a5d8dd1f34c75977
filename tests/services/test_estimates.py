"""An estimate is priced as a session is, findings of its cutting included."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from holdfast.domain.pricing.compiled_tariff import compile_tariff
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.services.estimates import Imagined, estimate
from holdfast.services.refusal import Invalid

TEN_AT_NIGHT = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
TARIFF = tariff_from_json(
    {
        "id": "v",
        "currency": "EUR",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": "0.20"}],
                "restrictions": {"start_time": "22:00", "end_time": "06:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": "0.40"}]},
        ],
    }
)


def test_an_estimate_across_two_prices_says_that_its_energy_was_divided() -> None:
    imagined = Imagined(started_at=TEN_AT_NIGHT, energy_wh=10_000, charging_s=3_600)
    context = PriceContext(zone="UTC")

    found = estimate(TARIFF, imagined, context)

    assert found == estimate(compile_tariff(TARIFF), imagined, context)
    assert found["incl_vat"] == "3.00"
    breakdown = found["breakdown"]
    assert isinstance(breakdown, dict)
    assert [one["code"] for one in breakdown["findings"]] == ["interpolated"]


def test_energy_that_takes_no_time_is_refused() -> None:
    with pytest.raises(Invalid, match="charging_s"):
        estimate(
            TARIFF,
            Imagined(started_at=TEN_AT_NIGHT, energy_wh=1, charging_s=0),
            PriceContext(zone="UTC"),
        )


def test_a_price_that_changes_too_often_to_be_cut_is_refused_in_words() -> None:
    quarters = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(0, 1_440, 15)]
    prices = [{"price_components": [{"type": "ENERGY", "price": "0.20"}]}]
    windows = [
        {**prices[0], "restrictions": {"start_time": starts, "end_time": ends}}
        for starts, ends in pairwise(quarters)
    ]
    tariff = tariff_from_json({"id": "v", "currency": "EUR", "elements": [*windows, *prices]})

    with pytest.raises(Invalid, match="imagine a shorter session"):
        estimate(
            tariff,
            Imagined(started_at=TEN_AT_NIGHT, energy_wh=90_000, charging_s=110 * 86_400),
            PriceContext(zone="UTC"),
        )
