"""OCPP 2.0.1 block K: limits from outside, and what cars want."""

from typing import Any

import pytest

from simulator.stations.witness import Witness
from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import begun, events, now

PROTOCOL = "ocpp2.0.1"
SCHEDULE = {
    "id": 1,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
}
NEEDS: dict[str, Any] = {
    "evseId": 1,
    "maxScheduleTuples": 3,
    "chargingNeeds": {
        "requestedEnergyTransfer": "AC_three_phase",
        "acChargingParameters": {
            "energyAmount": 20_000,
            "evMinCurrent": 6,
            "evMaxCurrent": 32,
            "evMaxVoltage": 400,
        },
    },
}


async def limit_told(station: Witness, **more: Any) -> dict[str, Any]:
    told = {
        "chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True},
        "chargingSchedule": [SCHEDULE],
    }
    return dict(await station.call("NotifyChargingLimit", told | more))


async def test_k11_fr_03_a_limit_from_outside_on_a_transaction_is_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await begun(station)
        assert await limit_told(station, evseId=1) == {}
        (kept,) = await events(central, station, "charging_limit")

    assert (kept["name"], kept["evse"]) == ("EMS", 1)
    assert kept["details"]["chargingSchedule"] == [SCHEDULE]


async def test_k12_fr_03_a_limit_from_outside_on_an_idle_station_is_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        assert await limit_told(station) == {}
        (kept,) = await events(central, station, "charging_limit")

    assert (kept["name"], kept["evse"]) == ("EMS", None)


async def test_k13_fr_03_the_end_of_a_limit_from_outside_is_confirmed_and_kept(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        told = {"chargingLimitSource": "EMS", "evseId": 1}
        assert await station.call("ClearedChargingLimit", told) == {}
        (kept,) = await events(central, station, "charging_limit")

    assert (kept["name"], kept["evse"]) == ("Cleared", 1)
    assert kept["details"]["chargingLimitSource"] == "EMS"


async def test_k15_fr_02_what_a_car_needs_is_answered_and_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await begun(station)
        answer = await station.call("NotifyEVChargingNeeds", NEEDS)
        (kept,) = await events(central, station, "charging_needs")

    assert set(answer) == {"status"}
    assert kept["details"]["chargingNeeds"] == NEEDS["chargingNeeds"]


async def test_k15_fr_04_where_no_schedule_will_come_the_answer_is_rejected(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await begun(station)
        assert (await station.call("NotifyEVChargingNeeds", NEEDS))["status"] == "Rejected"
        await station.expect_silence(0.05)


async def test_k15_fr_07_a_car_is_offered_three_schedules_at_most(central: Central) -> None:
    one = {"unit": "A", "periods": [{"start_s": 0, "limit": 16.0}]}
    profile = {"id": 1, "purpose": "tx", "kind": "relative", "transaction_id": "T1"}
    async with central.station(PROTOCOL) as station:
        for count, state in ((3, "accepted"), (4, "rejected")):
            schedules = [one | {"id": number} for number in range(1, count + 1)]
            order = {"evse": 1, "profile": profile | {"schedules": schedules}}
            sending = central.send(await central.order(station, "charging_profile", order))
            if state == "accepted":
                message_id, payload = await station.expect_call("SetChargingProfile")
                assert len(payload["chargingProfile"]["chargingSchedule"]) == 3
                await station.answer(message_id, {"status": "Accepted"})
            assert (await sending).state == state
        await station.expect_silence(0.02)


async def schedule_told(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        await begun(station)
        told = {"timeBase": now(), "evseId": 1, "chargingSchedule": SCHEDULE}
        assert await station.call("NotifyEVChargingSchedule", told) == {"status": "Accepted"}
        (kept,) = await events(central, station, "charging_schedule")

    assert kept["details"]["chargingSchedule"] == SCHEDULE


async def test_k15_fr_11_the_schedule_that_a_car_chose_is_accepted_and_kept(
    central: Central,
) -> None:
    await schedule_told(central)


async def test_k16_fr_06_the_schedule_after_a_renegotiation_is_accepted_and_kept(
    central: Central,
) -> None:
    await schedule_told(central)


async def test_k16_fr_01_a_new_profile_of_a_transaction_starts_a_renegotiation(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        for limit in (16.0, 10.0):
            schedule = {"unit": "A", "periods": [{"start_s": 0, "limit": limit}]}
            profile = {
                "id": 1,
                "purpose": "tx",
                "kind": "relative",
                "transaction_id": transaction_id,
                "schedules": [schedule],
            }
            _, payload, done = await central.ordered(
                station,
                "charging_profile",
                {"evse": 1, "profile": profile},
                {"status": "Accepted"},
            )
            (sent,) = payload["chargingProfile"]["chargingSchedule"]
            assert sent["chargingSchedulePeriod"][0]["limit"] == limit
            assert done.state == "accepted"


@pytest.mark.parametrize("mode", ["AC_single_phase", "DC"])
async def test_k17_fr_02_needs_that_changed_are_answered_and_kept(
    central: Central, mode: str
) -> None:
    changed = NEEDS | {"chargingNeeds": {"requestedEnergyTransfer": mode}}
    async with central.station(PROTOCOL) as station:
        await begun(station)
        for told in (NEEDS, changed):
            assert set(await station.call("NotifyEVChargingNeeds", told)) == {"status"}
        kept = await events(central, station, "charging_needs")

    assert [row["name"] for row in kept] == ["AC_three_phase", mode]


async def test_k17_fr_04_where_no_new_schedule_will_come_the_answer_is_rejected(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        await begun(station)
        for _ in range(2):
            answer = await station.call("NotifyEVChargingNeeds", NEEDS)
            assert answer["status"] == "Rejected"
