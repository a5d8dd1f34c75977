"""OCPP 2.1 block E: TransactionEvent, with what 2.1 adds to it (I11, I12, C20, Q)."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from gateway.dialect import Payload, Reading
from gateway.reading import text
from gateway.v201 import transactions
from holdfast.contracts.facts import TransactionEnded, TransactionStarted, TransactionUpdated


def transaction_event(payload: Payload, received_at: datetime) -> Reading:
    """E01 to E07 as in 2.0.1; what is new goes with the fact as `extras`."""
    reading = transactions.transaction_event(payload, received_at)
    extras = extras_of(payload)
    fact = reading.fact
    if extras and isinstance(fact, TransactionStarted | TransactionUpdated | TransactionEnded):
        return Reading(replace(fact, extras=extras), reading.twin)
    return reading


def extras_of(payload: Payload) -> dict[str, Any]:
    """The station's own calculation of the cost, how the car's battery is prepared, whether the
    EVSE sleeps, who controls the power, the tariff and the limits that apply. Only what is said."""
    info = payload.get("transactionInfo")
    said: dict[str, Any] = info if isinstance(info, dict) else {}
    sleeps = payload.get("evseSleep")
    found = {
        "cost_details": _object(payload.get("costDetails")),
        "preconditioning": text(payload, "preconditioningStatus", 64),
        "evse_sleep": sleeps if isinstance(sleeps, bool) else None,
        "operation_mode": text(said, "operationMode", 64),
        "tariff_id": text(said, "tariffId", 64),
        "transaction_limit": _object(said.get("transactionLimit")),
    }
    return {name: value for name, value in found.items() if value is not None}


def _object(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value else None
