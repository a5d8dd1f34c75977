"""OCPP 2.0.1 blocks B (boot), G (status), L (firmware), P (data transfer), and what is recorded."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.intervals import stamp, wait_s
from gateway.reading import Unreadable, digest, evse_number, instant, text, whole
from holdfast.contracts.facts import (
    ConnectorStatus,
    Fact,
    FirmwareReported,
    StationBooted,
    StationSeen,
    StatusReported,
)

STATUSES: dict[str, ConnectorStatus] = {
    "available": "available",
    "occupied": "occupied",
    "reserved": "reserved",
    "unavailable": "unavailable",
    "faulted": "faulted",
}
REGISTRATION_WORDS = {"accepted": "Accepted", "pending": "Pending", "rejected": "Rejected"}


def boot_notification(payload: Payload, received_at: datetime) -> Reading:
    """B01. It carries no stamp, so it has no natural key."""
    station = payload.get("chargingStation")
    said = station if isinstance(station, dict) else {}
    return Reading(
        StationBooted(
            at=received_at,
            vendor=text(said, "vendorName", 64) or "",
            model=text(said, "model", 64) or "",
            serial_number=text(said, "serialNumber", 64),
            firmware_version=text(said, "firmwareVersion", 64),
            reason=text(payload, "reason", 64),
        )
    )


def boot_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """Accepted, pending or rejected, the time, and when to speak again."""
    return {
        "currentTime": stamp(outcome.at),
        "interval": wait_s(outcome.registration),
        "status": REGISTRATION_WORDS[outcome.registration],
    }


def heartbeat(_payload: Payload, received_at: datetime) -> Reading:
    """G02."""
    return Reading(StationSeen(at=received_at))


def heartbeat_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The time, which the station sets its clock by."""
    return {"currentTime": stamp(outcome.at)}


def status_notification(payload: Payload, received_at: datetime) -> Reading:
    """G01. Some stations number the only connector of an EVSE 0 (charger-quirks 15)."""
    evse = evse_number(payload.get("evseId"))
    connector = evse_number(payload.get("connectorId"))
    word = text(payload, "connectorStatus", 32) or ""
    status = STATUSES.get(word.casefold())
    if status is None:
        raise Unreadable("the status is none of OCPP 2.0.1's")
    at, clock = instant(payload.get("timestamp"), received_at)
    return Reading(
        StatusReported(
            at=at,
            clock=clock,
            # A clock that stands still would make every later status a repeat of the first.
            key=f"status|{payload['timestamp']}|{digest(payload)}" if clock == "ok" else None,
            evse=evse,
            connector=connector or 1 if evse else 0,
            status=status,
        )
    )


def firmware_status(payload: Payload, received_at: datetime) -> Reading:
    """L01."""
    return Reading(
        FirmwareReported(
            at=received_at,
            status=text(payload, "status", 64) or "Unknown",
            request_id=whole(payload.get("requestId")),
        )
    )
