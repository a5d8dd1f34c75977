"""Frames made to break the gateway: none may close a socket, block it, or cost others an answer."""

import json
from typing import Any

import pytest

from gateway.app import GatewayApp
from tests.gateway.conftest import CARD, Database, StationClient, connect_station

DEPTHS = (100, 253, 254, 300, 1000, 5000)
TRANSACTIONAL = {
    "ocpp1.6": ("StartTransaction", "MeterValues", "StopTransaction"),
    "ocpp2.0.1": ("TransactionEvent", "MeterValues"),
}
OTHERS = ("Authorize", "BootNotification", "DataTransfer", "StatusNotification", "Heartbeat")


async def alive(station: StationClient) -> None:
    answer = await station.call("Heartbeat", {})
    assert "currentTime" in answer


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_deep_nesting_is_answered_and_harms_nobody(
    gateway: GatewayApp, database: Database, protocol: str
) -> None:
    read_to = 1000  # deeper ones are no JSON to us
    async with await connect_station(gateway.port, "CP1", protocol) as station:
        for depth in DEPTHS:
            nest = "[" * depth + "]" * depth
            for action in (*TRANSACTIONAL[protocol], *OTHERS):
                for payload in (
                    f'{{"a":{nest}}}',
                    f'{{"connectorId":1,"evseId":1,"transactionId":7,"meterValue":{nest}}}',
                ):
                    await station.send(f'[2,"x{depth}","{action}",{payload}]')
                    answer = await station.receive()
                    assert answer[1] == f"x{depth}"
                    if action in TRANSACTIONAL[protocol] and depth <= read_to:
                        assert answer[0] == 3, (action, depth, answer)
        await alive(station)
        if protocol == "ocpp2.0.1":
            return
        # Sent again: the same answer, and kept once.
        deep = '{"connectorId":1,"idTag":' + "[" * 300 + "]" * 300 + "}"
        answers = []
        for message_id in ("one", "another"):
            await station.send(f'[2,"{message_id}","StartTransaction",{deep}]')
            answers.append((await station.receive())[2])
        assert answers[0] == answers[1]
    assert len(await database.rows("SELECT 1 FROM sessions WHERE evse = 1")) == 1


@pytest.mark.parametrize(
    ("frame", "kind", "message_id"),
    [
        (b'[2,"a","StopTransaction",{"transactionId":-1,"reason":"B\xfcro"}]', 3, "a"),
        (b'[2,"a","MeterValues",{"connectorId":1,"meterValue":[],"v":"\xff\xfe"}]', 3, "a"),
        (b'[2,"a","MeterValues",{"connectorId":1,"meterValue":[],"v":"\\ud800"}]', 3, "a"),
        (b'[2,"a","MeterValues",{"connectorId":1,"meterValue":1e999}]', 3, "a"),
        (b'[2,"a","MeterValues",{"connectorId":1,', 4, "a"),
        (b'[2,"a","Heartbeat",NaN]', 4, "a"),
        (b'[ 2 , "a"', 4, "a"),
        (b"[,2]", 4, "-1"),
        (b"", 4, "-1"),
        (b"\xff\xff", 4, "-1"),
        (b'{"a":1}', 4, "-1"),
    ],
)
async def test_what_is_no_json_is_answered_under_its_id_where_one_can_be_seen(
    gateway: GatewayApp, frame: bytes, kind: int, message_id: str
) -> None:
    async with await connect_station(gateway.port, "CP1") as station:
        await station.socket.send(frame)
        answer = await station.receive()
        await alive(station)

    assert answer[:2] == [kind, message_id]


@pytest.mark.parametrize(
    "frame", ['[3,"x"]', "[3]", "[4]", '[4,"-1","E","",{}]', '[3,"x",7]', '[3,"x",{']
)
async def test_a_bad_answer_is_not_answered(gateway: GatewayApp, frame: str) -> None:
    """Two sides that answer each other's errors would never stop."""
    async with await connect_station(gateway.port, "CP1") as station:
        await station.send(frame)
        await alive(station)


async def test_what_even_the_quarantine_refuses_does_not_block_those_behind_it(
    gateway: GatewayApp, database: Database
) -> None:
    # Stands for a fault that nobody thought of: this message fits in no table.
    await database.rows("ALTER TABLE quarantine ADD CHECK (length(frame) < 2000)")
    await database.rows("ALTER TABLE meter_values ADD CHECK (energy_mwh <> 1000)")
    start = {"connectorId": 1, "idTag": CARD, "timestamp": "2026-01-01T00:00:00Z", "meterStart": 0}
    poison = {
        "connectorId": 1,
        "meterValue": [{"sampledValue": [{"value": "1", "long": "x" * 3000}]}],
    }
    async with await connect_station(gateway.port, "CP1") as station:
        first = await station.post("MeterValues", poison)
        second = await station.post("StartTransaction", start)
        answer = await station.receive()
        assert answer[:2] == [3, second]
        again = await station.post("MeterValues", poison)
        await alive(station)
        assert (await station.call("StartTransaction", start)) == answer[2]

    assert first != again
    assert await database.rows("SELECT 1 FROM quarantine") == []
    assert len(await database.rows("SELECT 1 FROM sessions")) == 1


async def test_a_log_line_that_the_database_refuses_costs_no_message(
    gateway: GatewayApp, database: Database
) -> None:
    await database.rows("ALTER TABLE frames ADD CHECK (message_id IS DISTINCT FROM 'poison')")
    async with await connect_station(gateway.port, "CP1") as station:
        for _ in range(5):
            await station.call("Heartbeat", {}, "poison")
            answer = await station.call(
                "StatusNotification",
                {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
            )
            assert answer == {}

    assert await database.rows("SELECT 1 FROM quarantine") == []
    assert (await database.row("SELECT status FROM connectors"))["status"] == "available"


@pytest.mark.parametrize(
    "value",
    [
        "a\x00b",
        "a\\u0000b\\\x00",
        "x" * 60_000,
        "2909465.9",
        "",
        "1e400",
        "-5",
        "NaN",
        "Infinity",
        None,
        10**25,
        [],
        {},
    ],
)
async def test_a_bad_value_costs_no_other(
    gateway: GatewayApp, database: Database, value: Any
) -> None:
    signed = {"value": value, "format": "SignedData", "context": "Transaction.End"}
    plain = {"value": value, "measurand": "Voltage"}
    async with await connect_station(gateway.port, "CP1") as station:
        number = (
            await station.call(
                "StartTransaction",
                {
                    "connectorId": 1,
                    "idTag": CARD,
                    "timestamp": "2026-01-01T00:00:00Z",
                    "meterStart": 1000,
                },
            )
        )["transactionId"]
        for _ in range(2):  # twice identical, as some stations send it
            answer = await station.call(
                "StopTransaction",
                {
                    "transactionId": number,
                    "timestamp": "2026-01-01T01:00:00Z",
                    "meterStop": 5000,
                    "transactionData": [
                        {
                            "timestamp": "2026-01-01T01:00:00Z",
                            "sampledValue": [signed, plain, {"value": "5000"}],
                        }
                    ],
                },
            )
            assert answer == {}

    row = await database.row("SELECT energy_wh, ended_at IS NOT NULL AS ended FROM sessions")
    assert row == {"energy_wh": 4000, "ended": True}
    samples = json.dumps((await database.row("SELECT samples FROM meter_values"))["samples"])
    assert not isinstance(value, str) or json.dumps(value.replace("\x00", "")) in samples
    assert await database.rows("SELECT 1 FROM quarantine") == []
