"""OCPP 2.1: streams of values, a third kind of log, displays, and battery swaps."""

from typing import Any

import pytest

from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.told import (
    ACCEPTED,
    COMPONENT,
    REJECTED,
    VARIABLE,
    events,
    now,
)

PROTOCOL = "ocpp2.1"
PARAMS = {"interval": 10, "values": 20}
TOKEN = {"idToken": CARD, "type": "ISO14443"}


async def called(
    central: Central, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> str:
    """An action that is sent as it is; how its order ends."""
    async with central.station(PROTOCOL) as station:
        order = {"action": action, "payload": payload}
        named, said, done = await central.ordered(station, "call", order, answer)
    assert (named, said) == (action, payload)
    return str(done.state)


async def test_n01_the_log_of_a_data_collector_is_asked_for(central: Central) -> None:
    wanted = {
        "logType": "DataCollectorLog",
        "requestId": 9,
        "log": {"remoteLocation": "https://files.example/"},
    }
    assert await called(central, "GetLog", wanted, ACCEPTED) == "accepted"


@pytest.mark.parametrize(
    ("kind", "word"),
    [("target_delta", "TargetDelta"), ("target_delta_relative", "TargetDeltaRelative")],
)
async def test_n04_a_monitor_of_the_distance_to_the_target_is_set(
    central: Central, kind: str, word: str
) -> None:
    monitor = {"component": "EVSE", "evse": 1, "variable": "Temperature"}
    order = {"monitors": [monitor | {"type": kind, "value": 5, "severity": 4}]}
    about = {"component": COMPONENT, "variable": VARIABLE}
    answered = about | {"id": 9, "status": "Accepted", "type": word, "severity": 4}
    async with central.station(PROTOCOL) as station:
        _, payload, done = await central.ordered(
            station, "monitor", order, {"setMonitoringResult": [answered]}
        )

    assert payload["setMonitoringData"] == [about | {"type": word, "value": 5, "severity": 4}]
    assert done.state == "accepted"


async def test_n11_a_stream_that_a_station_opens_is_accepted_and_kept(central: Central) -> None:
    told = {"constantStreamData": {"id": 5, "variableMonitoringId": 9, "params": PARAMS}}
    async with central.station(PROTOCOL) as station:
        assert await station.call("OpenPeriodicEventStream", told) == ACCEPTED
        (kept,) = await events(central, station, "event_stream")

    assert (kept["name"], kept["details"]) == ("Opened", told)


async def test_n12_the_streams_of_a_station_are_asked_for(central: Central) -> None:
    found = [{"id": 5, "variableMonitoringId": 9, "params": PARAMS}]
    answered = {"constantStreamData": found}
    assert await called(central, "GetPeriodicEventStream", {}, answered) == "accepted"


async def test_n13_a_stream_that_a_station_closes_is_confirmed_and_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        assert await station.call("ClosePeriodicEventStream", {"id": 5}) == {}
        (kept,) = await events(central, station, "event_stream")

    assert (kept["name"], kept["details"]) == ("Closed", {"id": 5})


@pytest.mark.parametrize(("answer", "state"), [(ACCEPTED, "accepted"), (REJECTED, "rejected")])
async def test_n14_the_pace_of_a_stream_is_changed(
    central: Central, answer: dict[str, Any], state: str
) -> None:
    wanted = {"id": 5, "params": PARAMS}
    assert await called(central, "AdjustPeriodicEventStream", wanted, answer) == state


async def test_n15_the_values_of_a_stream_are_kept_and_never_answered(central: Central) -> None:
    values = [{"t": 0, "v": "20.1"}, {"t": 1.5, "v": "20.2"}]
    told = {"id": 5, "pending": 0, "basetime": now(), "data": values}
    async with central.station(PROTOCOL) as station:
        await station.send("NotifyPeriodicEventStream", told)
        assert await station.call("Heartbeat", {})
        await station.expect_silence(0.02)
        (kept,) = await events(central, station, "event_stream")

    assert kept["details"]["data"] == values


@pytest.mark.parametrize(
    ("more", "field", "word"),
    [
        ({"state": "suspended"}, "state", "Suspended"),
        ({"state": "discharging"}, "state", "Discharging"),
    ],
)
async def test_o01_a_message_is_set_for_the_new_states(
    central: Central, more: dict[str, str], field: str, word: str
) -> None:
    message = {"id": 3, "content": "https://pay.example/1", "format": "qrcode"} | more
    async with central.station(PROTOCOL) as station:
        _, payload, done = await central.ordered(
            station, "display_message", {"message": message}, ACCEPTED
        )

    assert payload["message"][field] == word
    assert payload["message"]["message"]["format"] == "QRCODE"
    assert done.state == "accepted"


def swap(kind: str, number: int) -> dict[str, Any]:
    """BatterySwapRequest."""
    battery = {"evseId": 1, "serialNumber": "B-1", "soC": 20.0, "soH": 95.0}
    return {"eventType": kind, "requestId": number, "idToken": TOKEN, "batteryData": [battery]}


async def test_s01_a_swap_that_a_driver_began_is_authorized_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        answer = await station.call("Authorize", {"idToken": TOKEN})
        assert answer["idTokenInfo"]["status"] == "Accepted"
        for kind in ("BatteryIn", "BatteryOut"):
            assert await station.call("BatterySwap", swap(kind, 4)) == {}
        kept = await events(central, station, "battery_swap")

    assert [(row["name"], row["request_id"]) for row in kept] == [
        ("BatteryIn", 4),
        ("BatteryOut", 4),
    ]


async def test_s02_fr_01_a_swap_is_begun_from_afar(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"token": {"uid": CARD, "type": "ISO14443"}}
        action, payload, done = await central.ordered(station, "battery_swap", order, ACCEPTED)
        assert await station.call("BatterySwap", swap("BatteryIn", payload["requestId"])) == {}
        (kept,) = await events(central, station, "battery_swap")

    assert (action, payload["idToken"], done.state) == ("RequestBatterySwap", TOKEN, "accepted")
    assert kept["request_id"] == payload["requestId"] > 0


async def test_s02_fr_04_a_station_without_a_battery_is_understood(central: Central) -> None:
    info = {"reasonCode": "NoBatteryAvailable"}
    async with central.station(PROTOCOL) as station:
        order = {"token": {"uid": CARD, "type": "ISO14443"}}
        _, _, done = await central.ordered(
            station, "battery_swap", order, REJECTED | {"statusInfo": info}
        )

    assert (done.state, done.status) == ("rejected", "Rejected")


async def test_s03_fr_06_a_battery_that_nobody_took_is_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        assert await station.call("BatterySwap", swap("BatteryOutTimeout", 4)) == {}
        (kept,) = await events(central, station, "battery_swap")

    assert kept["name"] == "BatteryOutTimeout"
    assert kept["details"]["batteryData"][0]["serialNumber"] == "B-1"
