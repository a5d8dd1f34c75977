"""What was last ordered of a dynamic charging profile: the answer to PullDynamicScheduleUpdate
(OCPP 2.1 K28). Orders are the record of it; what is still on its way is newer than what arrived."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.dialect import Payload
from gateway.postgres import Pool
from gateway.v21.orders_energy import VALUE_FIELDS, schedule_update

# An order for every EVSE, or of a purpose, may have cleared it as well: then it is not known.
_LAST = """
SELECT kind, payload FROM orders
WHERE station_id = %(station)s AND state IN ('waiting', 'sent', 'accepted') AND (
    (kind = 'dynamic_schedule' AND payload->>'id' = %(profile)s)
    OR (kind = 'charging_profile' AND payload->'profile'->>'id' = %(profile)s)
    OR (kind = 'clear_charging_profile' AND coalesce(payload->>'id', %(profile)s) = %(profile)s)
    OR (kind = 'call' AND payload->>'action' = 'UpdateDynamicSchedule'
        AND payload->'payload'->>'chargingProfileId' = %(profile)s)
    OR (kind = 'call' AND payload->>'action' = 'SetChargingProfile'
        AND payload->'payload'->'chargingProfile'->>'id' = %(profile)s)
    OR (kind = 'call' AND payload->>'action' = 'ClearChargingProfile'
        AND coalesce(payload->'payload'->>'chargingProfileId', %(profile)s) = %(profile)s))
ORDER BY created_at DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class DynamicSchedules:
    """Reads orders, on connections of the gateway's pool."""

    pool: Pool

    async def last(self, station_id: UUID, profile_id: int) -> Payload | None:
        """ChargingScheduleUpdateType; None where nothing dynamic is in force."""
        asked = {"station": station_id, "profile": str(profile_id)}
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_LAST, asked)).fetchone()
        return None if row is None else update_of(row[0], row[1])


def update_of(kind: str, payload: Mapping[str, Any]) -> Payload | None:
    """The values that an order gave; None for an order that is no dynamic one, or gives none."""
    if kind == "dynamic_schedule":
        return schedule_update(payload) or None
    if kind == "charging_profile":
        profile = payload.get("profile")
        period = _period(profile, "kind", "schedules", "periods")
        return schedule_update(period) or None
    if kind != "call":
        return None
    call = payload.get("payload")
    if not isinstance(call, dict):
        return None
    if payload.get("action") == "UpdateDynamicSchedule":
        told = call.get("scheduleUpdate")
        return told if isinstance(told, dict) and told else None
    profile = call.get("chargingProfile")
    period = _period(profile, "chargingProfileKind", "chargingSchedule", "chargingSchedulePeriod")
    return {name: period[name] for name in VALUE_FIELDS if period.get(name) is not None} or None


def _period(profile: object, kind: str, schedules: str, periods: str) -> Mapping[str, Any]:
    """The one period of a dynamic profile, in our words or in those of OCPP."""
    if not isinstance(profile, dict) or str(profile.get(kind)).lower() != "dynamic":
        return {}
    schedule = _first(profile.get(schedules))
    return _first(schedule.get(periods))


def _first(listed: object) -> Mapping[str, Any]:
    found = listed[0] if isinstance(listed, list) and listed else {}
    return found if isinstance(found, dict) else {}
