"""What every version says alike: vendor data, which is kept as it is."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Reading
from gateway.reading import text
from holdfast.contracts.facts import DataReceived, Fact
from holdfast.domain.signed_record import tells_keys


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


def data_answer(fact: Fact, _outcome: Outcome) -> Payload:
    """Accepted for what is read here (stations repeat it for ever if it is refused, systems E10);
    of others their vendor is not known. Either way the frame is kept."""
    if isinstance(fact, DataReceived) and tells_keys(fact.vendor_id, fact.vendor_message_id):
        return {"status": "Accepted"}
    return {"status": "UnknownVendorId"}
