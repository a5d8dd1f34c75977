"""What a station shows and knows of its customers, and how it reaches its back office.

Source: OCPP 2.0.1 part 2 blocks I (cost), N09 and N10 (customer information), O (display), B09.
"""

from typing import TYPE_CHECKING, Any

from simulator.stations.certificates import security_profile
from simulator.stations.dialect import stamp
from simulator.stations.messages import Answer, Json, Message

if TYPE_CHECKING:
    from simulator.stations.station import SimulatedStation

DISPLAYS_MAX = 50
CUSTOMER_PART_LENGTH = 512
SLOTS_MAX = 10
FACTORY_SLOT = 0
FORMATS = frozenset({"ASCII", "UTF8"})


def set_message(station: "SimulatedStation", payload: Json) -> Answer:
    """O01 and O02: one for a transaction needs that transaction."""
    message = payload["message"]
    if message["message"]["format"] not in FORMATS:
        return Answer({"status": "NotSupportedMessageFormat"})
    transaction_id = message.get("transactionId")
    if transaction_id is not None and station.charging_as(transaction_id) is None:
        return Answer({"status": "UnknownTransaction"})
    kept = station.memory.read("displays", {})
    if len(kept) >= DISPLAYS_MAX and str(message["id"]) not in kept:
        return Answer({"status": "Rejected"})
    station.memory.write("displays", kept | {str(message["id"]): message})
    return Answer({"status": "Accepted"})


def get_messages(station: "SimulatedStation", payload: Json) -> Answer:
    """O03 and O04."""
    found = [
        one
        for one in station.memory.read("displays", {}).values()
        if one["id"] in payload.get("id", [one["id"]])
        and payload.get("priority") in (None, one["priority"])
        and payload.get("state") in (None, one.get("state"))
    ]
    if not found:
        return Answer({"status": "Unknown"})

    def tell() -> None:
        size = station.quirks.report_part_size
        for at in range(0, len(found), size):
            told = {
                "requestId": payload["requestId"],
                "messageInfo": found[at : at + size],
                "tbc": at + size < len(found),
            }
            station.tell(Message("NotifyDisplayMessages", told))

    return Answer({"status": "Accepted"}, tell)


def clear_message(station: "SimulatedStation", payload: Json) -> Answer:
    """O05."""
    kept = dict(station.memory.read("displays", {}))
    known = kept.pop(str(payload["id"]), None) is not None
    station.memory.write("displays", kept)
    return Answer({"status": "Accepted" if known else "Unknown"})


def cost_updated(station: "SimulatedStation", payload: Json) -> Answer:
    """I02: the running cost is shown; the amount is kept as the text that came."""
    costs = station.memory.read("costs", {})
    while len(costs) >= DISPLAYS_MAX:
        costs.pop(next(iter(costs)))
    station.memory.write("costs", costs | {payload["transactionId"]: str(payload["totalCost"])})
    return Answer({})


def customer_information(station: "SimulatedStation", payload: Json) -> Answer:
    """N09 and N10: what the cache and the local list know; `clear` forgets it."""
    kinds = ("idToken", "customerCertificate", "customerIdentifier")
    if sum(name in payload for name in kinds) > 1:
        return Answer({"status": "Invalid"})
    token = payload.get("idToken", {}).get("idToken")
    cache: dict[str, Any] = station.memory.read("cache", {})
    listed = station.memory.read("local_list", {"version": 0, "entries": {}})
    found = {**listed["entries"], **cache}
    mine = {one: status for one, status in found.items() if token in (None, one)}
    text = ", ".join(f"{one}: {status}" for one, status in mine.items()) or "nothing is known"

    def tell() -> None:
        if payload["clear"]:
            left = {one: status for one, status in cache.items() if one not in mine}
            station.memory.write("cache", left)
        if not payload["report"]:
            return
        size = CUSTOMER_PART_LENGTH
        for seq_no, at in enumerate(range(0, len(text), size)):
            told = {
                "requestId": payload["requestId"],
                "data": text[at : at + size],
                "seqNo": seq_no,
                "tbc": at + size < len(text),
                "generatedAt": stamp(station.station_time()),
            }
            station.tell(Message("NotifyCustomerInformation", told))

    return Answer({"status": "Accepted"}, tell)


def set_network(station: "SimulatedStation", payload: Json) -> Answer:
    """B09: kept by slot, used once NetworkConfigurationPriority names the slot and after a reset.

    Slot 0 is the factory's, what the station was started with, and cannot be overwritten: a wrong
    profile always falls back to it."""
    slot, connection = payload["configurationSlot"], payload["connectionData"]
    is_good = connection["ocppTransport"] == "JSON"
    is_good &= connection["ocppCsmsUrl"].startswith(("ws://", "wss://"))
    if not is_good or connection["securityProfile"] < security_profile(station):
        return Answer({"status": "Rejected"})
    if not 1 <= slot <= SLOTS_MAX:
        return Answer({"status": "Failed"})
    kept = station.memory.read("network", {})
    station.memory.write("network", kept | {str(slot): connection["ocppCsmsUrl"]})
    return Answer({"status": "Accepted"})


def network_slot(station: "SimulatedStation", factory_url: str, failures: int) -> tuple[int, str]:
    """Which slot to dial after so many failures in a row, and its URL: each slot gets its attempts,
    then the next."""
    slots = station.memory.read("network", {})
    if not slots:
        return FACTORY_SLOT, factory_url
    tries_text = station.settings.text("network_tries") or "3"
    tries = max(int(tries_text), 1) if tries_text.isdecimal() else 3
    order = [one.strip() for one in (station.settings.text("network_priority") or "0").split(",")]
    usable = [
        (int(one), slots[one] if one != str(FACTORY_SLOT) else factory_url)
        for one in order
        if one == str(FACTORY_SLOT) or one in slots
    ]
    if (FACTORY_SLOT, factory_url) not in usable:
        usable.append((FACTORY_SLOT, factory_url))
    slot, url = usable[(failures // tries) % len(usable)]
    return slot, url if "{identity}" in url else url.rstrip("/") + "/{identity}"
