"""OCPP 2.0.1 use cases E06 to E15: how transactions go on, end, and are asked about."""

from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.ocpp201.transaction import (
    ACCEPTED,
    PROTOCOL,
    TOKEN,
    ago,
    ended,
    event,
    of_station,
    register,
    session,
    started,
    states,
    tell,
)


async def end(central: Central, *updates: dict[str, Any], **last: Any) -> dict[str, Any]:
    """The session of a transaction that ends so."""
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, started(), *updates, ended(len(updates) + 1, **last))

    assert answers[-1] == (ACCEPTED if "idToken" in last else {})
    row = await session(central, station)
    assert (row["ended_at"], row["energy_wh"], row["sequence_gaps"]) == (ago(0), 1_000, 0)
    return row


async def test_e06_fr_01_the_end_when_the_car_leaves_the_bay_is_taken(central: Central) -> None:
    row = await end(central, reason="Local", trigger="EVDeparted")

    assert row["stop_reason"] == "Local"


async def test_e06_fr_02_the_end_when_the_cable_is_unplugged_is_taken(central: Central) -> None:
    row = await end(central, reason="EVDisconnected", trigger="EVCommunicationLost")

    assert row["stop_reason"] == "EVDisconnected"


async def test_e06_fr_03_the_end_by_the_driver_is_taken_and_the_token_judged(
    central: Central,
) -> None:
    row = await end(central, reason="Local", idToken=TOKEN)

    assert row["stop_reason"] == "Local"


async def test_e06_fr_04_the_end_of_a_transaction_that_is_not_authorized_is_taken(
    central: Central,
) -> None:
    row = await end(central, reason="DeAuthorized", trigger="Deauthorized")

    assert row["stop_reason"] == "DeAuthorized"


async def test_e06_fr_06_the_end_when_the_power_path_opens_is_taken(central: Central) -> None:
    idle = event("Updated", 1, 5, "StopAuthorized", info={"chargingState": "EVConnected"})
    row = await end(central, idle, reason="Local", trigger="ChargingStateChanged")

    assert row["stop_reason"] == "Local"


async def test_e06_fr_07_the_end_when_energy_stops_is_taken(central: Central) -> None:
    full = event("Updated", 1, 5, "ChargingStateChanged", info={"chargingState": "SuspendedEV"})
    row = await end(central, full, reason="StoppedByEV", trigger="ChargingStateChanged")

    assert row["stop_reason"] == "StoppedByEV"


REASONS = (
    "DeAuthorized",
    "EmergencyStop",
    "EnergyLimitReached",
    "EVDisconnected",
    "GroundFault",
    "ImmediateReset",
    "Local",
    "LocalOutOfCredit",
    "MasterPass",
    "Other",
    "OvercurrentFault",
    "PowerLoss",
    "PowerQuality",
    "Reboot",
    "Remote",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
    "Timeout",
)


async def test_e06_fr_08_every_reason_of_an_end_is_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        for number, reason in enumerate(REASONS):
            info = {"transactionId": f"T{number}"}
            last = ended(1)
            last["transactionInfo"] = info | {"stoppedReason": reason}
            await tell(station, started() | {"transactionInfo": info}, last)

    rows = await of_station(central, station, "sessions", "t.stop_reason", "t.stop_reason")
    assert sorted(row["stop_reason"] for row in rows) == sorted(REASONS)


async def test_e06_fr_09_an_end_without_a_reason_was_the_drivers(central: Central) -> None:
    assert (await end(central, reason=None))["stop_reason"] == "Local"


async def test_e06_fr_11_the_register_of_the_end_is_what_counts(central: Central) -> None:
    values = [register(2, 1_900), register(0, 2_400, "Transaction.End")]
    async with central.station(PROTOCOL) as station:
        await tell(station, started(), ended(1, meterValue=values))

    assert (await session(central, station))["energy_wh"] == 1_400


async def test_e06_fr_13_an_end_with_fewer_values_is_taken(central: Central) -> None:
    values = [register(minutes, 2_000 - minutes * 100) for minutes in (9, 5, 1)]
    values.append(register(0, 2_000, "Transaction.End"))
    row = await end(central, meterValue=values)

    assert row["findings"] in (None, [])


async def test_e06_fr_16_the_end_by_a_fault_is_taken(central: Central) -> None:
    row = await end(central, reason="GroundFault", trigger="AbnormalCondition")

    assert row["stop_reason"] == "GroundFault"


async def test_e07_fr_02_another_token_of_the_group_may_end_a_transaction(
    central: Central,
) -> None:
    for uid in ("E0702ONE", "E0702TWO"):
        await central.add_token(uid, group_id="E0702GROUP")
    one, two = ({"idToken": uid, "type": "ISO14443"} for uid in ("E0702ONE", "E0702TWO"))

    async with central.station(PROTOCOL) as station:
        _, stopped, _ = await tell(
            station,
            started(idToken=one),
            event("Updated", 1, 1, "StopAuthorized", idToken=two),
            ended(2, trigger="ChargingStateChanged"),
        )

    assert stopped["idTokenInfo"]["status"] == "Accepted"
    assert stopped["idTokenInfo"]["groupIdToken"]["idToken"] == "E0702GROUP"
    row = await session(central, station)
    assert (row["token_uid"], row["stop_reason"]) == ("E0702ONE", "Local")


async def test_e08_fr_07_an_end_while_offline_is_taken_at_its_own_time(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await tell(station, started(300))
    async with Witness(central.url, station.identity, PROTOCOL) as again:
        await tell(again, ended(1, 200, offline=True))

    row = await session(central, station)
    assert (row["ended_at"], row["energy_wh"], row["reported_offline"]) == (ago(200), 1_000, True)


async def test_e09_fr_01_a_car_that_left_its_cable_ends_the_transaction(
    central: Central,
) -> None:
    lost = event("Updated", 1, 2, "EVCommunicationLost", info={"chargingState": "Idle"})
    row = await end(central, lost, reason="EVDisconnected", trigger="Deauthorized")

    assert row["stop_reason"] == "EVDisconnected"


async def test_e10_fr_01_a_transaction_goes_on_when_the_cable_is_back(central: Central) -> None:
    lost = event("Updated", 1, 8, "EVCommunicationLost", info={"chargingState": "Idle"})
    back = event("Updated", 2, 6, "CablePluggedIn", info={"chargingState": "EVConnected"})
    more = event("Updated", 3, 5, "ChargingStateChanged", info={"chargingState": "Charging"})
    async with central.station(PROTOCOL) as station:
        await tell(station, started(), lost, back, more, ended(4))

    assert (await session(central, station))["energy_wh"] == 1_000
    assert (await states(central, station)) == ["idle", "connected", "charging"]


async def test_e11_fr_02_events_of_a_lost_connection_are_taken_on_the_next(
    central: Central,
) -> None:
    late = [
        event("Updated", number, 10 - number, offline=True, meterValue=[register(10 - number, wh)])
        for number, wh in ((1, 1_100), (2, 1_200), (3, 1_300))
    ]
    async with central.station(PROTOCOL) as station:
        await tell(station, started())
        station.abort()
    async with Witness(central.url, station.identity, PROTOCOL) as again:
        answers = await tell(again, *late, event("Updated", 4, 1))

    row = await session(central, station)
    assert answers == [{}] * 4
    assert (row["energy_wh"], row["sequence_gaps"], row["reported_offline"]) == (300, 0, True)


async def test_e12_fr_02_a_whole_transaction_while_offline_is_taken(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answers = await tell(
            station,
            started(300, offline=True),
            event("Updated", 1, 250, offline=True, meterValue=[register(250, 1_500)]),
            ended(2, 200, offline=True),
        )

    row = await session(central, station)
    assert answers == [ACCEPTED, {}, {}]
    assert (row["started_at"], row["ended_at"], row["energy_wh"]) == (ago(300), ago(200), 1_000)


@pytest.mark.parametrize("again", [0, 1, 2], ids=["start", "update", "end"])
async def test_e13_fr_02_an_event_sent_again_is_answered_alike_and_changes_nothing(
    central: Central, again: int
) -> None:
    events = [started(), event("Updated", 1, 5, meterValue=[register(5, 1_500)]), ended(2)]
    async with central.station(PROTOCOL) as station:
        answers = await tell(station, *events)
        before = await session(central, station)
        repeated = await tell(station, events[again] | {"offline": True})

    after = await session(central, station)
    assert repeated == [answers[again]]
    names = ("energy_wh", "started_at", "ended_at", "sequence_gaps", "sequence_last", "findings")
    assert [after[name] for name in names] == [before[name] for name in names]


STATUS = "GetTransactionStatus"


async def asked(central: Central, order: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The request of an order that asks, and what is known of its answer afterwards."""
    async with central.station(PROTOCOL) as station:
        await tell(station, started())
        action, request, done = await central.ordered(station, "transaction_status", order, answer)
        orders = await of_station(central, station, "orders", "t.kind, t.answer", "t.id")

    assert (action, done.state) == (STATUS, "accepted")
    (kept,) = [row["answer"] for row in orders if row["kind"] == "transaction_status"]
    assert kept["response"] == answer
    return request


@pytest.mark.parametrize("waiting", [True, False])
async def test_e14_fr_02_a_transaction_that_goes_on_is_asked_about(
    central: Central, waiting: bool
) -> None:
    answer = {"ongoingIndicator": True, "messagesInQueue": waiting}

    assert await asked(central, {"transaction_id": "T1"}, answer) == {"transactionId": "T1"}


@pytest.mark.parametrize("waiting", [True, False])
async def test_e14_fr_03_a_transaction_that_ended_is_asked_about(
    central: Central, waiting: bool
) -> None:
    answer = {"ongoingIndicator": False, "messagesInQueue": waiting}

    assert await asked(central, {"transaction_id": "T1"}, answer) == {"transactionId": "T1"}


@pytest.mark.parametrize("waiting", [True, False])
async def test_e14_fr_06_a_station_is_asked_whether_any_message_waits(
    central: Central, waiting: bool
) -> None:
    assert await asked(central, {}, {"messagesInQueue": waiting}) == {}


async def test_e15_fr_04_the_end_by_the_car_itself_is_taken(central: Central) -> None:
    row = await end(central, reason="StoppedByEV", trigger="StopAuthorized")

    assert row["stop_reason"] == "StoppedByEV"


async def test_e15_fr_05_the_end_of_the_authorization_by_the_car_is_taken(
    central: Central,
) -> None:
    stop = event("Updated", 1, 2, "StopAuthorized", info={"chargingState": "EVConnected"})
    row = await end(central, stop, reason="EVDisconnected", trigger="EVCommunicationLost")

    assert row["stop_reason"] == "EVDisconnected"
