"""OCPP 1.6 section 4.7 (MeterValues)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.dialect import Payload, Reading
from gateway.metering import samples
from gateway.reading import digest, evse_if_any, evse_number, transaction_id
from holdfast.contracts.facts import MeterSampled


def unit_of(value: Mapping[str, Any]) -> tuple[str | None, int]:
    """Section 7.28: the unit is a word of its own."""
    unit = value.get("unit")
    return (unit if isinstance(unit, str) else None), 0


def meter_values(payload: Payload, received_at: datetime) -> Reading:
    """Section 4.7. Key: connector, transaction, sample time, digest (which holds all three)."""
    taken = samples(payload.get("meterValue"), received_at, unit_of)
    transaction = transaction_id(payload.get("transactionId"))
    connector = payload.get("connectorId")
    # The transaction says enough: a bad connector must not cost its energy.
    evse = evse_number(connector) if transaction is None else evse_if_any(connector) or 0
    at, clock = (taken[-1].at, taken[-1].clock) if taken else (received_at, "missing")
    return Reading(
        MeterSampled(
            at=at,
            clock=clock,
            key=f"meter|{digest(payload)}",
            evse=evse,
            transaction_id=transaction,
            samples=taken,
        )
    )
