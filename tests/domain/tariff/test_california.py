"""Prices for OCPP 1.6 displays: JSON text within the protocol's lengths, amounts as billed."""

import json
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from holdfast.domain.currency import EUR
from holdfast.domain.money import Money
from holdfast.domain.tariff.california import (
    Meter,
    UnitPrices,
    default_price,
    final_cost,
    running_cost,
    user_price,
)

UNITS = UnitPrices(
    kwh=Fraction(49, 100), hour=Fraction(0), idle_hour=Fraction(6), idle_grace_s=1_800
)


@pytest.mark.parametrize(
    ("length", "is_offline_said"), [(20, True), (400, False), (2_000, False)], ids=str
)
def test_a_default_price_fits_into_a_configuration_key(length: int, is_offline_said: bool) -> None:
    value = default_price('"' * length, "offline " * 20, UNITS)

    said = json.loads(value)
    assert len(value) <= 500
    assert ("priceTextOffline" in said) is is_offline_said
    assert said["chargingPrice"] == {"kWhPrice": 0.49, "hourPrice": 0}
    assert len(said["priceText"]) == min(length, len(said["priceText"])) > 10


def test_a_running_cost_says_until_when_it_counts_and_what_comes_next() -> None:
    meter = Meter(at=datetime(2026, 3, 1, 12, tzinfo=UTC), register_wh=12_345, idle=True)
    payload = running_cost(77, meter, Money(1_005, EUR), UNITS)

    assert payload["vendor_id"] == "org.openchargealliance.costmsg"
    assert payload["message_id"] == "RunningCost"
    assert json.loads(payload["data"]) == {
        "transactionId": 77,
        "timestamp": "2026-03-01T12:00:00Z",
        "meterValue": 12_345,
        "cost": 10.05,
        "state": "Idle",
        "chargingPrice": {"kWhPrice": 0.49, "hourPrice": 0},
        "idlePrice": {"graceMinutes": 30, "hourPrice": 6},
    }


def test_a_driver_s_price_and_a_final_cost_are_texts_of_json() -> None:
    price = json.loads(user_price("CARD", "0,49 €/kWh")["data"])
    final = json.loads(final_cost(77, Money(0, EUR), "0 €")["data"])

    assert price == {"idToken": "CARD", "priceText": "0,49 €/kWh"}
    assert final == {"transactionId": 77, "cost": 0, "priceText": "0 €"}
