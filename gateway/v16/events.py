"""OCPP 1.6: what a station tells of itself, besides status and firmware.

Diagnostics: section 4.4. Security whitepaper edition 3: SecurityEventNotification (A04),
LogStatusNotification (N01), SignedFirmwareStatusNotification (L01).
"""

from datetime import datetime

from gateway.dialect import Handler, Payload, Reading, empty_answer
from gateway.events import Event
from gateway.reading import text, whole
from holdfast.contracts.facts import FirmwareReported


def signed_firmware_status(payload: Payload, received_at: datetime) -> Reading:
    """L01 of the security whitepaper: as the unsigned one, and it names the request."""
    return Reading(
        FirmwareReported(
            at=received_at,
            status=text(payload, "status", 64) or "Unknown",
            request_id=whole(payload.get("requestId")),
        )
    )


EVENTS = {
    "DiagnosticsStatusNotification": Handler(Event(kind="log", name="status"), empty_answer),
    "LogStatusNotification": Handler(
        Event(kind="log", name="status", request="requestId"), empty_answer
    ),
    "SecurityEventNotification": Handler(
        Event(kind="security", name="type", stamp="timestamp"), empty_answer
    ),
    "SignedFirmwareStatusNotification": Handler(signed_firmware_status, empty_answer),
}
