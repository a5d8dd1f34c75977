"""OCPP 2.0.1 use cases E02 to E05: starts by cable or token, online or not, allowed or not."""

from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp201.transaction import (
    ACCEPTED,
    PLACE,
    PROTOCOL,
    TOKEN,
    ago,
    ended,
    event,
    of_station,
    register,
    reservations,
    session,
    sessions,
    started,
    tell,
)


async def test_e02_fr_02_the_answer_to_a_later_token_tells_its_status(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, answer = await tell(
            station,
            event("Started", 0, 10, "CablePluggedIn", evse=PLACE),
            event("Updated", 1, 9, "Authorized", idToken=TOKEN),
        )

    assert answer == ACCEPTED


async def test_e02_fr_03_a_reservation_may_be_ended_by_an_update(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            event("Started", 0, 10, "CablePluggedIn", evse=PLACE),
            event("Updated", 1, 9, "Authorized", idToken=TOKEN, reservationId=8),
        )

    assert await reservations(central, station) == [("Used", 8, "T1")]


async def test_e02_fr_04_a_later_token_is_verified(central: Central) -> None:
    nobody = {"idToken": "E0204NOBODY", "type": "ISO14443"}
    async with central.station(PROTOCOL) as station:
        _, answer = await tell(
            station,
            event("Started", 0, 10, "CablePluggedIn", evse=PLACE),
            event("Updated", 1, 9, "Authorized", idToken=nobody),
        )

    assert answer == {"idTokenInfo": {"status": "Unknown"}}


async def test_e02_fr_11_meter_data_may_come_in_parts_of_one_time(central: Central) -> None:
    voltage = register(8, 230, measurand="Voltage")
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            started(),
            event("Updated", 1, 8, "MeterValuePeriodic", meterValue=[register(8, 1_500)]),
            event("Updated", 2, 8, "MeterValuePeriodic", meterValue=[voltage]),
        )

    row = await session(central, station)
    assert (row["energy_wh"], row["sequence_gaps"]) == (500, 0)
    kept = await of_station(central, station, "meter_values", "t.samples", "t.id")
    assert [one["samples"] for one in kept[1:]] == [
        register(8, 1_500)["sampledValue"],
        voltage["sampledValue"],
    ]


async def test_e02_fr_18_the_number_of_phases_is_taken(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(
            station, started(numberOfPhasesUsed=3), event("Updated", 1, 9, numberOfPhasesUsed=1)
        )

    assert answers == [ACCEPTED, {}]


async def test_e03_fr_02_the_answer_to_a_start_by_token_tells_its_status(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, event("Started", 0, 10, "Authorized", idToken=TOKEN))

    assert answers == [ACCEPTED]


async def test_e03_fr_05_a_start_without_a_cable_ends_by_its_timeout(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            event("Started", 0, 10, "Authorized", idToken=TOKEN),
            event("Ended", 1, 9, "EVConnectTimeout", info={"stoppedReason": "Timeout"}),
        )

    row = await session(central, station)
    assert (row["stop_reason"], row["ended_at"], row["energy_wh"]) == ("Timeout", ago(9), 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp": "1970-01-01T00:00:00Z"},
        {"seqNo": -1},
        {"evse": {"id": 99, "connectorId": 7}},
        {"meterValue": [{"timestamp": "never", "sampledValue": [{"value": -5}]}]},
        {"triggerReason": "Boredom"},
    ],
    ids=["time", "number", "place", "meter", "trigger"],
)
async def test_e03_remark_an_event_that_fails_a_check_is_answered_all_the_same(
    central: Central, wrong: dict[str, Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        assert await tell(station, started() | wrong) == [ACCEPTED]


async def test_e04_fr_03_a_start_while_offline_is_taken_at_its_own_time(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(300, offline=True))

    row = await session(central, station)
    assert answers == [ACCEPTED]
    assert (row["started_at"], row["reported_offline"]) == (ago(300), True)


async def test_e04_fr_08_updates_that_the_station_dropped_are_missed_but_stop_nothing(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(
            station,
            started(offline=True),
            event("Updated", 2, 8, offline=True, meterValue=[register(8, 1_200)]),
            event("Updated", 4, 6, offline=True, meterValue=[register(6, 1_400)]),
            ended(5, offline=True),
        )

    row = await session(central, station)
    assert (row["sequence_gaps"], row["energy_wh"], row["ended_at"]) == (2, 1_000, ago(0))


async def test_e05_fr_01_a_token_that_was_blocked_meanwhile_is_refused(central: Central) -> None:
    await central.add_token("E0501STOLEN", status="blocked")
    stolen = {"idToken": "E0501STOLEN", "type": "ISO14443"}

    async with central.station(PROTOCOL) as station:
        answer, _ = await tell(
            station,
            started(idToken=stolen, offline=True),
            event("Updated", 1, 9, "Deauthorized", info={"chargingState": "SuspendedEVSE"}),
        )

    row = await session(central, station)
    assert answer["idTokenInfo"]["status"] == "Blocked"
    assert (row["authorization"], row["ended_at"]) == ("blocked", None)


async def test_e05_fr_10_the_end_of_a_refused_transaction_is_taken(central: Central) -> None:
    nobody = {"idToken": "E0510NOBODY", "type": "ISO14443"}
    async with central.station(PROTOCOL) as station:
        _, answer = await tell(
            station, started(idToken=nobody), ended(1, 9, "DeAuthorized", trigger="Deauthorized")
        )

    (row,) = await sessions(central, station)
    assert answer == {}
    assert (row["stop_reason"], row["ended_at"]) == ("DeAuthorized", ago(9))
