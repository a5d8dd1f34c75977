"""Reservations: an EVSE kept free for a token until an instant.

Source: OCPP 1.6 edition 2 sections 5.3 and 5.13, OCPP 2.0.1 part 2 block H.
"""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from simulator.stations.messages import Answer, Json, Message
from simulator.stations.transaction import ConnectorStatus

if TYPE_CHECKING:
    from simulator.stations.connector import Connector
    from simulator.stations.station import SimulatedStation

RESERVATIONS_MAX = 100


class Reservations:
    """By id; `evse` None is any EVSE of the station."""

    def __init__(self, station: "SimulatedStation") -> None:
        self._station = station

    @property
    def all(self) -> dict[str, Any]:
        kept: dict[str, Any] = self._station.memory.read("reservations", {})
        return kept

    def on(self, connector: "Connector") -> int | None:
        """The reservation that keeps this connector, if one does."""
        if not (reservations := self.all):
            return None
        now = datetime.now(UTC).timestamp()
        for number, one in reservations.items():
            if one["evse"] == connector.evse and one["until"] > now:
                return int(number)
        return None

    def use(self, connector: "Connector", token: str) -> int | None:
        """A transaction starts: its reservation, which ends with that."""
        for number, one in self.all.items():
            if token in (one["token"], one["group"]) and one["evse"] in (None, connector.evse):
                self.forget(int(number))
                return int(number)
        return None

    def admits(self, connector: "Connector", token: str | None) -> bool:
        """Whether this token may use the connector now."""
        number = self.on(connector)
        if number is None:
            return True
        one = self.all[str(number)]
        return token is not None and token in (one["token"], one["group"])

    def keep(self, number: int, document: Json) -> None:
        """Take it, in place of one with the same id, and let it expire in time."""
        self._station.memory.write("reservations", self.all | {str(number): document})
        self._station.background(self._expire(number, document["until"]))
        self._announce()

    def forget(self, number: int) -> bool:
        """Whether there was one."""
        if str(number) not in self.all:
            return False
        left = {name: one for name, one in self.all.items() if name != str(number)}
        self._station.memory.write("reservations", left)
        self._announce()
        return True

    async def _expire(self, number: int, until: float) -> None:
        await asyncio.sleep(max(until - datetime.now(UTC).timestamp(), 0))
        kept = self.all.get(str(number))
        if kept is None or kept["until"] != until:
            return
        self.forget(number)
        if self._station.config.protocol != "ocpp1.6":
            told = {"reservationId": number, "reservationUpdateStatus": "Expired"}
            self._station.tell(Message("ReservationStatusUpdate", told))

    def _announce(self) -> None:
        for connector in self._station.connectors.values():
            connector.announce()


def reserve_now_16(station: "SimulatedStation", payload: Json) -> Answer:
    """Connector 0 is any."""
    evse = None
    if payload["connectorId"]:
        connector = station.connectors.get(payload["connectorId"])
        if connector is None:
            return Answer({"status": "Rejected"})
        evse = connector.evse
    until = _timestamp(payload["expiryDate"])
    document = {
        "evse": evse,
        "token": payload["idTag"],
        "group": payload.get("parentIdTag"),
        "until": until,
    }
    return _reserve(station, payload["reservationId"], document)


def reserve_now(station: "SimulatedStation", payload: Json) -> Answer:
    """H01."""
    evse = payload.get("evseId")
    if evse is not None and all(one.evse != evse for one in station.connectors.values()):
        return Answer({"status": "Rejected"})
    document = {
        "evse": evse,
        "token": payload["idToken"]["idToken"],
        "group": payload.get("groupIdToken", {}).get("idToken"),
        "until": _timestamp(payload["expiryDateTime"]),
    }
    return _reserve(station, payload["id"], document)


def cancel(station: "SimulatedStation", payload: Json) -> Answer:
    """Both versions."""
    known = station.reservations.forget(payload["reservationId"])
    return Answer({"status": "Accepted" if known else "Rejected"})


def _reserve(station: "SimulatedStation", number: int, document: Json) -> Answer:
    if document["until"] <= station.station_time().timestamp():
        return Answer({"status": "Rejected"})
    if len(station.reservations.all) >= RESERVATIONS_MAX:
        return Answer({"status": "Rejected"})
    statuses = {
        one.status
        for one in station.connectors.values()
        if document["evse"] in (None, one.evse) and station.reservations.on(one) != number
    }
    if statuses and ConnectorStatus.AVAILABLE not in statuses:
        if statuses == {ConnectorStatus.UNAVAILABLE}:
            return Answer({"status": "Unavailable"})
        if statuses == {ConnectorStatus.FAULTED}:
            return Answer({"status": "Faulted"})
        return Answer({"status": "Occupied"})
    return Answer({"status": "Accepted"}, lambda: station.reservations.keep(number, document))


def _timestamp(text: str) -> float:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
