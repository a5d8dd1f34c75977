"""OCPP 2.0.1 block J: MeterValues, outside transactions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.dialect import Payload, Reading
from gateway.metering import samples
from gateway.reading import digest, evse_number, whole
from holdfast.contracts.facts import MeterSampled

MULTIPLIER_MAX = 9


def unit_of(value: Mapping[str, Any]) -> tuple[str | None, int]:
    """UnitOfMeasureType: a unit and a power of ten."""
    measure = value.get("unitOfMeasure")
    if not isinstance(measure, dict):
        return None, 0
    unit = measure.get("unit")
    power_of_ten = whole(measure.get("multiplier")) or 0
    if abs(power_of_ten) > MULTIPLIER_MAX:
        return "unknown", 0
    return (unit if isinstance(unit, str) else None), power_of_ten


def meter_values(payload: Payload, received_at: datetime) -> Reading:
    """J01. Key: EVSE, sample time, digest (which holds both)."""
    taken = samples(payload.get("meterValue"), received_at, unit_of)
    at, clock = (taken[-1].at, taken[-1].clock) if taken else (received_at, "missing")
    return Reading(
        MeterSampled(
            at=at,
            clock=clock,
            key=f"meter|{digest(payload)}",
            evse=evse_number(payload.get("evseId")),
            samples=taken,
        )
    )
