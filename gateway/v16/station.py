"""OCPP 1.6 sections 4.2 (BootNotification), 4.9 (StatusNotification), 4.5 (firmware status),
4.3 (DataTransfer), and what is only recorded."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.intervals import stamp, wait_s
from gateway.reading import Unreadable, digest, evse_number, instant, text
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
    "preparing": "preparing",
    "charging": "charging",
    "suspendedev": "suspended_ev",
    "suspendedevse": "suspended_evse",
    "finishing": "finishing",
    "reserved": "reserved",
    "unavailable": "unavailable",
    "faulted": "faulted",
}
REGISTRATION_WORDS = {"accepted": "Accepted", "pending": "Pending", "rejected": "Rejected"}


def boot_notification(payload: Payload, received_at: datetime) -> Reading:
    """Section 4.2. It carries no stamp, so it has no natural key."""
    return Reading(
        StationBooted(
            at=received_at,
            vendor=text(payload, "chargePointVendor", 64) or "",
            model=text(payload, "chargePointModel", 64) or "",
            serial_number=text(payload, "chargePointSerialNumber", 64)
            or text(payload, "chargeBoxSerialNumber", 64),
            firmware_version=text(payload, "firmwareVersion", 64),
        )
    )


def boot_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """Accepted, pending or rejected, the time, and when to speak again."""
    return {
        "status": REGISTRATION_WORDS[outcome.registration],
        "currentTime": stamp(outcome.at),
        "interval": wait_s(outcome.registration),
    }


def heartbeat(_payload: Payload, received_at: datetime) -> Reading:
    """Section 4.6."""
    return Reading(StationSeen(at=received_at))


def heartbeat_answer(_fact: Fact, outcome: Outcome) -> Payload:
    """The time, which the station sets its clock by."""
    return {"currentTime": stamp(outcome.at)}


def status_notification(payload: Payload, received_at: datetime) -> Reading:
    """Section 4.9. Connector n is EVSE n; connector 0 is the station."""
    number = evse_number(payload.get("connectorId"))
    word = text(payload, "status", 32) or ""
    status = STATUSES.get(word.casefold())
    if status is None:
        raise Unreadable("the status is none of OCPP 1.6's")
    at, clock = instant(payload.get("timestamp"), received_at)
    error_code = text(payload, "errorCode", 64)
    return Reading(
        StatusReported(
            at=at,
            clock=clock,
            # A clock that stands still would make every later status a repeat of the first.
            key=f"status|{payload['timestamp']}|{digest(payload)}" if clock == "ok" else None,
            evse=number,
            connector=1 if number else 0,
            status=status,
            error_code=None if error_code == "NoError" else error_code,
            info=text(payload, "info", 255),
        )
    )


def firmware_status(payload: Payload, received_at: datetime) -> Reading:
    """Section 4.5."""
    return Reading(
        FirmwareReported(at=received_at, status=text(payload, "status", 64) or "Unknown")
    )
