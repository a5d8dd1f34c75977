"""G1 to G5 (DESIGN section 5), each by somebody who tries to break it, over real sockets."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from gateway.app import GatewayApp
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


def stamp(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


START = {"connectorId": 1, "idTag": CARD, "timestamp": stamp(0), "meterStart": 100}


def status(word: str, timestamp: str | None, connector: int = 1) -> dict[str, Any]:
    payload: dict[str, Any] = {"connectorId": connector, "errorCode": "NoError", "status": word}
    return payload | ({"timestamp": timestamp} if timestamp else {})


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("StartTransaction", {}),
        ("StartTransaction", START | {"connectorId": "one"}),
        ("StartTransaction", START | {"vendorExtra": {"a": 1}}),
        ("StartTransaction", START | {"meterStart": "12.5", "timestamp": "2026-01-01T00:00:00+02"}),
        ("StopTransaction", {}),
        ("StopTransaction", {"transactionId": -1, "meterStop": 5, "timestamp": stamp(1)}),
        ("StopTransaction", {"transactionId": 2**63 - 1, "meterStop": 5, "timestamp": stamp(1)}),
        ("StopTransaction", {"transactionId": 10**30, "meterStop": 10**30, "timestamp": 7}),
        ("StopTransaction", {"transactionId": {"a": 1}}),
        ("StopTransaction", {"transactionId": 0, "transactionData": "none"}),
        ("MeterValues", {"connectorId": 1, "meterValue": {"sampledValue": {"value": 1}}}),
        ("MeterValues", {"connectorId": 1, "meterValue": [{"sampledValue": []}]}),
        ("MeterValues", {"connectorId": 1, "meterValue": [None, 7, "x"]}),
        ("MeterValues", {"connectorId": -7, "transactionId": 1, "meterValue": []}),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [{"timestamp": "x", "sampledValue": [{"value": "1e999999999"}]}],
            },
        ),
        (
            "MeterValues",
            {
                "connectorId": 1,
                "meterValue": [{"timestamp": None, "sampledValue": [{"value": "a\x00b"}]}],
            },
        ),
    ],
)
async def test_g1_a_message_about_a_transaction_is_never_refused(
    gateway: GatewayApp, database: Database, action: str, payload: Any
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        answer = await station.call(action, payload)
        again = await station.call(action, payload)

    assert isinstance(answer, dict)
    if action == "StartTransaction":
        assert answer["transactionId"] > 0
    assert again == answer
    frames = await database.until(
        "SELECT frame FROM frames WHERE action = %s AND NOT outbound", action
    )
    assert json.loads(bytes(frames[0]["frame"]))[3] == payload


async def test_g1_nothing_is_answered_before_its_commit(
    gateway: GatewayApp, database: Database
) -> None:
    """Whatever a station was told, a second reader of the database sees at once."""
    async with await connect_station(gateway.port, "CP1") as station:
        for number in range(20):
            answer = await station.call("StartTransaction", START | {"meterStart": number})
            seen = await database.rows(
                "SELECT 1 FROM sessions WHERE transaction_id = %s", str(answer["transactionId"])
            )
            assert len(seen) == 1


async def test_g2_a_repeat_changes_nothing_and_gets_the_same_answer(
    gateway_settings: Settings, start_gateway: Start, network: Network, database: Database
) -> None:
    gateway = await start_gateway(gateway_settings)
    async with await connect_station(gateway.port, "CP1") as station:
        start = await station.call("StartTransaction", START)
        number = start["transactionId"]
        meter = {
            "connectorId": 1,
            "transactionId": number,
            "meterValue": [{"timestamp": stamp(5), "sampledValue": [{"value": "700"}]}],
        }
        stop = {"transactionId": number, "timestamp": stamp(9), "meterStop": 1100, "idTag": CARD}
        messages = [("StartTransaction", START), ("MeterValues", meter), ("StopTransaction", stop)]
        first = [await station.call(action, payload) for action, payload in messages]
        on_the_same_socket = [await station.call(action, payload) for action, payload in messages]
    before = await database.rows("SELECT * FROM sessions")
    await gateway.drain()
    second = GatewayApp(gateway_settings)
    await second.start()
    try:
        async with await connect_station(second.port, "CP1") as station:
            after_a_restart = [await station.call(action, payload) for action, payload in messages]
    finally:
        await second.drain()

    assert first[0] == start
    assert on_the_same_socket == first
    assert after_a_restart == first
    assert await database.rows("SELECT * FROM sessions") == before
    assert len(await database.rows("SELECT * FROM meter_values")) == 1
    assert len(await database.rows("SELECT * FROM outbox")) == 2


async def test_g2_repeats_within_one_batch_are_one_fact(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        for _ in range(10):
            await station.post("StartTransaction", START)
        answers = [await station.receive() for _ in range(10)]

    assert len({answer[2]["transactionId"] for answer in answers}) == 1
    assert len(await database.rows("SELECT * FROM sessions")) == 1


async def test_g2_another_stop_of_the_same_transaction_is_flagged(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        number = (await station.call("StartTransaction", START))["transactionId"]
        stop = {"transactionId": number, "timestamp": stamp(9), "meterStop": 1100}
        await station.call("StopTransaction", stop)
        await station.call("StopTransaction", stop | {"meterStop": 9100})
        # The next fact of the session carries the flag to its row.
        await station.call(
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": number,
                "meterValue": [{"timestamp": stamp(8), "sampledValue": [{"value": "800"}]}],
            },
        )

    session = await database.row("SELECT energy_wh, findings FROM sessions")
    assert session["energy_wh"] == 1000
    assert [finding["code"] for finding in session["findings"]] == ["second_stop_differs"]


async def test_g3_an_old_status_never_covers_a_newer_one(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("StatusNotification", status("Charging", stamp(10)))
        await station.call("StatusNotification", status("Preparing", stamp(5)))

    assert (await database.row("SELECT status FROM connectors"))["status"] == "charging"


@pytest.mark.parametrize("wrong", ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "0001-01-01"])
async def test_g3_a_wrong_clock_freezes_nothing(
    gateway: GatewayApp, database: Database, wrong: str
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        for word in ("Charging", "Available", "Charging", "Finishing"):
            await station.call("StatusNotification", status(word, wrong))
        assert (await database.row("SELECT status FROM connectors"))["status"] == "finishing"
        ahead = (datetime.now(UTC) + timedelta(seconds=50)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await station.call("StatusNotification", status("Faulted", ahead))
        await station.call("StatusNotification", status("Available", None))

    assert (await database.row("SELECT status FROM connectors"))["status"] == "available"


async def test_g3_pipelined_messages_are_applied_and_answered_in_order(
    gateway: GatewayApp, database: Database
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        sent = []
        for minute in range(40):
            word = "Charging" if minute % 2 else "SuspendedEV"
            sent.append(await station.post("StatusNotification", status(word, None)))
        answered = [(await station.receive())[1] for _ in sent]

    assert answered == sent
    assert (await database.row("SELECT status FROM connectors"))["status"] == "charging"


async def test_g4_inbound_work_does_not_wait_for_an_outbound_answer(gateway: GatewayApp) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        await station.call("StatusNotification", status("Available", None))
        (connection,) = gateway.registry
        marked: list[str] = []

        async def order(name: str) -> Any:
            async with connection.calls.turn(5):
                marked.append(name)
                return await connection.calls.call("Reset", {"type": "Soft"}, 5.0)

        first = asyncio.create_task(order("first"))
        second = asyncio.create_task(order("second"))
        asked = await station.receive()
        # The station does not answer yet, and says other things meanwhile.
        for _ in range(5):
            assert await station.call("StatusNotification", status("Available", None)) == {}
        assert marked == ["first"]
        with pytest.raises(TimeoutError):
            await station.receive(timeout_s=0.2)
        await station.send(orjson.dumps([3, asked[1], {"status": "Accepted"}]).decode())
        asked = await station.receive()
        await station.send(orjson.dumps([4, asked[1], "GenericError", "", {}]).decode())

        assert (await first).payload == {"status": "Accepted"}
        assert (await second).code == "GenericError"
        assert marked == ["first", "second"]


async def refused(station: StationClient) -> bool:
    try:
        await station.receive()
    except ConnectionClosed:
        return True
    return False


async def test_g5_the_newest_socket_wins_across_gateways(
    start_gateway: Start, gateway_settings: Settings, network: Network, database: Database
) -> None:
    one = await start_gateway(gateway_settings)
    two = await start_gateway(gateway_settings.model_copy(update={"gateway_id": "gw2"}))
    old = await connect_station(one.port, "CP1")
    await old.call("Heartbeat", {})

    async with await connect_station(two.port, "CP1") as new:
        await new.call("Heartbeat", {})
        assert await refused(old)
        assert one.registry.held() == {}
        assert two.registry.held() == {network.station_id: 2}
        await asyncio.sleep(0.6)  # longer than the old gateway takes to release rows
        row = await database.row("SELECT generation, boot_id FROM station_connections")
        assert row == {"generation": 2, "boot_id": two.boot_id}
        # And back again on the first gateway.
        async with await connect_station(one.port, "CP1") as newest:
            await newest.call("Heartbeat", {})
            assert await refused(new)
            assert one.registry.held() == {network.station_id: 3}
    released = await database.until("SELECT 1 FROM station_connections WHERE boot_id IS NULL")
    assert released
