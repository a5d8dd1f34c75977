"""OCPP 2.0.1: what a station tells of itself, and which nothing but a row is made of.

Blocks A (security), H (reservation), K (smart charging), L (firmware), N (diagnostics, customers),
O (display messages).
"""

from gateway.dialect import Handler, Outcome, Payload, empty_answer
from gateway.events import Event, always, within
from holdfast.contracts.facts import Fact


def charging_needs_answer(_fact: Fact, _outcome: Outcome) -> Payload:
    """K15: Rejected says that no schedule will be made from these needs; the station charges by
    the profiles that it has."""
    return {"status": "Rejected"}


def charging_schedule_answer(_fact: Fact, _outcome: Outcome) -> Payload:
    """K15: Accepted says that the message was processed, not that the schedule is approved."""
    return {"status": "Accepted"}


EVENTS = {
    "ClearedChargingLimit": Handler(
        Event(kind="charging_limit", name=always("Cleared"), evse="evseId"), empty_answer
    ),
    "LogStatusNotification": Handler(
        Event(kind="log", name="status", request="requestId"), empty_answer
    ),
    "NotifyChargingLimit": Handler(
        Event(
            kind="charging_limit",
            name=within("chargingLimit", "chargingLimitSource"),
            evse="evseId",
        ),
        empty_answer,
    ),
    "NotifyCustomerInformation": Handler(
        Event(kind="customer_information", stamp="generatedAt", request="requestId"), empty_answer
    ),
    "NotifyDisplayMessages": Handler(
        Event(kind="display_messages", request="requestId"), empty_answer
    ),
    "NotifyEVChargingNeeds": Handler(
        Event(
            kind="charging_needs",
            name=within("chargingNeeds", "requestedEnergyTransfer"),
            evse="evseId",
        ),
        charging_needs_answer,
    ),
    # timeBase is where the schedule starts, not when the message was made: no stamp of its own.
    "NotifyEVChargingSchedule": Handler(
        Event(kind="charging_schedule", evse="evseId"), charging_schedule_answer
    ),
    "PublishFirmwareStatusNotification": Handler(
        Event(kind="firmware_publication", name="status", request="requestId"), empty_answer
    ),
    "ReportChargingProfiles": Handler(
        Event(
            kind="charging_profiles",
            name="chargingLimitSource",
            evse="evseId",
            request="requestId",
        ),
        empty_answer,
    ),
    "ReservationStatusUpdate": Handler(
        Event(kind="reservation", name="reservationUpdateStatus"), empty_answer
    ),
    "SecurityEventNotification": Handler(
        Event(kind="security", name="type", stamp="timestamp"), empty_answer
    ),
}
