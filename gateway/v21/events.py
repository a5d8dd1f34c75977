"""OCPP 2.1: what a station tells of itself beyond 2.0.1.

Blocks C (direct payment, VAT numbers), K (priority charging, dynamic schedules), N (event streams),
Q (V2X), R (DER control), S (battery swap).
"""

from gateway.dialect import Handler, Outcome, Payload, empty_answer
from gateway.events import Event, always, either
from gateway.reading import text
from gateway.v201.events import EVENTS as OF_201
from holdfast.contracts.facts import EventReported, Fact

VAT_NUMBER_LENGTH_MAX = 20
DYNAMIC_SCHEDULE = "dynamic_schedule"
SCHEDULE_UPDATE = "schedule_update"  # of an outcome's details: ChargingScheduleUpdateType


# Only a car that speaks ISO 15118-20 says any of these (2.1 part 2, ChargingNeedsType).
OF_15118_20 = ("controlMode", "derChargingParameters", "mobilityNeedsMode", "v2xChargingParameters")


def charging_needs_answer(fact: Fact, _outcome: Outcome) -> Payload:
    """K15, K18, K19: the needs are known, and no profile will come of them; the station charges by
    the profiles that it has. Over ISO 15118-20 a refusal would end the transaction (K18.FR.23)."""
    needs = fact.details.get("chargingNeeds") if isinstance(fact, EventReported) else None
    is_20 = isinstance(needs, dict) and any(name in needs for name in OF_15118_20)
    return {"status": "NoChargingProfile" if is_20 else "Rejected"}


def vat_number_answer(fact: Fact, _outcome: Outcome) -> Payload:
    """C18: there is no register to ask, and a number that nobody checked is not accepted."""
    said = fact.details if isinstance(fact, EventReported) else {}
    answer: Payload = {
        "vatNumber": text(said, "vatNumber", VAT_NUMBER_LENGTH_MAX) or "",
        "status": "Rejected",
        "statusInfo": {
            "reasonCode": "UnsupportedRequest",
            "additionalInfo": "VAT numbers cannot be checked here",
        },
    }
    if isinstance(fact, EventReported) and fact.evse is not None:
        answer["evseId"] = fact.evse
    return answer


def schedule_update_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """K28: what was last ordered of this dynamic profile, where anything was."""
    update = outcome.details.get(SCHEDULE_UPDATE)
    if update is not None:
        return {"status": "Accepted", "scheduleUpdate": update}
    return {
        "status": "Rejected",
        "statusInfo": {
            "reasonCode": "NotFound",
            "additionalInfo": "no dynamic schedule of this profile is known",
        },
    }


def stream_answer(_fact: Fact, _outcome: Outcome) -> Payload:
    """N11: its values will be kept."""
    return {"status": "Accepted"}


def alarm(payload: Payload) -> str | None:
    """What went wrong on the grid, else what was controlled."""
    return text(payload, "gridEventFault", 64) or text(payload, "controlType", 64)


EVENTS = {
    "BatterySwap": Handler(
        Event(kind="battery_swap", name="eventType", request="requestId"), empty_answer
    ),
    "ClosePeriodicEventStream": Handler(
        Event(kind="event_stream", name=always("Closed")), empty_answer
    ),
    "NotifyDERAlarm": Handler(Event(kind="der_alarm", name=alarm, stamp="timestamp"), empty_answer),
    "NotifyDERStartStop": Handler(
        Event(kind="der_control", name=either("started", "Started", "Stopped"), stamp="timestamp"),
        empty_answer,
    ),
    "NotifyEVChargingNeeds": Handler(OF_201["NotifyEVChargingNeeds"].read, charging_needs_answer),
    "NotifyPeriodicEventStream": Handler(
        Event(kind="event_stream", name=always("Values"), stamp="basetime"),
        empty_answer,
        unconfirmed=True,
    ),
    "NotifyPriorityCharging": Handler(
        Event(
            kind="priority_charging",
            name=either("activated", "Activated", "Ended"),
            transaction="transactionId",
        ),
        empty_answer,
    ),
    "NotifySettlement": Handler(
        Event(
            kind="settlement", name="status", stamp="settlementTime", transaction="transactionId"
        ),
        empty_answer,
    ),
    "OpenPeriodicEventStream": Handler(
        Event(kind="event_stream", name=always("Opened")), stream_answer
    ),
    "PullDynamicScheduleUpdate": Handler(
        Event(kind=DYNAMIC_SCHEDULE, name=always("Asked")), schedule_update_answer, asks=True
    ),
    "ReportDERControl": Handler(Event(kind="der_report", request="requestId"), empty_answer),
    "VatNumberValidation": Handler(Event(kind="vat_number", evse="evseId"), vat_number_answer),
}
