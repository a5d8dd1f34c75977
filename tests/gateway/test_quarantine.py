"""A message that cannot be applied: kept alone, answered, and played again on demand."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.app import GatewayApp
from holdfast.services.quarantine import ask_replay
from holdfast.store.database import Sessions
from tests.gateway.conftest import CARD, Database, Network, connect_station

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def meter(number: int, watt_hours: float, note: str = "") -> dict[str, Any]:
    value: dict[str, Any] = {"value": str(watt_hours), "unit": "Wh"}
    if note:
        value["note"] = note
    return {
        "connectorId": 1,
        "transactionId": number,
        "meterValue": [{"timestamp": T0.isoformat(), "sampledValue": [value]}],
    }


async def test_one_culprit_in_a_batch_is_kept_aside_alone(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    """A data error that only the database finds, in the midst of good messages."""
    await database.rows("ALTER TABLE meter_values ADD CHECK (energy_mwh <> 700000)")
    async with await connect_station(gateway.port, "CP1") as station:
        start = {"connectorId": 1, "idTag": CARD, "timestamp": T0.isoformat(), "meterStart": 0}
        number = (await station.call("StartTransaction", start))["transactionId"]
        sent = []
        for watt_hours in range(100, 2100, 100):
            note = "odd" if watt_hours == 700 else ""
            sent.append(await station.post("MeterValues", meter(number, watt_hours, note)))
        answers = [await station.receive() for _ in sent]
        again = await station.call("MeterValues", meter(number, 700, "odd"))

    assert answers == [[3, message_id, {}] for message_id in sent]
    assert again == {}
    assert len(await database.rows("SELECT 1 FROM meter_values")) == 19
    assert (await database.row("SELECT energy_wh FROM sessions"))["energy_wh"] == 2000
    kept = await database.row("SELECT action, state, error, frame FROM quarantine")
    assert (kept["action"], kept["state"]) == ("MeterValues", "open")
    assert kept["error"] == "CheckViolation 23514"
    assert json.loads(bytes(kept["frame"]))[3] == meter(number, 700, "odd")


async def test_a_stop_about_which_nothing_can_be_said_is_kept_for_a_person(
    gateway: GatewayApp, network: Network, database: Database, db_sessions: Sessions
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        for watt_hours in (500, 900):
            # Two transactions of a station that numbers all offline ones alike.
            stop = {
                "transactionId": 2**63 - 1,
                "timestamp": T0.isoformat(),
                "meterStop": watt_hours,
            }
            first = await station.call("StopTransaction", stop)
            assert await station.call("StopTransaction", stop) == first
    kept = await database.rows("SELECT id, state FROM quarantine ORDER BY id")
    assert [row["state"] for row in kept] == ["open", "open"]
    assert await database.rows("SELECT 1 FROM sessions") == []

    async with db_sessions.begin() as db:
        await ask_replay(
            db,
            network.organization_id,
            kept[0]["id"],
            actor="key:1",
            reason="try",
            now=datetime.now(UTC),
        )
    # Still nothing to be said of it: back to the person, who is asked again.
    left = await database.until(
        "SELECT state, decided_by FROM quarantine WHERE id = %s AND decided_by IS NULL",
        kept[0]["id"],
    )
    assert left == [{"state": "open", "decided_by": None}]


async def test_a_replay_applies_what_can_be_applied_by_now(
    gateway: GatewayApp, network: Network, database: Database, db_sessions: Sessions
) -> None:
    """A stop came before its transaction was known here; now it is."""
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call(
            "StopTransaction",
            {"transactionId": 7, "timestamp": T0.isoformat(), "meterStop": 4000},
        )
    kept = await database.row("SELECT id FROM quarantine")
    await database.rows(
        "INSERT INTO sessions (organization_id, station_id, evse, transaction_id, started_at, "
        "meter_start_mwh, meter_last_mwh, meter_last_at) "
        "VALUES (%s, %s, 1, '7', %s, 1000000, 1000000, %s)",
        network.organization_id,
        network.station_id,
        T0 - timedelta(hours=1),
        T0 - timedelta(hours=1),
    )

    async with db_sessions.begin() as db:
        await ask_replay(
            db,
            network.organization_id,
            kept["id"],
            actor="key:1",
            reason="its start was imported",
            now=datetime.now(UTC),
        )
    await database.until("SELECT 1 FROM quarantine WHERE state = 'replayed'")

    session = await database.row("SELECT energy_wh, ended_at FROM sessions")
    assert session == {"energy_wh": 3000, "ended_at": T0}
    assert (await database.row("SELECT decided_by FROM quarantine"))["decided_by"] == "key:1"


async def test_what_is_kept_aside_is_kept_without_secrets(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    await database.rows("ALTER TABLE station_variables ADD CHECK (variable <> 'Culprit')")
    told = [
        {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": name},
            "variableAttribute": [{"value": "hunter2"}],
        }
        for name in ("BasicAuthPassword", "Culprit")
    ]
    report = {"requestId": 1, "generatedAt": T0.isoformat(), "seqNo": 0, "reportData": told}
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        assert await station.call("NotifyReport", report) == {}

    kept = await database.row("SELECT action, frame FROM quarantine")
    values = [
        one["variableAttribute"][0]["value"]
        for one in json.loads(bytes(kept["frame"]))[3]["reportData"]
    ]
    assert kept["action"] == "NotifyReport"
    assert values == ["(hidden)", "hunter2"]
