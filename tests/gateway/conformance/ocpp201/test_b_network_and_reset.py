"""OCPP 2.0.1 B09 to B12: network profiles, the way to another central system, resets."""

from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, REJECTED, begun, transaction_event

V201 = "ocpp2.0.1"
PROFILE = {
    "url": "wss://ocpp.example/ocpp",
    "security_profile": 2,
    "message_timeout_s": 20,
    "interface": "Wireless0",
}


async def test_b09_fr_01_a_network_profile_is_set_in_a_slot(central: Central) -> None:
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(
            station, "network_profile", {"slot": 2, "profile": PROFILE}, ACCEPTED
        )

    assert action == "SetNetworkProfile"
    assert payload == {
        "configurationSlot": 2,
        "connectionData": {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "wss://ocpp.example/ocpp",
            "messageTimeout": 20,
            "securityProfile": 2,
            "ocppInterface": "Wireless0",
        },
    }
    assert done.state == "accepted"


@pytest.mark.parametrize("status", ["Rejected", "Failed"])
async def test_b09_fr_02_a_profile_that_is_refused_is_told_as_refused(
    central: Central, status: str
) -> None:
    async with central.station(V201) as station:
        _, _, done = await central.ordered(
            station, "network_profile", {"slot": 9, "profile": PROFILE}, {"status": status}
        )

    assert (done.state, done.status) == ("rejected", status)


async def test_b10_fr_01_the_order_of_network_profiles_is_set_as_a_variable(
    central: Central,
) -> None:
    named = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "NetworkConfigurationPriority"},
    }
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(
            station,
            "configure",
            {"variables": {"OCPPCommCtrlr.NetworkConfigurationPriority": "2,1"}},
            {"setVariableResult": [named | {"attributeStatus": "RebootRequired"}]},
        )

    assert action == "SetVariables"
    assert payload["setVariableData"] == [{"attributeValue": "2,1"} | named]
    assert done.state == "accepted"


@pytest.mark.parametrize(("kind", "word"), [("soft", "OnIdle"), ("hard", "Immediate")])
async def test_b11_fr_01_a_station_is_reset_when_idle_or_at_once(
    central: Central, kind: str, word: str
) -> None:
    async with central.station(V201) as station:
        action, payload, done = await central.ordered(station, "reset", {"type": kind}, ACCEPTED)
        answer = await station.boot()

    assert (action, payload) == ("Reset", {"type": word})
    assert done.state == "accepted"
    assert answer["status"] == "Accepted"


async def test_b11_fr_06_a_reset_that_is_refused_is_told_as_refused(central: Central) -> None:
    async with central.station(V201) as station:
        _, _, done = await central.ordered(station, "reset", {"type": "hard"}, REJECTED)

    assert done.state == "rejected"


async def test_b11_fr_08_a_single_evse_is_reset(central: Central) -> None:
    async with central.station(V201) as station:
        _, payload, done = await central.ordered(
            station, "reset", {"type": "soft", "evse": 2}, ACCEPTED
        )

    assert payload == {"type": "OnIdle", "evseId": 2}
    assert done.state == "accepted"


async def test_b12_fr_01_a_reset_may_wait_for_the_end_of_a_transaction(central: Central) -> None:
    async with central.station(V201) as station:
        await begun(station)
        _, _, done = await central.ordered(
            station, "reset", {"type": "soft"}, {"status": "Scheduled"}
        )

    assert (done.state, done.status) == ("accepted", "Scheduled")


async def test_b12_fr_04_a_transaction_that_a_reset_ends_is_kept_as_ended_by_it(
    central: Central,
) -> None:
    ended: dict[str, Any] = {
        "triggerReason": "ResetCommand",
        "info": {"stoppedReason": "ImmediateReset"},
    }
    async with central.station(V201) as station:
        transaction_id = await begun(station)
        await central.ordered(station, "reset", {"type": "hard"}, ACCEPTED)
        payload = transaction_event("Ended", transaction_id, 1, **ended)
        assert await station.call("TransactionEvent", payload) == {}

    row = await central.database.row(
        "SELECT ended_at, stop_reason FROM sessions WHERE transaction_id = %s", transaction_id
    )
    assert row["ended_at"] is not None
    assert row["stop_reason"] == "ImmediateReset"
