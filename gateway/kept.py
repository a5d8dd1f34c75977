"""What every version says alike: vendor data, and messages that are kept as frames only."""

from datetime import datetime

from gateway.dialect import Outcome, Payload, Read, Reading
from gateway.reading import digest, instant, text
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


def recorded(action: str, *stamps: str) -> Read:
    """A reader for what is kept as a frame and of which nothing is made here.

    `stamps`: the fields that may hold the message's own time; the first one present counts.
    """

    def read(payload: Payload, received_at: datetime) -> Reading:
        own = next((payload[name] for name in stamps if name in payload), None)
        at, clock = instant(own, received_at)
        key = f"{action}|{own}|{digest(payload)}" if clock == "ok" and own else None
        return Reading(Fact(at=at, clock=clock, key=key))

    return read
