"""OCPP 2.0.1 over a real socket: transaction events in order, out of order, and with gaps."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from gateway.app import GatewayApp
from tests.gateway.conftest import CARD, Database, Network, connect_station

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
PROTOCOL = "ocpp2.0.1"


def event(kind: str, sequence: int, minutes: float, **more: Any) -> dict[str, Any]:
    info = {"transactionId": "T-1"} | more.pop("info", {})
    return {
        "eventType": kind,
        "timestamp": (T0 + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "triggerReason": "Trigger",
        "seqNo": sequence,
        "transactionInfo": info,
    } | more


def energy(minutes: float, kilowatt_hours: float, context: str = "Sample.Periodic") -> Any:
    return [
        {
            "timestamp": (T0 + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sampledValue": [
                {
                    "value": kilowatt_hours,
                    "context": context,
                    "measurand": "Energy.Active.Import.Register",
                    "unitOfMeasure": {"unit": "kWh"},
                }
            ],
        }
    ]


TOKEN = {"idToken": CARD, "type": "ISO14443"}


async def test_a_transaction_becomes_a_session(gateway: GatewayApp, database: Database) -> None:
    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        boot = {"reason": "PowerUp", "chargingStation": {"model": "X", "vendorName": "Acme"}}
        assert (await station.call("BootNotification", boot))["status"] == "Accepted"
        started = event(
            "Started",
            0,
            0,
            evse={"id": 1, "connectorId": 1},
            idToken=TOKEN,
            info={"chargingState": "EVConnected"},
            meterValue=energy(0, 24_800.5, "Transaction.Begin"),
        )
        assert await station.call("TransactionEvent", started) == {
            "idTokenInfo": {"status": "Accepted"}
        }
        charging = event("Updated", 1, 1, info={"chargingState": "Charging"})
        assert await station.call("TransactionEvent", charging) == {}
        sampled = event("Updated", 2, 10, meterValue=energy(10, 24_803.25))
        assert await station.call("TransactionEvent", sampled) == {}
        ended = event(
            "Ended",
            3,
            20,
            info={"stoppedReason": "EVDisconnected"},
            meterValue=energy(20, 24_805.15003999999998, "Transaction.End"),
        )
        assert await station.call("TransactionEvent", ended) == {}

    session = await database.row("SELECT * FROM sessions")
    assert session["energy_wh"] == 4650
    assert session["transaction_id"] == "T-1"
    assert session["stop_reason"] == "EVDisconnected"
    assert (session["sequence_last"], session["sequence_gaps"]) == (3, 0)
    states = await database.rows("SELECT state FROM session_states ORDER BY at")
    assert [row["state"] for row in states] == ["connected", "charging"]
    names = [
        row["name"]
        for row in await database.rows(
            "SELECT name FROM outbox WHERE name <> 'StationOrder' ORDER BY id"
        )
    ]
    # The charging state was still held back when the end came, and no longer matters.
    assert names == ["ChargingSession", "transaction_ended"]


async def test_an_end_without_a_start_makes_the_session(
    gateway: GatewayApp, database: Database
) -> None:
    values = energy(0, 1.0, "Transaction.Begin") + energy(30, 8.5, "Transaction.End")
    ended = event("Ended", 4, 30, evse={"id": 2}, idToken=TOKEN, meterValue=values)

    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        await station.call("TransactionEvent", ended)
        before = await database.row("SELECT * FROM sessions")
        for sequence in (3, 1, 2):
            await station.call("TransactionEvent", event("Updated", sequence, sequence))
        await station.call("TransactionEvent", event("Started", 0, -1, evse={"id": 2}))

    assert before["energy_wh"] == 7500
    assert before["sequence_gaps"] == 4
    session = await database.row("SELECT * FROM sessions")
    assert session["sequence_gaps"] == 0
    assert session["energy_wh"] == 7500
    assert session["started_at"] == T0 - timedelta(minutes=1)
    outbox = await database.rows("SELECT name, payload FROM outbox ORDER BY id")
    assert [row["name"] for row in outbox] == ["ChargingSession", "gaps_closed"]
    assert outbox[0]["payload"]["complete"] is False


async def test_a_remote_start_is_linked_by_its_number(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    ordered = uuid4()
    await database.rows(
        "INSERT INTO sessions (id, organization_id, station_id, evse, token_uid, token_type, "
        "remote_start_number, \"authorization\") VALUES (%s, %s, %s, 1, 'HFGUEST', 'AD_HOC_USER', "
        "77, 'accepted')",
        ordered,
        network.organization_id,
        network.station_id,
    )
    guest = {"idToken": "HFGUEST", "type": "Central"}

    async with await connect_station(gateway.port, "CP1", PROTOCOL) as station:
        asked = await station.call("Authorize", {"idToken": guest})
        started = event("Started", 0, 61, evse={"id": 1}, idToken=guest, info={"remoteStartId": 77})
        answer = await station.call("TransactionEvent", started)

    assert asked == {"idTokenInfo": {"status": "Accepted"}}
    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    session = await database.row("SELECT * FROM sessions")
    assert session["id"] == ordered
    assert session["transaction_id"] == "T-1"
    signal = await database.row("SELECT * FROM outbox")
    assert (signal["operation"], signal["name"]) == ("signal", "transaction_started")
