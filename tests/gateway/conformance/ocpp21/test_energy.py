"""OCPP 2.1 blocks K, Q and R: profiles that change, discharge, follow the grid; grid controls."""

from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import (
    ACCEPTED,
    begun,
    events,
    now,
    refused_unsent,
)

PROTOCOL = "ocpp2.1"
PERIOD: dict[str, Any] = {"start_s": 0, "limit": 11_000.0}
NEEDS_20 = {
    "evseId": 1,
    "chargingNeeds": {
        "requestedEnergyTransfer": "AC_BPT",
        "controlMode": "DynamicControl",
        "v2xChargingParameters": {"maxChargePower": 11_000.0, "maxDischargePower": 11_000.0},
    },
}


def profile(purpose: str = "tx", period: dict[str, Any] | None = None, **more: Any) -> Any:
    """A profile of one period."""
    made = {"id": 7, "purpose": purpose, "kind": "relative"}
    if purpose == "tx":
        made["transaction_id"] = "T1"
    schedule = {"unit": "W", "periods": [period or PERIOD]} | more.pop("schedule", {})
    return made | {"schedules": [schedule]} | more


async def sent(central: Central, wanted: Any, evse: int = 1) -> tuple[dict[str, Any], Any]:
    """The profile on the wire, and its first period."""
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "charging_profile", {"evse": evse, "profile": wanted}, ACCEPTED
        )
    assert (action, done.state) == ("SetChargingProfile", "accepted")
    one = payload["chargingProfile"]
    return one, one["chargingSchedule"][0]["chargingSchedulePeriod"][0]


async def refused(central: Central, *wanted: Any, evse: int = 1) -> None:
    """Each is never sent."""
    async with central.station(PROTOCOL) as station:
        for one in wanted:
            order = {"evse": evse, "profile": one}
            await refused_unsent(central, station, "charging_profile", order)


async def called(
    central: Central, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> str:
    """An action that is sent as it is; how its order ends."""
    async with central.station(PROTOCOL) as station:
        order = {"action": action, "payload": payload}
        named, said, done = await central.ordered(station, "call", order, answer)
    assert (named, said) == (action, payload)
    return str(done.state)


async def test_k01_fr_72_a_profile_for_priority_charging_is_set(central: Central) -> None:
    one, _ = await sent(central, profile("priority"))
    assert one["chargingProfilePurpose"] == "PriorityCharging"


async def test_k01_fr_73_and_it_has_no_duration(central: Central) -> None:
    await refused(central, profile("priority", schedule={"duration_s": 600}))


def as_sent(schedule: dict[str, Any], **more: Any) -> dict[str, Any]:
    """SetChargingProfileRequest."""
    periods = [{"startPeriod": 0, "limit": 16.0}]
    made = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": periods} | schedule
    one = {
        "id": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [made],
    }
    return {"evseId": 0, "chargingProfile": one | more}


async def test_k01_fr_96_local_time_and_a_random_delay_can_be_sent(central: Central) -> None:
    schedule = {
        "startSchedule": "2026-01-01T00:00:00Z",
        "useLocalTime": True,
        "randomizedDelay": 600,
    }
    state = await called(central, "SetChargingProfile", as_sent(schedule), ACCEPTED)
    assert state == "accepted"


async def test_k01_fr_104_what_holds_offline_can_be_sent(central: Central) -> None:
    for ends in (True, False):
        wanted = as_sent({}, maxOfflineDuration=600, invalidAfterOfflineDuration=ends)
        assert await called(central, "SetChargingProfile", wanted, ACCEPTED) == "accepted"


async def test_k01_fr_105_a_limit_from_a_state_of_charge_on_can_be_sent(central: Central) -> None:
    wanted = as_sent({"limitAtSoC": {"soc": 80, "limit": 6.0}})
    assert await called(central, "SetChargingProfile", wanted, ACCEPTED) == "accepted"


async def test_k01_fr_111_the_station_s_limit_and_priority_only_charge(central: Central) -> None:
    _, period = await sent(
        central, profile("priority", PERIOD | {"operation_mode": "charging_only"})
    )
    assert period["operationMode"] == "ChargingOnly"

    wrong = {"start_s": 0, "setpoint": 5.0, "operation_mode": "central_setpoint"}
    await refused(central, profile("priority", wrong))
    await refused(
        central,
        profile("station_max", wrong, kind="dynamic"),
        evse=0,
    )


async def test_k01_fr_113_local_generation_charges_or_is_limited_from_outside(
    central: Central,
) -> None:
    mode = {"operation_mode": "external_limits"}
    one, period = await sent(central, profile("local_generation", {"start_s": 0} | mode))
    assert one["chargingProfilePurpose"] == "LocalGeneration"
    assert period == {"startPeriod": 0, "operationMode": "ExternalLimits"}

    wrong = {"start_s": 0, "setpoint": 5.0, "operation_mode": "central_setpoint"}
    await refused(central, profile("local_generation", wrong))


async def test_k01_fr_143_only_a_car_under_way_is_limited_phase_by_phase(
    central: Central,
) -> None:
    three = PERIOD | {"limit_l2": 3_000.0, "limit_l3": 2_000.0}
    _, period = await sent(central, profile("tx", three))
    assert (period["limit"], period["limit_L2"], period["limit_L3"]) == (11_000.0, 3_000.0, 2_000.0)

    await refused(central, profile("tx_default", three))


async def test_k01_fr_145_a_limit_of_the_second_phase_needs_one_of_the_first(
    central: Central,
) -> None:
    await refused(central, profile("tx", {"start_s": 0, "limit_l2": 3_000.0}))


async def _needs(central: Central) -> dict[str, Any]:
    async with central.station(PROTOCOL) as station:
        await begun(station)
        answer = dict(await station.call("NotifyEVChargingNeeds", NEEDS_20))
        (kept,) = await events(central, station, "charging_needs")
    assert kept["details"]["chargingNeeds"] == NEEDS_20["chargingNeeds"]
    return answer


async def test_k15_fr_04_over_iso_15118_2_the_answer_is_rejected_where_no_schedule_comes(
    central: Central,
) -> None:
    needs = {"evseId": 1, "chargingNeeds": {"requestedEnergyTransfer": "DC"}}
    async with central.station(PROTOCOL) as station:
        answer = await station.call("NotifyEVChargingNeeds", needs)

    assert answer == {"status": "Rejected"}


async def test_k18_fr_04_over_iso_15118_20_it_says_that_no_profile_comes(central: Central) -> None:
    assert await _needs(central) == {"status": "NoChargingProfile"}


async def test_k19_fr_04_also_where_the_car_leaves_the_schedule_to_us(central: Central) -> None:
    assert await _needs(central) == {"status": "NoChargingProfile"}


@pytest.mark.parametrize("activate", [True, False])
async def test_k21_fr_10_a_transaction_gets_priority_or_loses_it(
    central: Central, activate: bool
) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "priority_charging", {"transaction_id": "T1", "activate": activate}, ACCEPTED
        )

    assert (action, payload) == (
        "UsePriorityCharging",
        {"transactionId": "T1", "activate": activate},
    )
    assert done.state == "accepted"


@pytest.mark.parametrize("status", ["NoProfile", "Rejected"])
async def test_k21_fr_01_a_station_without_such_a_profile_is_understood(
    central: Central, status: str
) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"transaction_id": "T1", "activate": True}
        _, _, done = await central.ordered(station, "priority_charging", order, {"status": status})

    assert (done.state, done.status) == ("rejected", status)


async def test_k22_priority_that_the_driver_chose_is_confirmed_and_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        identifier = await begun(station)
        for activated in (True, False):
            told = {"transactionId": identifier, "activated": activated}
            assert await station.call("NotifyPriorityCharging", told) == {}
        kept = await events(central, station, "priority_charging")

    assert [(row["name"], row["transaction_id"]) for row in kept] == [
        ("Activated", identifier),
        ("Ended", identifier),
    ]


async def test_k28_fr_01_a_dynamic_profile_has_one_period(central: Central) -> None:
    one, _ = await sent(central, profile(kind="dynamic", update_interval_s=60))
    assert (one["chargingProfileKind"], one["dynUpdateInterval"]) == ("Dynamic", 60)

    two = {"periods": [PERIOD, PERIOD | {"start_s": 60}]}
    await refused(central, profile(kind="dynamic", schedule=two))


async def test_k28_fr_04_no_other_profile_is_updated_at_intervals(central: Central) -> None:
    await refused(central, profile(update_interval_s=60))


async def test_k28_fr_06_new_values_of_a_dynamic_profile_are_sent(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"id": 7, "limit": 9_000.04, "discharge_limit": -5_000, "setpoint": -3_000}
        action, payload, done = await central.ordered(station, "dynamic_schedule", order, ACCEPTED)
        await refused_unsent(central, station, "dynamic_schedule", {"id": 7})

    assert action == "UpdateDynamicSchedule"
    assert payload == {
        "chargingProfileId": 7,
        "scheduleUpdate": {"limit": 9_000.0, "dischargeLimit": -5_000, "setpoint": -3_000},
    }
    assert done.state == "accepted"


async def test_k28_fr_11_a_profile_that_is_not_dynamic_is_understood(central: Central) -> None:
    info = {"reasonCode": "InvalidProfile"}
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station,
            "dynamic_schedule",
            {"id": 7, "limit": 1.0},
            {"status": "Rejected", "statusInfo": info},
        )

    assert (done.state, done.status) == ("rejected", "Rejected")


async def test_k28_fr_08_a_a_station_that_asks_for_news_is_answered(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        answer = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 7})
        (kept,) = await events(central, station, "dynamic_schedule")

    assert answer["status"] == "Rejected"
    assert answer["statusInfo"]["reasonCode"] == "NotFound"
    assert kept["details"] == {"chargingProfileId": 7}


@pytest.mark.parametrize(
    ("mode", "period"),
    [
        ("idle", {"limit": 0.0}),
        ("charging_only", {"limit": 7_000.0}),
        ("central_setpoint", {"setpoint": -4_000.0, "discharge_limit": -7_000.0}),
        ("external_setpoint", {"limit": 7_000.0, "discharge_limit": -7_000.0}),
        ("external_limits", {}),
        ("local_load_balancing", {"limit": 7_000.0, "discharge_limit": -7_000.0}),
    ],
)
async def test_q03_a_profile_of_each_mode_is_set(
    central: Central, mode: str, period: dict[str, float]
) -> None:
    words = {"setpoint": "setpoint", "discharge_limit": "dischargeLimit", "limit": "limit"}
    told = {"start_s": 0, "operation_mode": mode} | period
    _, found = await sent(central, profile("tx", told, kind="dynamic"))

    word = "".join(part.title() for part in mode.split("_"))
    assert found == {"startPeriod": 0, "operationMode": word} | {
        words[name]: value for name, value in period.items()
    }


async def test_v2x_07_a_setpoint_of_the_second_phase_needs_one_of_the_first(
    central: Central,
) -> None:
    for name in ("setpoint_l2", "discharge_limit_l3"):
        await refused(central, profile("tx", PERIOD | {name: -1.0}, kind="dynamic"))


async def test_v2x_09_only_a_car_under_way_has_setpoints_phase_by_phase(central: Central) -> None:
    period = {"start_s": 0, "setpoint": -3.0, "setpoint_l2": -1.0, "setpoint_l3": -1.0}
    await refused(central, profile("tx_default", period, kind="dynamic"))


async def test_q01_fr_08_where_no_transfer_is_decided_the_authorization_names_none(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        vehicle = [{"additionalIdToken": "EVCC01", "type": "EVCCID"}]
        token = {"idToken": "CARD0001", "type": "ISO14443", "additionalInfo": vehicle}
        answer = await station.call("Authorize", {"idToken": token})

    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert "allowedEnergyTransfer" not in answer


async def test_q02_allowed_transfers_are_sent_later(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"transaction_id": "T1", "modes": ["AC_BPT", "AC_three_phase"]}
        action, payload, done = await central.ordered(station, "energy_transfer", order, ACCEPTED)

    assert action == "NotifyAllowedEnergyTransfer"
    assert payload == {"transactionId": "T1", "allowedEnergyTransfer": order["modes"]}
    assert done.state == "accepted"


async def test_q02_fr_02_who_may_only_charge_gets_no_setpoint_and_no_discharge(
    central: Central,
) -> None:
    only = PERIOD | {"operation_mode": "charging_only"}
    await refused(
        central,
        profile("tx", only | {"discharge_limit": -1.0}),
        profile("tx", only | {"setpoint": 1.0}),
    )


FREQUENCY = {"start_s": 0, "setpoint": -4_000.0, "operation_mode": "central_frequency"}


async def test_q07_fr_02_the_grid_s_frequency_is_served_by_a_dynamic_profile(
    central: Central,
) -> None:
    one, period = await sent(central, profile("tx", FREQUENCY, kind="dynamic"))
    assert (one["chargingProfileKind"], period["operationMode"]) == ("Dynamic", "CentralFrequency")

    await refused(central, profile("tx", FREQUENCY))


async def test_q07_fr_03_and_has_setpoints_not_limits(central: Central) -> None:
    for name, value in (("limit", 1.0), ("discharge_limit", -1.0)):
        await refused(central, profile("tx", FREQUENCY | {name: value}, kind="dynamic"))


async def test_q07_fr_04_it_may_end_by_itself_where_no_update_comes(central: Central) -> None:
    timed = profile("tx", FREQUENCY, kind="dynamic", schedule={"duration_s": 120})
    one, _ = await sent(central, timed)
    assert one["chargingSchedule"][0]["duration"] == 120


async def test_q08_fr_12_a_signal_of_the_grid_operator_is_passed_on(central: Central) -> None:
    said = {"timestamp": now(), "signal": 42}
    assert await called(central, "AFRRSignal", said, ACCEPTED) == "accepted"
