"""What OCPP 2.1 can say of a tariff is valid by its schema; what it cannot say is told."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import resources
from typing import Any

import jsonschema_rs
import pytest

from holdfast.domain.currency import EUR
from holdfast.domain.tariff.station_tariff import StationTariff, Words, station_tariff
from holdfast.domain.tariff.version import (
    Allowance,
    DayOfWeek,
    DimensionType,
    PriceComponent,
    PriceLimit,
    Reservation,
    Restrictions,
    SpotPrice,
    TariffElement,
    TariffVersion,
    TaxIncluded,
)
from tests.domain.tariffs import charging, element, energy, flat, parking

SCHEMA = resources.files("ocpp.v21") / "schemas" / "SetDefaultTariffRequest.json"


@pytest.fixture(scope="module")
def schema() -> Any:
    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8-sig")))


def tariff(*elements: TariffElement, **fields: Any) -> TariffVersion:
    return TariffVersion(id="v", currency=EUR, elements=elements, **fields)


def said(*elements: TariffElement, **fields: Any) -> StationTariff:
    return station_tariff(tariff(*elements, **fields), tariff_id="v.1")


def test_energy_time_idle_and_fee_are_said_before_tax_in_ocpp_s_units(schema: Any) -> None:
    evening = Restrictions(
        start_time=time(18),
        end_time=time(0),
        day_of_week=(DayOfWeek.MONDAY, DayOfWeek.FRIDAY),
        start_date=date(2026, 1, 1),
        min_kwh=Decimal("1.5"),
        max_power=Decimal(11),
        min_duration=3600,
    )
    got = station_tariff(
        tariff(
            element(energy("0.45", "19"), when=evening),
            element(energy("0.39", "19"), charging("0.60", "19"), parking("6", "19"), flat("1")),
            idle_grace_s=900,
            max_price=PriceLimit(incl_vat=Decimal(50)),
        ),
        tariff_id="v.1",
        valid_from=datetime(2026, 3, 1, tzinfo=UTC),
        descriptions=(Words(text="0,39 €/kWh", language="de"),),
    )

    schema.validate({"evseId": 1, "tariff": got.tariff})
    assert got.losses == ()
    assert got.prices_alike
    assert got.tariff["energy"] == {
        "prices": [
            {
                "priceKwh": 0.45,
                "conditions": {
                    "startTimeOfDay": "18:00",
                    "endTimeOfDay": "00:00",
                    "dayOfWeek": ["Monday", "Friday"],
                    "validFromDate": "2026-01-01",
                    "minEnergy": 1500,
                    "maxPower": 11000,
                    "minTime": 3600,
                },
            },
            {"priceKwh": 0.39},
        ],
        "taxRates": [{"type": "VAT", "tax": 19}],
    }
    assert got.tariff["chargingTime"]["prices"] == [{"priceMinute": 0.01}]
    idle = {"priceMinute": 0.1, "conditions": {"minIdleTime": 900}}
    assert got.tariff["idleTime"]["prices"] == [idle]
    assert got.tariff["fixedFee"] == {"prices": [{"priceFixed": 1}]}
    assert got.tariff["maxCost"] == {"inclTax": 50}
    assert got.tariff["validFrom"] == "2026-03-01T00:00:00Z"
    assert got.tariff["description"][0]["language"] == "de"


def test_a_price_after_tax_is_said_before_it_and_what_was_rounded_is_noted() -> None:
    got = said(element(energy("0.49", "19")), tax_included=TaxIncluded.YES)

    assert got.tariff["energy"]["prices"] == [{"priceKwh": 0.41176471}]
    assert [loss.code for loss in got.losses] == ["price_rounded"]
    assert got.prices_alike


def test_prices_of_a_user_group_are_not_told_to_everybody() -> None:
    members = Restrictions(user_groups=("staff",))
    got = said(element(energy("0.10"), when=members), element(energy("0.49")))

    assert got.tariff["energy"]["prices"] == [{"priceKwh": 0.49}]
    assert got.losses == ()


def test_reservations_have_sections_of_their_own(schema: Any) -> None:
    reserved = Restrictions(reservation=Reservation.RESERVATION)
    got = said(element(charging("6"), flat("2"), when=reserved), element(energy("0.49")))

    schema.validate({"evseId": 0, "tariff": got.tariff})
    assert got.tariff["reservationTime"] == {"prices": [{"priceMinute": 0.1}]}
    assert got.tariff["reservationFixed"] == {"prices": [{"priceFixed": 2}]}
    assert "fixedFee" not in got.tariff


SPOT = PriceComponent(
    type=DimensionType.ENERGY,
    price=Decimal("0.1"),
    spot=SpotPrice(feed="DE-LU", fallback=Decimal("0.2")),
)
FREE = (Allowance(type=DimensionType.ENERGY, quantity=Decimal(5)),)


@pytest.mark.parametrize(
    ("got", "code"),
    [
        (said(element(SPOT)), "spot"),
        (said(element(energy("1")), allowances=FREE), "allowances"),
        (said(element(energy("1")), daily_cap=PriceLimit(incl_vat=Decimal(9))), "daily_cap"),
        (said(element(energy("1"), when=Restrictions(holiday=True))), "holiday"),
        (said(element(energy("1", step_size=500))), "step_size"),
        (said(element(energy("1", "7")), element(energy("1", "19"))), "tax_mixed"),
        (
            said(
                element(
                    charging("1"), when=Restrictions(reservation=Reservation.RESERVATION_EXPIRES)
                )
            ),
            "reservation_expires",
        ),
        (
            said(element(flat("1"), when=Restrictions(min_kwh=Decimal(1))), element(flat("2"))),
            "fixed_conditions",
        ),
        (said(element(flat("1"), when=Restrictions(start_time=time(8)))), "fixed_later"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_come_to_another_price_is_not_called_alike(
    got: StationTariff, code: str
) -> None:
    assert code in [loss.code for loss in got.losses]
    assert not got.prices_alike


def test_an_id_that_no_station_can_keep_is_refused() -> None:
    with pytest.raises(ValueError, match="60 characters"):
        station_tariff(tariff(element(energy("1"))), tariff_id="x" * 61)
