"""OCPP 2.0.1 block F: starts, stops, unlocks and triggers from afar."""

from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import CARD, Central
from tests.gateway.conformance.ocpp201.transaction import (
    ACCEPTED,
    PLACE,
    PROTOCOL,
    TOKEN,
    ended,
    event,
    of_station,
    ordered_start,
    register,
    session,
    sessions,
    started,
    tell,
)

START = "RequestStartTransaction"
STOP = "RequestStopTransaction"
TRIGGER = "TriggerMessage"
YES = {"status": "Accepted"}


async def remote_start(
    central: Central, station: Witness, evse: int = 1, **answer: Any
) -> tuple[dict[str, Any], int, Any]:
    """Order a start and answer it: the request, its number, and what the order became."""
    order_id, number = await ordered_start(central, station, CARD, evse)
    sending = central.send(order_id)
    message_id, request = await station.expect_call(START)
    await station.answer(message_id, YES | answer)
    return request, number, await sending


async def test_f01_fr_03_the_token_of_a_remote_start_is_judged_in_its_event(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, number, _ = await remote_start(central, station)
        answers = await tell(station, started(0, info={"remoteStartId": number}))

    assert answers == [ACCEPTED]


async def test_f01_fr_04_a_remote_start_carries_a_token_and_its_number(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        request, number, done = await remote_start(central, station)

    assert request == {"evseId": 1, "idToken": TOKEN, "remoteStartId": number}
    assert done.state == "accepted"


@pytest.mark.parametrize("evse", [2, 0], ids=["one EVSE", "whichever the station chooses"])
async def test_f01_fr_06_a_remote_start_may_name_its_evse(central: Central, evse: int) -> None:
    async with central.station(PROTOCOL) as station:
        request, _, _ = await remote_start(central, station, evse)

    assert request.get("evseId", 0) == evse


async def test_f01_fr_07_a_remote_start_that_is_rejected_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await remote_start(central, station, 0, status="Rejected")

    assert (done.state, done.status) == ("rejected", "Rejected")


async def test_f01_fr_13_a_remote_start_of_a_transaction_that_runs_is_understood(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(station, event("Started", 0, 1, "CablePluggedIn", evse=PLACE))
        _, _, done = await remote_start(central, station, transactionId="T1")

    assert done.state == "accepted"


async def test_f01_fr_25_a_transaction_that_runs_becomes_that_of_the_remote_start(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            event(
                "Started",
                0,
                9,
                "CablePluggedIn",
                evse=PLACE,
                meterValue=[register(9, 1_000, "Transaction.Begin")],
            ),
        )
        _, number, _ = await remote_start(central, station, transactionId="T1")
        claim = {"remoteStartId": number}
        answers = await tell(
            station,
            event("Updated", 1, 8, "RemoteStart", idToken=TOKEN, info=claim),
            ended(2),
        )

    rows = await sessions(central, station)
    assert answers == [ACCEPTED, {}]
    (ordered,) = [row for row in rows if row["remote_start_number"] == number]
    assert (ordered["transaction_id"], ordered["stop_reason"]) == ("T1", "Local")
    assert sum(row["energy_wh"] for row in rows) == 1_000


async def test_f02_fr_01_a_transaction_is_that_of_the_remote_start_by_its_number(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, number, _ = await remote_start(central, station)
        await tell(station, started(0, triggerReason="RemoteStart", info={"remoteStartId": number}))

    row = await session(central, station)
    assert (row["remote_start_number"], row["transaction_id"]) == (number, "T1")


async def test_f02_fr_07_a_remote_start_without_a_cable_ends_by_its_timeout(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, number, _ = await remote_start(central, station)
        first = event("Started", 0, 1, "RemoteStart", idToken=TOKEN, info={"remoteStartId": number})
        last = event("Ended", 1, 0, "EVConnectTimeout", info={"stoppedReason": "Timeout"})
        await tell(station, first, last)

    assert (await session(central, station))["stop_reason"] == "Timeout"


async def test_f02_fr_09_a_token_of_a_remote_start_that_is_asked_about_is_accepted(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await remote_start(central, station)
        answer = await station.call("Authorize", {"idToken": TOKEN})

    assert answer["idTokenInfo"]["status"] == "Accepted"


async def test_f02_fr_12_a_remote_start_before_the_cable_carries_a_token(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        request, _, _ = await remote_start(central, station)

    assert request["idToken"] == TOKEN


@pytest.mark.parametrize("evse", [2, 0], ids=["one EVSE", "whichever the station chooses"])
async def test_f02_fr_14_a_remote_start_before_the_cable_may_name_its_evse(
    central: Central, evse: int
) -> None:
    async with central.station(PROTOCOL) as station:
        request, number, _ = await remote_start(central, station, evse)
        info = {"remoteStartId": number}
        await tell(station, started(0, evse={"id": 2, "connectorId": 1}, info=info))

    assert request.get("evseId", 0) == evse
    assert (await session(central, station))["evse"] == 2


async def test_f02_fr_21_a_transaction_that_begins_later_is_still_that_of_the_remote_start(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, number, _ = await remote_start(central, station)
        info = {"remoteStartId": number, "chargingState": "EVConnected"}
        answers = await tell(station, started(0, triggerReason="RemoteStart", info=info))

    row = await session(central, station)
    assert answers == [ACCEPTED]
    assert (row["remote_start_number"], row["charging_state"]) == (number, "connected")


async def remote_stop(
    central: Central, answer: str, *events: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Order a stop: what was sent and came of it, and the session afterwards."""
    async with central.station(PROTOCOL) as station:
        await tell(station, started())
        order = {"transaction_id": "T1"}
        ordered = await central.ordered(station, "stop", order, {"status": answer})
        await tell(station, *events)
    return ordered, await session(central, station)


async def test_f03_fr_01_a_remote_stop_names_the_transaction(central: Central) -> None:
    (action, request, done), _ = await remote_stop(central, "Accepted")

    assert (action, request, done.state) == (STOP, {"transactionId": "T1"}, "accepted")


async def test_f03_fr_02_a_remote_stop_may_leave_the_transaction_open(central: Central) -> None:
    info = {"chargingState": "EVConnected"}
    stopped = event("Updated", 1, 0, "RemoteStop", info=info)

    _, row = await remote_stop(central, "Accepted", stopped)

    assert (row["charging_state"], row["ended_at"]) == ("connected", None)


async def test_f03_fr_03_the_end_by_a_remote_stop_is_taken(central: Central) -> None:
    _, row = await remote_stop(central, "Accepted", ended(1, reason="Remote", trigger="RemoteStop"))

    assert (row["stop_reason"], row["energy_wh"]) == ("Remote", 1_000)


async def test_f03_fr_08_a_remote_stop_that_is_rejected_is_understood(central: Central) -> None:
    (_, _, done), row = await remote_stop(central, "Rejected")

    assert (done.state, done.status) == ("rejected", "Rejected")
    assert row["ended_at"] is None


async def test_f04_fr_01_a_remote_stop_of_iso_15118_names_the_transaction(
    central: Central,
) -> None:
    await central.add_token("DE-HFD-C0000001-1", type="eMAID")
    contract = {"idToken": "DE-HFD-C0000001-1", "type": "eMAID"}
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(idToken=contract))
        action, request, _ = await central.ordered(station, "stop", {"transaction_id": "T1"}, YES)

    assert answers == [ACCEPTED]
    assert (action, request) == (STOP, {"transactionId": "T1"})


async def test_f05_fr_01_a_connector_is_unlocked_by_its_evse_and_number(central: Central) -> None:
    order = {"evse": 2, "connector": 1}
    async with central.station(PROTOCOL) as station:
        action, request, done = await central.ordered(
            station, "unlock", order, {"status": "Unlocked"}
        )

    assert (action, request) == ("UnlockConnector", {"evseId": 2, "connectorId": 1})
    assert (done.state, done.status) == ("accepted", "Unlocked")


async def unlocking(central: Central, word: str) -> tuple[str, str]:
    async with central.station(PROTOCOL) as station:
        order = {"evse": 1, "connector": 1}
        _, _, done = await central.ordered(station, "unlock", order, {"status": word})
    return done.state, done.status or ""


async def test_f05_fr_02_an_unlock_during_a_transaction_is_refused_and_understood(
    central: Central,
) -> None:
    word = "OngoingAuthorizedTransaction"

    assert await unlocking(central, word) == ("rejected", word)


async def test_f05_fr_03_an_unlock_of_an_unknown_connector_is_understood(
    central: Central,
) -> None:
    assert await unlocking(central, "UnknownConnector") == ("rejected", "UnknownConnector")


async def test_f05_fr_05_an_unlock_that_failed_is_understood(central: Central) -> None:
    assert await unlocking(central, "UnlockFailed") == ("rejected", "UnlockFailed")


@pytest.mark.parametrize(
    "message",
    [
        "BootNotification",
        "LogStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "SignChargingStationCertificate",
        "SignV2GCertificate",
        "TransactionEvent",
        "SignCombinedCertificate",
        "PublishFirmwareStatusNotification",
    ],
)
async def test_f06_fr_01_a_trigger_says_which_message_is_wanted(
    central: Central, message: str
) -> None:
    async with central.station(PROTOCOL) as station:
        action, request, done = await central.ordered(station, "trigger", {"message": message}, YES)

    assert (action, request, done.state) == (TRIGGER, {"requestedMessage": message}, "accepted")


@pytest.mark.parametrize("message", ["MeterValues", "TransactionEvent"])
async def test_f06_fr_02_a_trigger_may_name_an_evse(central: Central, message: str) -> None:
    async with central.station(PROTOCOL) as station:
        _, request, _ = await central.ordered(
            station, "trigger", {"message": message, "evse": 2}, YES
        )

    assert request == {"requestedMessage": message, "evse": {"id": 2}}


async def test_f06_fr_05_a_trigger_that_is_rejected_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "trigger", {"message": "MeterValues"}, {"status": "Rejected"}
        )

    assert (done.state, done.status) == ("rejected", "Rejected")


async def test_f06_fr_07_the_event_that_was_triggered_is_taken(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(station, started())
        order = {"message": "TransactionEvent", "evse": 1}
        _, _, done = await central.ordered(station, "trigger", order, YES)
        values = [register(1, 1_700, "Trigger")]
        info = {"chargingState": "Charging"}
        await tell(station, event("Updated", 1, 1, "Trigger", info=info, meterValue=values))

    row = await session(central, station)
    assert done.state == "accepted"
    assert (row["energy_wh"], row["charging_state"]) == (700, "charging")


async def test_f06_fr_08_a_trigger_that_is_not_implemented_is_understood(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "trigger", {"message": "Heartbeat"}, {"status": "NotImplemented"}
        )

    assert (done.state, done.status) == ("rejected", "NotImplemented")


async def test_f06_fr_13_a_status_is_triggered_of_one_connector(central: Central) -> None:
    wanted = "StatusNotification"
    async with central.station(PROTOCOL) as station:
        _, request, _ = await central.ordered(
            station, "trigger", {"message": wanted, "evse": 2}, YES
        )
        nowhere = await central.send(await central.order(station, "trigger", {"message": wanted}))
        await station.expect_silence(0.02)

    assert request == {"requestedMessage": wanted, "evse": {"id": 2, "connectorId": 1}}
    assert nowhere.state == "rejected"


async def triggered(
    central: Central, message: str, payload: dict[str, Any], table: str
) -> list[dict[str, Any]]:
    """What is kept of a message that was triggered."""
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(station, "trigger", {"message": message}, YES)
        assert done.state == "accepted"
        assert await station.call(message, payload) == {}
    return await of_station(central, station, table, "t.*", "t.id")


async def test_f06_fr_06_the_meter_values_that_were_triggered_are_taken(
    central: Central,
) -> None:
    payload = {"evseId": 1, "meterValue": [register(0, 5_000, "Trigger")]}
    (kept,) = await triggered(central, "MeterValues", payload, "meter_values")

    assert (kept["context"], kept["energy_mwh"]) == ("Trigger", 5_000_000)


@pytest.mark.parametrize("word", ["Uploading", "Idle"])
async def test_f06_fr_15_the_state_of_a_log_that_was_triggered_is_taken(
    central: Central, word: str
) -> None:
    (kept,) = await triggered(central, "LogStatusNotification", {"status": word}, "station_events")

    assert (kept["kind"], kept["name"]) == ("log", word)


async def test_f06_fr_16_the_state_of_the_firmware_that_was_triggered_is_taken(
    central: Central,
) -> None:
    (kept,) = await triggered(
        central, "FirmwareStatusNotification", {"status": "Idle"}, "station_events"
    )

    assert (kept["kind"], kept["name"]) == ("firmware", "Idle")
