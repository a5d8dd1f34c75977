"""What every version says alike: vendor data, which is kept as it is."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import text
from holdfast.contracts.facts import DataReceived, Fact


def data_transfer(payload: Payload, received_at: datetime) -> Reading:
    """OCPP 1.6 section 4.3, 2.0.1 P01."""
    return Reading(
        DataReceived(
            at=received_at,
            vendor_id=text(payload, "vendorId", 255) or "",
            vendor_message_id=text(payload, "messageId", 64),
            data=payload.get("data"),
        )
    )


def data_answer(_fact: Fact, _outcome: Outcome) -> Payload:
    """Accepted: it is kept. Stations repeat for ever what is refused (systems E10)."""
    return {"status": "Accepted"}
