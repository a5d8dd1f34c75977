"""What a session's workflow is told: the newest state, each tripwire once, twenty signals."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from gateway.app import GatewayApp
from holdfast.contracts.sessions import tripwire_event_id
from holdfast.settings import Settings
from tests.gateway.conftest import (
    CARD,
    Database,
    Network,
    Start,
    StationClient,
    connect_station,
)

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


def stamp(seconds: float) -> str:
    return (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def status(word: str, seconds: float) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "errorCode": "NoError",
        "status": word,
        "timestamp": stamp(seconds),
    }


def meter(number: int, seconds: float, watt_hours: float) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "transactionId": number,
        "meterValue": [{"timestamp": stamp(seconds), "sampledValue": [{"value": str(watt_hours)}]}],
    }


async def started(station: StationClient) -> int:
    answer = await station.call(
        "StartTransaction",
        {"connectorId": 1, "idTag": CARD, "timestamp": stamp(0), "meterStart": 0},
    )
    return int(answer["transactionId"])


async def signals(database: Database, name: str) -> list[dict[str, Any]]:
    rows = await database.rows("SELECT payload FROM outbox WHERE name = %s ORDER BY id", name)
    return [row["payload"] for row in rows]


async def test_a_car_that_pauses_two_hundred_times_leaves_one_word_unsent(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = await started(station)
        # Together, so that many meet in one batch, and then one by one.
        sent = [
            await station.post(
                "StatusNotification", status("SuspendedEV" if turn % 2 else "Charging", turn)
            )
            for turn in range(200)
        ]
        assert [(await station.receive())[1] for _ in sent] == sent
        (unsent,) = await signals(database, "charging_state_changed")
        assert unsent["state"] == "suspended_ev"
        for turn in range(200, 230):
            word = "SuspendedEV" if turn % 2 else "Charging"
            await station.call("StatusNotification", status(word, turn))
            (unsent,) = await signals(database, "charging_state_changed")
            assert unsent["state"] == {"S": "suspended_ev", "C": "charging"}[word[0]]
        assert await database.row("SELECT signals_sent FROM sessions") == {"signals_sent": 1}
        await station.call(
            "StopTransaction",
            {"transactionId": number, "timestamp": stamp(900), "meterStop": 1000},
        )

    assert await signals(database, "charging_state_changed") == []
    assert len(await signals(database, "transaction_ended")) == 1
    assert len(await database.rows("SELECT 1 FROM session_states")) == 230


async def test_of_two_states_in_one_second_the_one_that_was_sent_later_holds(
    gateway: GatewayApp, database: Database
) -> None:
    words = ("SuspendedEVSE", "SuspendedEV", "Charging")
    async with await connect_station(gateway.port, "CP1") as station:
        await started(station)
        for word in words:
            await station.call("StatusNotification", status(word, 60))

    states = await database.rows("SELECT state, at FROM session_states ORDER BY at, state")
    assert [row["state"] for row in states] == ["suspended_evse", "suspended_ev", "charging"]
    assert states[-1]["at"] - states[0]["at"] < timedelta(milliseconds=1)
    assert await database.row("SELECT charging_state FROM sessions") == {
        "charging_state": "charging"
    }


async def test_no_more_than_twenty_signals_and_the_end_is_always_among_them(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = await started(station)
        for turn in range(60):
            word = "SuspendedEV" if turn % 2 else "Charging"
            await station.call("StatusNotification", status(word, turn))
            await database.rows("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL")
        for version in range(1, 20):
            await database.rows(
                "UPDATE sessions SET tripwire_version = %s, energy_threshold_mwh = %s",
                version,
                version * 1000,
            )
            await station.call("MeterValues", meter(number, 100 + version, version))
        await station.call(
            "StopTransaction",
            {"transactionId": number, "timestamp": stamp(900), "meterStop": 1000},
        )

    told = await database.rows("SELECT name FROM outbox WHERE operation = 'signal' ORDER BY id")
    names = [row["name"] for row in told]
    assert len(names) == 20
    assert names.count("charging_state_changed") == 14
    assert names.count("tripwire_crossed") == 5
    assert names[-1] == "transaction_ended"


async def test_a_tripwire_is_claimed_once_on_two_gateways(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    one = await start_gateway(gateway_settings)
    two = await start_gateway(gateway_settings.model_copy(update={"gateway_id": "gw2"}))
    old = await connect_station(one.port, "CP1")
    number = await started(old)
    await database.rows(
        "UPDATE sessions SET tripwire_version = 1, energy_threshold_mwh = 700000, "
        "wake_at = now() + interval '1 hour'"
    )
    for watt_hours in (100, 699):
        await old.call("MeterValues", meter(number, watt_hours, watt_hours))
    assert await signals(database, "tripwire_crossed") == []
    # The two sockets of one station race: what the old one sent last is still being written.
    new = await connect_station(two.port, "CP1")
    posted = [
        socket.post("MeterValues", meter(number, 700 + turn, 700 + turn))
        for turn in range(40)
        for socket in (old, new)
    ]
    await asyncio.gather(*posted, return_exceptions=True)
    for _ in range(40):
        await new.receive()
    await new.close()
    await old.close()

    row = await database.row("SELECT id, fired_version, energy_wh FROM sessions")
    assert (row["fired_version"], row["energy_wh"]) == (1, 739)
    assert await signals(database, "tripwire_crossed") == [
        {"event_id": tripwire_event_id(row["id"], 1), "version": 1}
    ]


async def settle(connection: psycopg.AsyncConnection[Any], session_id: UUID) -> None:
    """As the activity does: lock, write, commit is the caller's."""
    await connection.execute("SELECT 1 FROM sessions WHERE id = %s FOR UPDATE", (session_id,))
    await connection.execute(
        "INSERT INTO settlements (session_id, organization_id, currency, energy_wh, amount_minor, "
        "excl_vat, incl_vat, breakdown, deadline_at) "
        "SELECT id, organization_id, 'EUR', energy_wh, 0, '0', '0', '{}', now() "
        "FROM sessions WHERE id = %s",
        (session_id,),
    )


def event(kind: str, number: int, watt_hours: float, **info: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": stamp(number),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": "T1"} | info,
        "evse": {"id": 1},
        "meterValue": [{"timestamp": stamp(number), "sampledValue": [{"value": watt_hours}]}],
    }


@pytest.mark.parametrize("meanwhile", [False, True], ids=["before", "at the same moment"])
async def test_energy_that_comes_after_the_settlement_is_told(
    gateway: GatewayApp, database: Database, meanwhile: bool
) -> None:
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, 0))
        await station.call("TransactionEvent", event("Ended", 5, 100))
        session_id = (await database.row("SELECT id FROM sessions"))["id"]
        late = event("Updated", 4, 900) | {"timestamp": stamp(5)}
        late["meterValue"][0]["timestamp"] = stamp(5)
        async with await psycopg.AsyncConnection.connect(database.url) as connection:
            await settle(connection, session_id)
            if not meanwhile:
                await connection.commit()
            sent = await station.post("TransactionEvent", late)
            if meanwhile:
                # The writer waits for the lock that the activity holds.
                await database.until(
                    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                    "AND datname = current_database()"
                )
                await connection.commit()
        assert (await station.receive())[:2] == [3, sent]

    assert await database.row("SELECT energy_wh FROM sessions") == {"energy_wh": 900}
    assert len(await signals(database, "meter_corrected")) == 1


async def test_how_a_session_went_is_told_once_after_its_settlement(
    gateway: GatewayApp, database: Database
) -> None:
    """Neither changes the energy, and both the price: when it flowed, and when the car paused."""
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, 0))
        await station.call("TransactionEvent", event("Ended", 9, 400))
        session_id = (await database.row("SELECT id FROM sessions"))["id"]
        async with await psycopg.AsyncConnection.connect(database.url) as connection:
            await settle(connection, session_id)
        await station.call("TransactionEvent", event("Updated", 3, 100))
        await station.call("TransactionEvent", event("Updated", 2, 50))
        paused = event("Updated", 4, 400, chargingState="SuspendedEV")
        del paused["meterValue"]
        await station.call("TransactionEvent", paused)
        due_at = "SELECT due_at > now() AS later FROM outbox WHERE name = 'meter_corrected'"
        assert await database.rows(due_at) == [{"later": True}]
        await database.rows("UPDATE outbox SET sent_at = now()")
        as_it_ended = event("Updated", 5, 400) | {"timestamp": stamp(9)}
        as_it_ended["meterValue"][0]["timestamp"] = stamp(9)
        await station.call("TransactionEvent", as_it_ended)

    assert len(await signals(database, "meter_corrected")) == 1
    states = await database.rows("SELECT at, state FROM session_states")
    assert states == [{"at": T0 + timedelta(seconds=4), "state": "suspended_ev"}]
    row = await database.row("SELECT energy_wh, charging_state, signals_sent FROM sessions")
    assert row == {"energy_wh": 400, "charging_state": None, "signals_sent": 2}


async def test_the_last_missing_number_after_the_end_is_told(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        await station.call("TransactionEvent", event("Started", 0, 0))
        await station.call("TransactionEvent", event("Ended", 4, 400))
        for number in (3, 1):
            await station.call("TransactionEvent", event("Updated", number, number * 100))
            await station.call("TransactionEvent", event("Updated", number, number * 100))
        assert await signals(database, "gaps_closed") == []
        await station.call("TransactionEvent", event("Updated", 2, 200))

    (ended,) = await signals(database, "transaction_ended")
    assert ended["complete"] is False
    assert len(await signals(database, "gaps_closed")) == 1
    row = await database.row("SELECT sequence_gaps, energy_wh FROM sessions")
    assert row == {"sequence_gaps": 0, "energy_wh": 400}


async def test_orders_that_wait_are_told_when_their_station_connects(
    gateway: GatewayApp, network: Network, database: Database
) -> None:
    for state, not_after in (("waiting", "1 hour"), ("waiting", "-1 hour"), ("accepted", "1 hour")):
        await database.rows(
            "INSERT INTO orders (organization_id, station_id, kind, payload, requested_by, "
            "not_after, state) VALUES (%s, %s, 'reset', '{}', 'key:1', now() + %s::interval, %s)",
            network.organization_id,
            network.station_id,
            not_after,
            state,
        )
    waiting = await database.row(
        "SELECT id FROM orders WHERE state = 'waiting' AND not_after > now()"
    )
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("Heartbeat", {})

    told = await database.row("SELECT workflow_id, operation, name, payload FROM outbox")
    assert told == {
        "workflow_id": f"order-{waiting['id']}",
        "operation": "signal",
        "name": "station_connected",
        "payload": {"event_id": f"connected:{network.station_id}:1"},
    }
