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
        reservation_s=seconds("RESERVATION_TIME"),
        tariff_id=recorded.get("tariff_id"),
        min_current_a=volumes.get("MIN_CURRENT"),
        max_current_a=volumes.get("MAX_CURRENT"),
        min_power_kw=volumes.get("MIN_POWER"),
        max_power_kw=volumes.get("MAX_POWER"),
    )


def priced(vector: dict[str, Any]) -> PricedSession:
    """A credit is the price of what it takes back, negated."""
    periods = [charging_period(item) for item in vector["cdr"]["charging_periods"]]
    tariffs = [tariff_from_json(item) for item in vector.get("tariffs", [vector["tariff"]])]
    context = PriceContext(
        zone=vector["time_zone"], reservation_expired=vector["context"]["reservation_expired"]
    )
    result = price(tariffs, periods, context)
    return result.credited() if vector["cdr"].get("credit") else result


def same_amount(exact: Fraction | None, stated: str | None, decimals: int) -> bool:
    if stated is None:
        return True
    return exact is not None and round_half_up(exact * 10**decimals) == Decimal(stated).scaleb(
        decimals
    )


@pytest.mark.parametrize("vector", VECTORS, ids=[item["id"] for item in VECTORS])
def test_a_vector_costs_what_its_source_states(vector: dict[str, Any]) -> None:
    result = priced(vector)

    decimals, costs = vector["compare"]["decimals"], result.costs()
    parts = {
        "total_cost": (result.exact_excl, result.exact_incl),
        "total_fixed_cost": (costs.fixed.excl, costs.fixed.incl),
        "total_energy_cost": (costs.energy.excl, costs.energy.incl),
        "total_time_cost": (costs.time.excl, costs.time.incl),
        "total_parking_cost": (costs.parking.excl, costs.parking.incl),
        "total_reservation_cost": (costs.reservation.excl, costs.reservation.incl),
    }
    assert vector["expected"].keys() <= parts.keys()
    for name, stated in vector["expected"].items():
        excl, incl = parts[name]
        assert same_amount(excl, stated["excl_vat"], decimals), name
        assert same_amount(incl, stated["incl_vat"], decimals), name


@pytest.mark.parametrize("vector", VECTORS, ids=[item["id"] for item in VECTORS])
def test_a_vector_costs_and_bills_exactly_what_its_oracle_found(vector: dict[str, Any]) -> None:
    """A credit record has no such figures of its own."""
    computed = vector.get("computed") or {"billed": {}, "total_cost": {}}
    result = priced(vector)

    for name, quantity in computed["billed"].items():
        if name == "reservation_s":
            assert reserved_s(result) == quantity
        else:
            kind, per_unit = BILLED[name]
            assert result.total(kind).quantity == quantity * per_unit, name
    assert same_amount(result.exact_excl, computed["total_cost"].get("excl_vat"), 4)
    assert same_amount(result.exact_incl, computed["total_cost"].get("incl_vat"), 4)


def reserved_s(result: PricedSession) -> int:
    timed = (line for line in result.lines if line.dimension is DimensionType.TIME)
    return sum(line.quantity for line in timed if line.reservation)


@pytest.mark.parametrize("vector", VECTORS, ids=[item["id"] for item in VECTORS])
def test_a_vectors_tariff_survives_its_json(vector: dict[str, Any]) -> None:
    tariff = tariff_from_json(vector["tariff"])

    assert tariff_from_json(json.loads(json.dumps(tariff_to_json(tariff)))) == tariff


def test_all_vectors_are_there_and_some_need_a_step_size() -> None:
    lines = [line for item in VECTORS for line in priced(item).lines]

    assert len(VECTORS) >= 47
    assert any(line.reason is LineReason.STEP_SIZE for line in lines)
