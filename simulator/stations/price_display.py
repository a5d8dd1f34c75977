"""The display of a 1.6 station with the customisation for California.

Source: Open Charge Alliance, "OCPP & California Pricing Requirements". The price for everybody is
the configuration key DefaultPrice, what concerns a driver or a transaction comes as DataTransfer.
What was shown is kept, so that a test can look at the display.
"""

import json
from typing import TYPE_CHECKING, Any

from simulator.stations.messages import Answer, Json

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

VENDOR = "org.openchargealliance.costmsg"
SUPPORTED = "CustomDisplayCostAndPrice"
DEFAULT = "DefaultPrice"
MESSAGES_MAX = 200
_NEEDED: dict[str, tuple[str, ...]] = {
    "SetUserPrice": ("idToken", "priceText"),
    "RunningCost": ("transactionId", "timestamp", "meterValue", "cost", "state", "chargingPrice"),
    "FinalCost": ("transactionId", "cost", "priceText"),
}


def transfer(station: "SimulatedStation", payload: Json) -> Answer:
    """A message to the display. Without one the vendor is not known."""
    if payload["vendorId"] != VENDOR or not station.config.price_display:
        return Answer({"status": "UnknownVendorId"})
    name = payload.get("messageId")
    if name not in _NEEDED:
        return Answer({"status": "UnknownMessageId"})
    said = _object(payload.get("data"))
    if said is None or any(field not in said for field in _NEEDED[name]):
        return Answer({"status": "Rejected"})
    shown: list[Json] = station.memory.read("price_messages", [])
    station.memory.write("price_messages", [*shown, {"message": name, **said}][-MESSAGES_MAX:])
    return Answer({"status": "Accepted"})


def is_default_price(value: str) -> bool:
    """Whether it is JSON with a text."""
    said = _object(value)
    return said is not None and isinstance(said.get("priceText"), str)


def _object(text: Any) -> Json | None:
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return None
    return found if isinstance(found, dict) else None
