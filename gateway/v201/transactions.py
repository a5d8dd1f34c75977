"""OCPP 2.0.1 block E: TransactionEvent."""

from datetime import datetime
from typing import Any

from gateway.dialect import TOTAL_COST, Outcome, Payload, Reading
from gateway.metering import samples
from gateway.reading import (
    SEQUENCE_MAX,
    Unreadable,
    digest,
    evse_if_any,
    instant,
    text,
    transaction_id,
    whole,
)
from gateway.v201.authorize import id_token, id_token_info
from gateway.v201.meter import unit_of
from holdfast.contracts.facts import (
    ChargingState,
    Fact,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

CHARGING_STATES: dict[str, ChargingState] = {
    "charging": "charging",
    "evconnected": "connected",
    "suspendedev": "suspended_ev",
    "suspendedevse": "suspended_evse",
    "idle": "idle",
}
BEGIN = "Transaction.Begin"
END = "Transaction.End"
LOCAL = "Local"  # what may be left out (E06.FR.09)
TOTAL_FIELD = "totalCost"


def transaction_event(payload: Payload, received_at: datetime) -> Reading:
    """E01 to E07. Key: transaction, seqNo, type, timestamp, digest; its twin leaves the digest
    out, so that another message of the same number is kept and flagged. `offline` is no part of
    the digest: stations set it when they send again."""
    info = payload.get("transactionInfo")
    said: dict[str, Any] = info if isinstance(info, dict) else {}
    identifier = transaction_id(said.get("transactionId"))
    if identifier is None:
        raise Unreadable("transactionId is missing")
    kind = (text(payload, "eventType", 16) or "").casefold()
    sequence = _sequence(payload)
    at, clock = instant(payload.get("timestamp"), received_at)
    event = f"event|{identifier}|{sequence}|{kind}|{payload.get('timestamp')}"
    uid, token_type = id_token(payload)
    evse, connector = _place(payload)
    common: dict[str, Any] = {
        "at": at,
        "clock": clock,
        "key": f"{event}|{digest(payload, without=('offline',))}",
        "transaction_id": identifier,
        "token_uid": uid,
        "token_type": token_type,
        "sequence": sequence,
        "offline": payload.get("offline") is True,
        "samples": samples(payload.get("meterValue"), received_at, unit_of),
        "connector": connector,
    }
    return Reading(_fact(kind, common, evse, payload, said), twin=event)


def _fact(
    kind: str, common: dict[str, Any], evse: int | None, payload: Payload, said: dict[str, Any]
) -> Fact:
    state = CHARGING_STATES.get((text(said, "chargingState", 32) or "").casefold())
    remote_start = whole(said.get("remoteStartId"))
    if kind == "started":
        return TransactionStarted(
            **common,
            evse=evse or 0,
            meter_start_mwh=_first_register(common),
            remote_start_number=remote_start,
            reservation_id=whole(payload.get("reservationId")),
            charging_state=state,
        )
    if kind == "updated":
        return TransactionUpdated(
            **common,
            evse=evse,
            remote_start_number=remote_start,
            reservation_id=whole(payload.get("reservationId")),
            trigger=text(payload, "triggerReason", 64),
            charging_state=state,
        )
    if kind == "ended":
        return TransactionEnded(
            **common,
            evse=evse,
            meter_stop_mwh=_register(common, END),
            reason=text(said, "stoppedReason", 64) or LOCAL,
        )
    raise Unreadable("eventType is none of Started, Updated and Ended")


def _first_register(common: dict[str, Any]) -> int | None:
    """What is marked as the begin, else the first that the start carries: not all stations mark."""
    named = _register(common, BEGIN)
    if named is not None:
        return named
    registers = (sample.energy_mwh for sample in common["samples"])
    return next((register for register in registers if register is not None), None)


def _register(common: dict[str, Any], context: str) -> int | None:
    found = [
        sample.energy_mwh
        for sample in common["samples"]
        if sample.context == context and sample.energy_mwh is not None
    ]
    return found[-1] if found else None


def _sequence(payload: Payload) -> int | None:
    found = whole(payload.get("seqNo"))
    return found if found is not None and 0 <= found <= SEQUENCE_MAX else None


def _place(payload: Payload) -> tuple[int | None, int | None]:
    evse = payload.get("evse")
    if not isinstance(evse, dict) or evse.get("id") is None:
        return None, None
    return evse_if_any(evse["id"]), evse_if_any(evse.get("connectorId"))


def transaction_answer(fact: Fact, outcome: Outcome) -> Payload:
    """The decision, only where the event carried a token (E01.FR.12, C01). One of a button has a
    kind and no uid (C02). With an update the cost so far, where that is known (I02.FR.01); with an
    end it is added afterwards (`gateway.totals`)."""
    total = outcome.details.get(TOTAL_COST)
    answer: Payload = {} if total is None else {TOTAL_FIELD: total}
    presented = getattr(fact, "token_uid", None) or getattr(fact, "token_type", None)
    if presented is None or outcome.decision is None:
        return answer
    return answer | {"idTokenInfo": id_token_info(outcome.decision, outcome.at)}
