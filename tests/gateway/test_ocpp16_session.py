"""OCPP 1.6 over a real socket: one session from boot to stop, and what the rows say of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.app import GatewayApp
from tests.gateway.conftest import CARD, Database, Network, connect_station

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def stamp(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def register(minutes: float, watt_hours: float, **more: Any) -> dict[str, Any]:
    return {
        "timestamp": stamp(minutes),
        "sampledValue": [{"value": str(watt_hours), "unit": "Wh"} | more],
    }


async def test_a_session_is_recorded_from_boot_to_stop(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        boot = await station.call(
            "BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "X"}
        )
        assert boot["status"] == "Accepted"
        assert "currentTime" in await station.call("Heartbeat", None)
        assert await station.call("Authorize", {"idTag": CARD}) == {
            "idTagInfo": {"status": "Accepted"}
        }
        start = await station.call(
            "StartTransaction",
            {"connectorId": 1, "idTag": CARD, "timestamp": stamp(0), "meterStart": 1000},
        )
        number = start["transactionId"]
        assert start["idTagInfo"] == {"status": "Accepted"}
        assert number > 0
        for minutes, watt_hours in ((5, 1500), (10, 2500.5)):
            answer = await station.call(
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": number,
                    "meterValue": [register(minutes, watt_hours)],
                },
            )
            assert answer == {}
        status = {"connectorId": 1, "errorCode": "NoError", "timestamp": stamp(11)}
        assert await station.call("StatusNotification", status | {"status": "SuspendedEV"}) == {}
        stop = await station.call(
            "StopTransaction",
            {"transactionId": number, "idTag": CARD, "timestamp": stamp(20), "meterStop": 4001},
        )
        assert stop == {"idTagInfo": {"status": "Accepted"}}

    session = await database.row("SELECT * FROM sessions")
    assert session["energy_wh"] == 3001
    assert session["started_at"] == T0
    assert session["ended_at"] == T0 + timedelta(minutes=20)
    assert session["token_id"] == network.token_id
    assert session["account_id"] == network.account_id
    assert session["site_id"] == network.site_id
    assert session["authorization"] == "accepted"
    assert session["evse"] == 1
    outbox = await database.rows(
        "SELECT operation, name, payload FROM outbox WHERE name <> 'StationOrder' ORDER BY id"
    )
    assert [(row["operation"], row["name"]) for row in outbox] == [
        ("start", "ChargingSession"),
        ("signal", "transaction_ended"),
    ]
    assert outbox[1]["payload"]["complete"] is True
    assert len(await database.rows("SELECT 1 FROM meter_values")) == 2
    assert (await database.row("SELECT * FROM connectors"))["status"] == "suspended_ev"
    assert (await database.row("SELECT vendor FROM stations"))["vendor"] == "Acme"


async def test_an_unknown_card_is_told_so_and_its_energy_is_kept(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        start = await station.call(
            "StartTransaction",
            {"connectorId": 2, "idTag": "STRANGER", "timestamp": stamp(0), "meterStart": 0},
        )
        assert start["idTagInfo"]["status"] == "Invalid"
        await station.call(
            "StopTransaction",
            {"transactionId": start["transactionId"], "timestamp": stamp(9), "meterStop": 700},
        )

    session = await database.row("SELECT * FROM sessions")
    assert session["energy_wh"] == 700
    assert session["token_uid"] == "STRANGER"  # noqa: S105 - a card, not a password
    assert session["token_id"] is None
    assert session["authorization"] == "unknown"


async def test_a_status_that_came_before_its_transaction_is_learnt_from_the_meter(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        status = {"connectorId": 1, "errorCode": "NoError", "timestamp": stamp(0)}
        await station.call("StatusNotification", status | {"status": "Charging"})
        start = await station.call(
            "StartTransaction",
            {"connectorId": 1, "idTag": CARD, "timestamp": stamp(0), "meterStart": 1000},
        )
        about = {"connectorId": 1, "transactionId": start["transactionId"]}
        await station.call("MeterValues", about | {"meterValue": [register(1, 1000)]})
        before = await database.row("SELECT charging_state FROM sessions")
        await station.call("MeterValues", about | {"meterValue": [register(5, 1500)]})
        after = await database.row("SELECT charging_state, charging_state_at FROM sessions")

    assert before["charging_state"] is None
    assert after == {"charging_state": "charging", "charging_state_at": T0}
