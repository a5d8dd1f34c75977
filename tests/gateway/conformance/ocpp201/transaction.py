"""Transactions of OCPP 2.0.1 as a station tells of them, and what became of them."""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import CARD, Central

PROTOCOL = "ocpp2.0.1"
NOW = datetime.now(UTC).replace(microsecond=0)
TOKEN = {"idToken": CARD, "type": "ISO14443"}
PLACE = {"id": 1, "connectorId": 1}
ACCEPTED = {"idTokenInfo": {"status": "Accepted"}}
ORDERS = itertools.count(1_000)

Row = dict[str, Any]


def ago(minutes: float) -> datetime:
    """An instant some minutes before now."""
    return NOW - timedelta(minutes=minutes)


def stamp(minutes: float = 0) -> str:
    """The same, as stations write it."""
    return ago(minutes).isoformat().replace("+00:00", "Z")


def register(
    minutes: float, watt_hours: float, context: str = "Sample.Periodic", **more: Any
) -> Row:
    """A MeterValueType: the register at an instant."""
    return {
        "timestamp": stamp(minutes),
        "sampledValue": [{"value": watt_hours, "context": context} | more],
    }


def event(
    kind: str, number: int, minutes: float, trigger: str = "Trigger", **more: Any
) -> dict[str, Any]:
    """A TransactionEvent of transaction T1; `info` goes into transactionInfo."""
    return {
        "eventType": kind,
        "timestamp": stamp(minutes),
        "triggerReason": trigger,
        "seqNo": number,
        "transactionInfo": {"transactionId": "T1"} | more.pop("info", {}),
    } | more


def started(minutes: float = 10, **more: Any) -> dict[str, Any]:
    """A usual start: on EVSE 1, with a card, at register 1000 Wh."""
    usual = {"evse": PLACE, "idToken": TOKEN}
    begin = {"meterValue": [register(minutes, 1_000, "Transaction.Begin")]}
    return event("Started", 0, minutes, "Authorized", **(usual | begin | more))


def ended(number: int, minutes: float = 0, reason: str | None = "Local", **more: Any) -> Row:
    """A usual end, at register 2000 Wh."""
    info = {} if reason is None else {"stoppedReason": reason}
    end = {"meterValue": [register(minutes, 2_000, "Transaction.End")]}
    return event(
        "Ended", number, minutes, **({"trigger": "StopAuthorized", "info": info} | end | more)
    )


async def tell(station: Witness, *events: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Send events one after another; their answers."""
    return [dict(await station.call("TransactionEvent", dict(one))) for one in events]


async def sessions(central: Central, station: Witness) -> list[Row]:
    """The sessions of a station, the oldest first."""
    return await central.database.rows(
        "SELECT e.* FROM sessions e JOIN stations s ON s.id = e.station_id "
        "WHERE s.identity = %s ORDER BY e.started_at, e.id",
        station.identity,
    )


async def session(central: Central, station: Witness) -> Row:
    """The only session of a station."""
    (row,) = await sessions(central, station)
    return row


async def states(central: Central, station: Witness) -> list[str]:
    """The charging states that were told, in the order of time."""
    rows = await central.database.rows(
        "SELECT c.state FROM session_states c JOIN sessions e ON e.id = c.session_id "
        "JOIN stations s ON s.id = e.station_id WHERE s.identity = %s ORDER BY c.at",
        station.identity,
    )
    return [row["state"] for row in rows]


async def of_station(
    central: Central, station: Witness, table: str, columns: str, order: str
) -> list[Row]:
    """Rows of a table that has a station_id."""
    return await central.database.rows(
        f"SELECT {columns} FROM {table} t JOIN stations s ON s.id = t.station_id "  # noqa: S608
        f"WHERE s.identity = %s ORDER BY {order}",
        station.identity,
    )


async def reservations(central: Central, station: Witness) -> list[tuple[str, Any, Any]]:
    """What is kept of reservations: what became of each, its id, the transaction."""
    rows = await of_station(
        central, station, "station_events", "t.name, t.details, t.transaction_id", "t.id"
    )
    return [
        (row["name"], row["details"]["reservationId"], row["transaction_id"])
        for row in rows
        if "reservationId" in row["details"]
    ]


async def ordered_start(
    central: Central, station: Witness, uid: str, evse: int
) -> tuple[UUID, int]:
    """An order to start, with its session: the order's id and the number of the remote start."""
    number = next(ORDERS)
    row = await central.database.row(
        "INSERT INTO sessions (organization_id, station_id, evse, token_uid, token_type, "
        'remote_start_number, "authorization") '
        "SELECT organization_id, id, %s, %s, 'ISO14443', %s, 'accepted' FROM stations "
        "WHERE identity = %s RETURNING id",
        evse,
        uid,
        number,
        station.identity,
    )
    order_id = await central.order(station, "start", {})
    await central.database.rows(
        "UPDATE orders SET session_id = %s WHERE id = %s", row["id"], order_id
    )
    return order_id, number
