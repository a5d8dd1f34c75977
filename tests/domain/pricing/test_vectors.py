"""The shared OCPI pricing vectors: each is priced from its tariff and periods, never from totals.

They are not part of the repository (their tariffs have licences of their own) and are looked for
beside it.
"""

import json
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.money import round_half_up
from holdfast.domain.pricing.charging_period import ChargingPeriod
from holdfast.domain.pricing.context import PriceContext
from holdfast.domain.pricing.price import price
from holdfast.domain.pricing.priced_session import LineReason, PricedSession
from holdfast.domain.tariff.canonical import tariff_to_json
from holdfast.domain.tariff.form import tariff_from_json
from holdfast.domain.tariff.version import DimensionType

FOLDER = Path(__file__).parents[4] / "shared" / "vectors" / "tariffs" / "vectors"

NOT_SUPPORTED = {
    "RESERVATION": "reservations are priced with roaming",
    "credit_cdr": "a credit is a document that repeats a price, not a price",
    "multiple_tariffs": "a session has one frozen tariff version",
}

SUBTOTALS = {
    "total_energy_cost": DimensionType.ENERGY,
    "total_time_cost": DimensionType.TIME,
    "total_parking_cost": DimensionType.PARKING_TIME,
    "total_fixed_cost": DimensionType.FLAT,
}
BILLED = {
    "energy_wh": (DimensionType.ENERGY, 1_000),
    "time_s": (DimensionType.TIME, 1),
    "parking_s": (DimensionType.PARKING_TIME, 1),
}

if not FOLDER.is_dir():
    pytest.skip("the shared tariff vectors are not beside the repository", allow_module_level=True)

VECTORS = [
    json.loads(path.read_text(), parse_float=Decimal) for path in sorted(FOLDER.glob("*.json"))
]


def charging_period(recorded: dict[str, Any]) -> ChargingPeriod:
    volumes = {item["type"]: Decimal(item["volume"]) for item in recorded["dimensions"]}

    def seconds(name: str) -> int:
        return round_half_up(volumes.get(name, Decimal(0)) * 3_600)

    return ChargingPeriod(
        started_at=datetime.fromisoformat(recorded["start_date_time"]),
        energy_mwh=round_half_up(volumes.get("ENERGY", Decimal(0)) * 1_000_000),
        time_s=seconds("TIME"),
        parking_s=seconds("PARKING_TIME"),
        min_current_a=volumes.get("MIN_CURRENT"),
        max_current_a=volumes.get("MAX_CURRENT"),
        min_power_kw=volumes.get("MIN_POWER"),
        max_power_kw=volumes.get("MAX_POWER"),
    )


def priced(vector: dict[str, Any]) -> PricedSession:
    for feature in vector["features"]:
        if feature in NOT_SUPPORTED:
            pytest.skip(f"{feature}: {NOT_SUPPORTED[feature]}")
    periods = [charging_period(item) for item in vector["cdr"]["charging_periods"]]
    return price(
        tariff_from_json(vector["tariff"]), periods, PriceContext(zone=vector["time_zone"])
    )


def same_amount(exact: Fraction | None, stated: str | None, decimals: int) -> bool:
    if stated is None:
        return True
    return exact is not None and round_half_up(exact * 10**decimals) == Decimal(stated).scaleb(
        decimals
    )


@pytest.mark.parametrize("vector", VECTORS, ids=[item["id"] for item in VECTORS])
def test_a_vector_costs_what_its_source_states(vector: dict[str, Any]) -> None:
    result = priced(vector)

    decimals = vector["compare"]["decimals"]
    stated = vector["expected"]["total_cost"]
    assert same_amount(result.exact_excl, stated["excl_vat"], decimals)
    assert same_amount(result.exact_incl, stated["incl_vat"], decimals)
    for name, kind in SUBTOTALS.items():
        if name in vector["expected"]:
            part, stated = result.total(kind), vector["expected"][name]
            assert same_amount(part.excl, stated["excl_vat"], decimals), name
            assert same_amount(part.incl, stated["incl_vat"], decimals), name


@pytest.mark.parametrize("vector", VECTORS, ids=[item["id"] for item in VECTORS])
def test_a_vector_bills_the_quantities_that_its_oracle_found(vector: dict[str, Any]) -> None:
    result = priced(vector)

    for name, quantity in vector["computed"]["billed"].items():
        if name in BILLED:
            kind, per_unit = BILLED[name]
            assert result.total(kind).quantity == quantity * per_unit, name


@pytest.mark.parametrize("vector", VECTORS, ids=[item["id"] for item in VECTORS])
def test_a_vectors_tariff_survives_its_json(vector: dict[str, Any]) -> None:
    tariff = tariff_from_json(vector["tariff"])

    assert tariff_from_json(json.loads(json.dumps(tariff_to_json(tariff)))) == tariff


def test_most_vectors_are_priced_and_some_need_a_step_size() -> None:
    supported = [item for item in VECTORS if not NOT_SUPPORTED.keys() & set(item["features"])]

    assert len(supported) >= len(VECTORS) - 6
    assert any(
        line.reason is LineReason.STEP_SIZE for item in supported for line in priced(item).lines
    )
