"""A station asks for the newest values of a dynamic profile, and tells of a car's needs."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from gateway import schemas
from gateway.dynamic_schedules import update_of
from tests.gateway.field import Field, Wire
from tests.gateway.order_samples import DYNAMIC

SET = {
    "evseId": 1,
    "chargingProfile": {
        "id": 4,
        "chargingProfileKind": "Dynamic",
        "chargingSchedule": [{"chargingSchedulePeriod": [{"startPeriod": 0, "limit_L2": 6.0}]}],
    },
}


async def order(station: Wire, kind: str, payload: dict[str, Any], state: str) -> UUID:
    order_id = uuid4()
    await station.database.rows(
        "INSERT INTO orders (id, organization_id, station_id, kind, payload, requested_by,"
        " not_after, state) SELECT %s, organization_id, id, %s, %s, 'test', now(), %s"
        " FROM stations WHERE identity = %s",
        order_id,
        kind,
        Jsonb(payload),
        state,
        station.identity,
    )
    return order_id


async def pulled(station: Wire, profile: int = 4) -> Any:
    answer = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": profile})
    assert answer["status"] == ("Accepted" if "scheduleUpdate" in answer else "Rejected")
    return answer.get("scheduleUpdate")


async def test_the_newest_order_of_a_dynamic_profile_is_pulled(field: Field) -> None:
    async with field.station("ocpp2.1") as station, field.station("ocpp2.1") as other:
        assert await pulled(station) is None
        await order(station, "charging_profile", {"evse": 1, "profile": DYNAMIC}, "accepted")
        assert await pulled(station) == {"setpoint": -4000, "dischargeLimit": -7000}
        await order(station, "dynamic_schedule", {"id": 4, "limit": 7000.04}, "waiting")
        assert await pulled(station) == {"limit": 7000.0}
        for state in ("rejected", "expired", "superseded", "cancelled"):
            await order(station, "dynamic_schedule", {"id": 4, "limit": 1}, state)
        await order(station, "dynamic_schedule", {"id": 5, "limit": 2}, "accepted")
        assert await pulled(station) == {"limit": 7000.0}
        update = {"chargingProfileId": 4, "scheduleUpdate": {"setpoint": 3000}}
        call = {"action": "UpdateDynamicSchedule", "payload": update}
        await order(station, "call", call, "accepted")
        assert await pulled(station) == {"setpoint": 3000}
        assert await pulled(other) is None
        await order(station, "clear_charging_profile", {"id": 4}, "accepted")
        assert (await pulled(station), await pulled(station, 5)) == (None, {"limit": 2})

        asked = [row["details"] for row in await station.rows("station_events")]
        assert asked.count({"chargingProfileId": 4}) == 6


@pytest.mark.parametrize(
    ("kind", "payload", "update"),
    [
        ("call", {"action": "SetChargingProfile", "payload": SET}, {"limit_L2": 6.0}),
        ("call", {"action": "SetChargingProfile", "payload": {"chargingProfile": {}}}, None),
        ("call", {"action": "UpdateDynamicSchedule", "payload": []}, None),
        ("call", {"action": "UpdateDynamicSchedule", "payload": {"scheduleUpdate": {}}}, None),
        ("charging_profile", {"profile": DYNAMIC | {"kind": "relative"}}, None),
        ("charging_profile", {"profile": DYNAMIC | {"schedules": []}}, None),
        ("dynamic_schedule", {"id": 4}, None),
        ("clear_charging_profile", {"id": 4}, None),
    ],
)
def test_what_an_order_says_of_a_dynamic_profile(kind: str, payload: Any, update: Any) -> None:
    assert update_of(kind, payload) == update
    if update is not None:
        told = {"chargingProfileId": 4, "scheduleUpdate": update}
        assert schemas.violation("ocpp2.1", "UpdateDynamicSchedule", told) is None


@pytest.mark.parametrize(
    ("protocol", "more", "status"),
    [
        ("ocpp2.0.1", {}, "Rejected"),
        ("ocpp2.1", {}, "Rejected"),
        # Over ISO 15118-20 a refusal would end the transaction (K18.FR.23).
        ("ocpp2.1", {"controlMode": "ScheduledControl"}, "NoChargingProfile"),
    ],
)
async def test_the_needs_of_a_car_are_kept_and_answered_in_the_versions_words(
    field: Field, protocol: str, more: dict[str, str], status: str
) -> None:
    needs = {
        "requestedEnergyTransfer": "AC_three_phase",
        "departureTime": "2026-11-22T18:00:00Z",
        "acChargingParameters": {
            "energyAmount": 22000,
            "evMinCurrent": 6,
            "evMaxCurrent": 32,
            "evMaxVoltage": 400,
        },
    } | more
    async with field.station(protocol) as station:
        answer = await station.call("NotifyEVChargingNeeds", {"evseId": 2, "chargingNeeds": needs})
        (event,) = await station.rows("station_events")

    assert answer == {"status": status}
    assert (event["kind"], event["name"], event["evse"]) == ("charging_needs", "AC_three_phase", 2)
    assert event["details"] == {"chargingNeeds": needs}
