"""Stations that number, time and order their transactions in their own way: the energy is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.app import GatewayApp
from holdfast.settings import Settings
from tests.gateway.conftest import CARD, Database, Network, Start, connect_station

T0 = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "X"}
BOOT201 = {"reason": "PowerUp", "chargingStation": {"model": "X", "vendorName": "Acme"}}


def stamp(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def start(minutes: float = 0, meter: Any = 1000, connector: Any = 1) -> dict[str, Any]:
    return {
        "connectorId": connector,
        "idTag": CARD,
        "timestamp": stamp(minutes),
        "meterStart": meter,
    }


def sample(minutes: float, watt_hours: Any) -> dict[str, Any]:
    return {"timestamp": stamp(minutes), "sampledValue": [{"value": str(watt_hours)}]}


def values(number: Any, minutes: float, watt_hours: Any, connector: Any = 1) -> dict[str, Any]:
    named = {} if number is None else {"transactionId": number}
    return {"connectorId": connector, "meterValue": [sample(minutes, watt_hours)]} | named


@pytest.mark.parametrize("identifier", [-1, 0, 2**63 - 1, 4_000_000, 2**31 - 1])
async def test_a_stop_of_an_id_we_never_gave_keeps_its_energy(
    gateway: GatewayApp, database: Database, identifier: int
) -> None:
    stop = {
        "transactionId": identifier,
        "timestamp": stamp(60),
        "meterStop": 5000,
        "transactionData": [sample(0, 1000), sample(60, 5000)],
    }
    async with await connect_station(gateway.port, "CP1") as station:
        assert await station.call("StopTransaction", stop) == {}
        assert await station.call("StopTransaction", stop) == {}

    assert await database.row("SELECT energy_wh FROM sessions") == {"energy_wh": 4000}


@pytest.mark.parametrize("identifier", [-1, 0, 2**63 - 1])
async def test_stops_that_share_an_id_are_sessions_of_their_own(
    gateway: GatewayApp, database: Database, identifier: int
) -> None:
    """A station that was offline for a day numbers every transaction alike."""
    async with await connect_station(gateway.port, "CP1") as station:
        for begin in (0, 60, 120):
            stop = {
                "transactionId": identifier,
                "timestamp": stamp(begin + 50),
                "meterStop": 3000 + begin * 100,
                "transactionData": [
                    sample(begin, 1000 + begin * 100),
                    sample(begin + 50, 3000 + begin * 100),
                ],
            }
            await station.call("StopTransaction", stop)
            await station.call("StopTransaction", stop)

    rows = await database.rows("SELECT energy_wh FROM sessions")
    assert [row["energy_wh"] for row in rows] == [2000, 2000, 2000]


async def test_a_start_without_a_usable_connector_keeps_its_energy(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = (await station.call("StartTransaction", start(connector="one")))["transactionId"]
        await station.call("MeterValues", values(number, 5, 1500, connector=-7))
        await station.call(
            "StopTransaction", {"transactionId": number, "timestamp": stamp(9), "meterStop": 2000}
        )

    row = await database.row("SELECT energy_wh, evse FROM sessions")
    assert row == {"energy_wh": 1000, "evse": 0}
    assert len(await database.rows("SELECT 1 FROM meter_values")) == 1


async def test_meter_values_after_the_stop_do_not_revive_it(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        await station.call(
            "StopTransaction", {"transactionId": number, "timestamp": stamp(10), "meterStop": 3000}
        )
        before = await database.row("SELECT * FROM sessions")
        for transaction in (number, None):
            for minutes in (5, 10, 15):
                await station.call("MeterValues", values(transaction, minutes, 9000 + minutes))
        word = {"connectorId": 1, "errorCode": "NoError", "timestamp": stamp(20)}
        await station.call("StatusNotification", word | {"status": "Charging"})
        after = await database.row("SELECT * FROM sessions")

    # Readings of its own time are taken into account: here they are above the end, which wins.
    heard = {"last_seen_at", "meter_last_mwh", "meter_last_at", "findings"}
    assert {k: v for k, v in after.items() if k not in heard} == {
        k: v for k, v in before.items() if k not in heard
    }
    assert len(await database.rows("SELECT 1 FROM meter_values")) == 6
    names = [row["name"] for row in await database.rows("SELECT name FROM outbox ORDER BY id")]
    assert names == ["ChargingSession", "transaction_ended"]


async def test_updates_after_the_end_do_not_revive_it(
    gateway: GatewayApp, database: Database
) -> None:
    def event(kind: str, number: int, watt_hours: int, **more: Any) -> dict[str, Any]:
        return {
            "eventType": kind,
            "timestamp": stamp(number),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": number,
            "transactionInfo": {"transactionId": "T1", "chargingState": "Charging"},
            "meterValue": [sample(number, watt_hours)],
        } | more

    async with await connect_station(gateway.port, "CP1", "ocpp2.0.1") as station:
        # The number of the EVSE is wrong in each of them: no reason to lose one.
        await station.call("TransactionEvent", event("Started", 0, 0, evse={"id": -1}))
        await station.call("TransactionEvent", event("Ended", 1, 500, evse={"id": "x"}))
        await station.call("TransactionEvent", event("Updated", 2, 900, evse={"id": 5000}))

    row = await database.row("SELECT energy_wh, ended_at, charging_state FROM sessions")
    assert (row["energy_wh"], row["ended_at"]) == (500, T0 + timedelta(minutes=1))
    assert await database.rows("SELECT 1 FROM quarantine") == []


async def test_a_boot_ends_no_transaction(gateway: GatewayApp, database: Database) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
    async with await connect_station(gateway.port, "CP1") as station:
        assert (await station.call("BootNotification", BOOT))["status"] == "Accepted"
        await station.call("MeterValues", values(number, 5, 2500))
        row = await database.row("SELECT ended_at, energy_wh FROM sessions")
        assert row == {"ended_at": None, "energy_wh": 1500}
        await station.call(
            "StopTransaction", {"transactionId": number, "timestamp": stamp(9), "meterStop": 4000}
        )

    assert await database.row("SELECT energy_wh FROM sessions") == {"energy_wh": 3000}


async def test_the_meter_of_connector_0_is_nobodys(gateway: GatewayApp, database: Database) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("StartTransaction", start())
        await station.call("MeterValues", values(None, 5, 99_000, connector=0))
        word = {"connectorId": 0, "errorCode": "NoError", "status": "Faulted"}
        await station.call("StatusNotification", word)

    assert await database.row("SELECT energy_wh FROM sessions") == {"energy_wh": 0}
    row = await database.row("SELECT session_id, evse FROM meter_values")
    assert row == {"session_id": None, "evse": 0}
    assert (await database.row("SELECT status FROM stations"))["status"] == "faulted"
    assert await database.rows("SELECT 1 FROM connectors") == []


@pytest.mark.parametrize(
    ("readings", "stop", "energy_wh"),
    [
        ([2000, 3000], 0, 2000),
        ([2000, 3000, 10, 500], 700, 2700),
        (["", "x", "2909465.9"], 5000, 4000),
    ],
    ids=["a stop of zero", "a register that begins again", "bad values"],
)
async def test_registers_that_misbehave(
    gateway: GatewayApp, database: Database, readings: list[Any], stop: int, energy_wh: int
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = (await station.call("StartTransaction", start()))["transactionId"]
        for turn, reading in enumerate(readings, 1):
            await station.call("MeterValues", values(number, turn, reading))
        await station.call(
            "StopTransaction",
            {"transactionId": number, "timestamp": stamp(30), "meterStop": stop},
        )

    assert (await database.row("SELECT energy_wh FROM sessions"))["energy_wh"] == energy_wh


@pytest.mark.parametrize("wrong", ["1970-01-01T00:00:10Z", "2099-01-01T00:00:00Z"])
async def test_a_clock_that_is_set_in_the_midst_freezes_nothing(
    gateway: GatewayApp, database: Database, wrong: str
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = (await station.call("StartTransaction", start() | {"timestamp": wrong}))[
            "transactionId"
        ]
        early = {"timestamp": wrong, "sampledValue": [{"value": "1500"}]}
        await station.call(
            "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [early]}
        )
        word = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
        await station.call("StatusNotification", word | {"timestamp": wrong})
        now = datetime.now(UTC).isoformat()
        await station.call("StatusNotification", word | {"timestamp": now, "status": "Finishing"})
        late = {"timestamp": now, "sampledValue": [{"value": "2500"}]}
        await station.call(
            "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [late]}
        )
        row = await database.row("SELECT energy_wh, charging_state FROM sessions")
        assert row == {"energy_wh": 1500, "charging_state": "idle"}
        await station.call(
            "StopTransaction", {"transactionId": number, "timestamp": now, "meterStop": 3000}
        )

    row = await database.row("SELECT energy_wh, ended_at >= started_at AS right FROM sessions")
    assert row == {"energy_wh": 2000, "right": True}
    assert (await database.row("SELECT status FROM connectors"))["status"] == "finishing"


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_station_that_waits_to_be_accepted(
    start_gateway: Start,
    gateway_settings: Settings,
    network: Network,
    database: Database,
    protocol: str,
) -> None:
    gateway = await start_gateway(gateway_settings.model_copy(update={"onboarding": "pending"}))
    async with await connect_station(gateway.port, "NEW1", protocol) as station:
        boot = await station.call("BootNotification", BOOT if protocol == "ocpp1.6" else BOOT201)
        assert (boot["status"], boot["interval"]) == ("Pending", 60)
        if protocol == "ocpp1.6":
            # What it sends all the same is kept, and no card is accepted at it.
            answer = await station.call("StartTransaction", start())
            assert answer["idTagInfo"] == {"status": "Invalid"}
            assert answer["transactionId"] > 0
            return
        for frame in (
            '[2,"q1","Heartbeat",{}]',
            '[2,"q1","NoSuchThing",{}]',
            '[2,"q1","TransactionEvent",{"seqNo":"a"}]',
            '[2,"q1","StatusNotification"]',
        ):
            await station.send(frame)
            assert (await station.receive())[:3] == [4, "q1", "SecurityError"]
    kept = await database.until(
        "SELECT frame FROM frames WHERE NOT outbound AND action = 'TransactionEvent'"
    )
    assert bytes(kept[0]["frame"]) == b'[2,"q1","TransactionEvent",{"seqNo":"a"}]'
