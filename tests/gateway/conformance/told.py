"""What a station of OCPP 2.x tells in these tests, and what the central system kept of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import CARD, Central

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
COMPONENT = {"name": "EVSE", "evse": {"id": 1}}
VARIABLE = {"name": "Temperature"}


def now() -> str:
    """This second, as OCPP writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def transaction_event(
    kind: str, transaction_id: str, number: int = 0, *, token: str | None = None, **more: Any
) -> dict[str, Any]:
    """TransactionEventRequest of EVSE 1."""
    info = {"transactionId": transaction_id} | dict(more.pop("info", {}))
    payload = {
        "eventType": kind,
        "timestamp": now(),
        "triggerReason": "Authorized",
        "seqNo": number,
        "transactionInfo": info,
        "evse": {"id": 1, "connectorId": 1},
    }
    if token is not None:
        payload["idToken"] = {"idToken": token, "type": "ISO14443"}
    return payload | more


async def begun(station: Witness) -> str:
    """The id of a transaction under way."""
    transaction_id = f"T{uuid4().hex}"
    answer = await station.call(
        "TransactionEvent", transaction_event("Started", transaction_id, token=CARD)
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"
    return transaction_id


async def events(central: Central, station: Witness, kind: str) -> list[dict[str, Any]]:
    """Rows of what this station told of itself, the oldest first."""
    return await central.database.rows(
        "SELECT e.name, e.evse, e.request_id, e.transaction_id, e.details FROM station_events e "
        "JOIN stations s ON s.id = e.station_id WHERE s.identity = %s AND e.kind = %s "
        "ORDER BY e.received_at, e.id",
        station.identity,
        kind,
    )


def monitored(number: int = 1, **more: Any) -> dict[str, Any]:
    """An EventDataType."""
    return {
        "eventId": number,
        "timestamp": now(),
        "trigger": "Alerting",
        "actualValue": "81",
        "eventNotificationType": "CustomMonitor",
        "component": COMPONENT,
        "variable": VARIABLE,
    } | more


async def refused_unsent(
    central: Central, station: Witness, kind: str, payload: Mapping[str, Any]
) -> None:
    """The order ends as rejected, and no frame left."""
    done = await central.send(await central.order(station, kind, payload))
    assert done.state == "rejected"
    await station.expect_silence(0.02)
