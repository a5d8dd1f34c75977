"""OCPP 2.0.1 block K: charging profiles that the central system sets, reads and clears."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway.conformance.conftest import Central
from tests.gateway.conformance.told import ACCEPTED, REJECTED, begun, events, refused_unsent

PROTOCOL = "ocpp2.0.1"
START = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
PERIODS = [{"start_s": 0, "limit": 16.0}, {"start_s": 600, "limit": 10.0, "phases": 1}]


def schedule(**more: Any) -> dict[str, Any]:
    """A schedule of two steps."""
    return {"unit": "A", "periods": PERIODS} | more


def profile(purpose: str = "tx_default", **more: Any) -> dict[str, Any]:
    """A profile of one schedule."""
    return {"id": 7, "purpose": purpose, "kind": "relative", "schedules": [schedule()]} | more


async def accepted(central: Central, evse: int, **profile_: Any) -> dict[str, Any]:
    """What is sent for a profile that the station accepts."""
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station, "charging_profile", {"evse": evse, "profile": profile(**profile_)}, ACCEPTED
        )
    assert (action, done.state) == ("SetChargingProfile", "accepted")
    return payload


async def refused(central: Central, evse: int = 1, **profile_: Any) -> None:
    """The profile is never sent."""
    async with central.station(PROTOCOL) as station:
        order = {"evse": evse, "profile": profile(**profile_)}
        await refused_unsent(central, station, "charging_profile", order)


async def test_k01_fr_01_a_running_transaction_is_limited(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        transaction_id = await begun(station)
        order = {"evse": 1, "profile": profile("tx", transaction_id=transaction_id)}
        _, payload, done = await central.ordered(station, "charging_profile", order, ACCEPTED)

    assert payload["evseId"] == 1
    assert payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
    assert payload["chargingProfile"]["chargingSchedule"] == [
        {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16.0},
                {"startPeriod": 600, "limit": 10.0, "numberPhases": 1},
            ],
        }
    ]
    assert done.state == "accepted"


async def test_k01_fr_03_a_profile_of_a_transaction_names_it(central: Central) -> None:
    payload = await accepted(central, 1, purpose="tx", transaction_id="T1")
    assert payload["chargingProfile"]["transactionId"] == "T1"

    await refused(central, purpose="tx")


@pytest.mark.parametrize("evse", [0, 2], ids=["of every EVSE", "of one"])
async def test_k01_fr_08_a_default_is_set_for_transactions_to_come(
    central: Central, evse: int
) -> None:
    payload = await accepted(central, evse)

    assert payload["evseId"] == evse
    assert payload["chargingProfile"]["chargingProfilePurpose"] == "TxDefaultProfile"
    assert "transactionId" not in payload["chargingProfile"]


async def test_k01_fr_16_a_profile_of_a_transaction_is_for_an_evse(central: Central) -> None:
    await refused(central, evse=0, purpose="tx", transaction_id="T1")


async def test_k01_fr_19_a_phase_is_chosen_only_where_one_phase_charges(central: Central) -> None:
    one = {"start_s": 0, "limit": 16.0, "phases": 1, "phase_to_use": 2}
    payload = await accepted(central, 1, schedules=[schedule(periods=[one])])
    (period,) = payload["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"]
    assert (period["numberPhases"], period["phaseToUse"]) == (1, 2)

    await refused(central, schedules=[schedule(periods=[one | {"phases": 3}])])


async def test_k01_fr_22_a_limit_from_outside_is_never_set_by_us(central: Central) -> None:
    for purpose in ("external_constraints", "ChargingStationExternalConstraints"):
        await refused(central, evse=0, purpose=purpose)


async def test_k01_fr_29_a_station_without_smart_charging_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = await central.order(station, "charging_profile", {"evse": 1, "profile": profile()})
        sending = central.send(order)
        message_id, _ = await station.expect_call("SetChargingProfile")
        await station.refuse(message_id, "NotSupported")
        done = await sending
        assert await station.call("Heartbeat", {})

    assert (done.state, done.status) == ("rejected", "NotSupported")


async def test_k01_fr_31_the_first_period_starts_at_once(central: Central) -> None:
    await refused(central, schedules=[schedule(periods=[{"start_s": 60, "limit": 16.0}])])


async def test_k01_fr_34_only_a_car_is_offered_several_schedules(central: Central) -> None:
    several = [schedule(id=1), schedule(id=2)]
    payload = await accepted(central, 1, purpose="tx", transaction_id="T1", schedules=several)
    assert [one["id"] for one in payload["chargingProfile"]["chargingSchedule"]] == [1, 2]

    await refused(central, schedules=several)


async def test_k01_fr_35_periods_are_in_the_order_of_their_start(central: Central) -> None:
    first, second = PERIODS
    for periods in ([first, second, {"start_s": 300, "limit": 6.0}], [first, first]):
        await refused(central, schedules=[schedule(periods=periods)])


async def test_k01_fr_38_the_limit_of_the_station_is_not_relative(central: Central) -> None:
    absolute = {"kind": "absolute", "schedules": [schedule(start_at=START.isoformat())]}
    payload = await accepted(central, 0, purpose="station_max", **absolute)
    assert payload["evseId"] == 0
    assert payload["chargingProfile"]["chargingProfilePurpose"] == "ChargingStationMaxProfile"

    await refused(central, evse=0, purpose="station_max")
    await refused(central, evse=1, purpose="station_max", **absolute)


@pytest.mark.parametrize(
    ("kind", "more", "recurrency"),
    [("absolute", {}, None), ("recurring", {"recurrency": "weekly"}, "Weekly")],
)
async def test_k01_fr_40_a_schedule_by_the_clock_says_when_it_starts(
    central: Central, kind: str, more: dict[str, Any], recurrency: str | None
) -> None:
    timed = [schedule(start_at=START.isoformat(), duration_s=3_600)]
    payload = await accepted(central, 1, kind=kind, schedules=timed, **more)
    sent = payload["chargingProfile"]
    assert datetime.fromisoformat(sent["chargingSchedule"][0]["startSchedule"]) == START
    assert sent["chargingSchedule"][0]["duration"] == 3_600
    assert (sent["chargingProfileKind"], sent.get("recurrencyKind")) == (kind.title(), recurrency)

    await refused(central, kind=kind, **more)


async def test_k01_fr_41_a_schedule_by_the_transaction_says_no_start(central: Central) -> None:
    payload = await accepted(central, 1)
    assert "startSchedule" not in payload["chargingProfile"]["chargingSchedule"][0]

    await refused(central, schedules=[schedule(start_at=START.isoformat())])


async def test_k01_fr_28_a_refusal_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        order = {"evse": 9, "profile": profile()}
        _, _, done = await central.ordered(station, "charging_profile", order, REJECTED)

    assert (done.state, done.status) == ("rejected", "Rejected")


@pytest.mark.parametrize("evse", [0, 1])
async def test_k08_fr_01_a_composite_schedule_is_asked_for(central: Central, evse: int) -> None:
    told = {
        "evseId": evse,
        "duration": 300,
        "scheduleStart": START.isoformat(),
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7_400.0}],
    }
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(
            station,
            "composite_schedule",
            {"evse": evse, "duration_s": 300, "unit": "W"},
            ACCEPTED | {"schedule": told},
        )

    assert action == "GetCompositeSchedule"
    assert payload == {"evseId": evse, "duration": 300, "chargingRateUnit": "W"}
    assert done.state == "accepted"


@pytest.mark.parametrize(
    ("order", "evse", "criteria"),
    [
        ({"ids": [7, 8]}, None, {"chargingProfileId": [7, 8]}),
        ({"evse": 1, "stack_level": 2}, 1, {"stackLevel": 2}),
        ({"evse": 0, "purpose": "tx_default"}, 0, {"chargingProfilePurpose": "TxDefaultProfile"}),
        ({}, None, {"chargingLimitSource": ["CSO", "EMS", "SO", "Other"]}),
    ],
    ids=["by their ids", "by stack level", "by purpose", "whatever there is"],
)
async def test_k09_fr_03_installed_profiles_are_asked_for_by_a_criterion(
    central: Central, order: dict[str, Any], evse: int | None, criteria: dict[str, Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        action, payload, done = await central.ordered(station, "charging_profiles", order, ACCEPTED)

    assert action == "GetChargingProfiles"
    assert payload["chargingProfile"] == criteria
    assert payload.get("evseId") == evse
    assert done.state == "accepted"


async def test_k09_fr_02_each_report_of_profiles_is_confirmed_and_kept(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, payload, _ = await central.ordered(station, "charging_profiles", {"evse": 1}, ACCEPTED)
        number = payload["requestId"]
        for tbc in (True, False):
            report = {
                "requestId": number,
                "chargingLimitSource": "CSO",
                "evseId": 1,
                "tbc": tbc,
                "chargingProfile": [
                    {
                        "id": 7,
                        "stackLevel": 0,
                        "chargingProfilePurpose": "TxDefaultProfile",
                        "chargingProfileKind": "Relative",
                        "chargingSchedule": [
                            {
                                "id": 1,
                                "chargingRateUnit": "A",
                                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
                            }
                        ],
                    }
                ],
            }
            assert await station.call("ReportChargingProfiles", report) == {}
        kept = await events(central, station, "charging_profiles")

    assert [(row["request_id"], row["name"], row["evse"]) for row in kept] == [
        (number, "CSO", 1),
        (number, "CSO", 1),
    ]


async def test_k09_fr_05_a_station_without_profiles_is_understood(central: Central) -> None:
    async with central.station(PROTOCOL) as station:
        _, _, done = await central.ordered(
            station, "charging_profiles", {"purpose": "tx"}, {"status": "NoProfiles"}
        )

    assert (done.state, done.status) == ("accepted", "NoProfiles")


@pytest.mark.parametrize(
    ("order", "payload"),
    [
        ({"id": 12}, {"chargingProfileId": 12}),
        (
            {"evse": 1, "purpose": "tx_default", "stack_level": 3},
            {
                "chargingProfileCriteria": {
                    "evseId": 1,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "stackLevel": 3,
                }
            },
        ),
    ],
    ids=["by its id", "by what it is"],
)
async def test_k10_fr_02_what_is_cleared_is_always_named(
    central: Central, order: dict[str, Any], payload: dict[str, Any]
) -> None:
    async with central.station(PROTOCOL) as station:
        action, sent, done = await central.ordered(
            station, "clear_charging_profile", order, ACCEPTED
        )

    assert (action, sent, done.state) == ("ClearChargingProfile", payload, "accepted")


async def test_k10_fr_06_all_are_cleared_purpose_by_purpose_but_not_limits_from_outside(
    central: Central,
) -> None:
    async with central.station(PROTOCOL) as station:
        sending = central.send(await central.order(station, "clear_charging_profile", {}))
        cleared = []
        for status in ("Accepted", "Unknown", "Accepted"):
            message_id, payload = await station.expect_call("ClearChargingProfile")
            cleared.append(payload["chargingProfileCriteria"]["chargingProfilePurpose"])
            await station.answer(message_id, {"status": status})
        done = await sending
        outside = {"purpose": "ChargingStationExternalConstraints"}
        await refused_unsent(central, station, "clear_charging_profile", outside)

    assert cleared == ["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
    assert done.state == "accepted"
