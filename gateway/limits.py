"""What a station takes in one message, as it reports it: from its inventory of variables.

OCPP names no defaults. Where a station reports nothing, a number is taken that stations in the
field cope with. Sources: OCPP 1.6 section 9 (SendLocalListMaxLength, GetConfigurationMaxKeys,
ChargingScheduleMaxPeriods), 2.0.1 part 2 section 3.1 (ItemsPerMessage and BytesPerMessage).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from gateway.postgres import Pool

FRAME_BYTES_MAX = 128 * 1024
CALLS_MAX = 200  # of one order
VALUE_MAX = 1_000_000
ENVELOPE_BYTES = 256  # array, message id, action, and the fields around a list

# Kinds whose call depends on a limit; for every other none is read.
LIMITED_KINDS = frozenset(
    {
        "charging_profile",
        "clear_monitors",
        "configure",
        "local_list",
        "monitor",
        "monitoring_report",
        "read_configuration",
        "report",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many items, and how many bytes, a message may have. None: no limit of its own."""

    items: int
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A station's limits."""

    local_list: Limit = Limit(items=100)
    set_variables: Limit = Limit(items=20)
    get_variables: Limit = Limit(items=20)
    report: Limit = Limit(items=20)
    monitors: Limit = Limit(items=10)
    cleared_monitors: Limit = Limit(items=50)
    configuration_keys: Limit = Limit(items=50)
    schedule_periods: int | None = None


# Component (empty: OCPP 1.6), variable, instance: which limit.
_ITEMS = {
    ("", "SendLocalListMaxLength", None): "local_list",
    ("", "GetConfigurationMaxKeys", None): "configuration_keys",
    ("LocalAuthListCtrlr", "ItemsPerMessage", None): "local_list",
    ("DeviceDataCtrlr", "ItemsPerMessage", "SetVariables"): "set_variables",
    ("DeviceDataCtrlr", "ItemsPerMessage", "GetVariables"): "get_variables",
    ("DeviceDataCtrlr", "ItemsPerMessage", "GetReport"): "report",
    ("MonitoringCtrlr", "ItemsPerMessage", "SetVariableMonitoring"): "monitors",
    ("MonitoringCtrlr", "ItemsPerMessage", "ClearVariableMonitoring"): "cleared_monitors",
}
_BYTES = {
    (component, "BytesPerMessage", instance): name
    for (component, variable, instance), name in _ITEMS.items()
    if variable == "ItemsPerMessage"
}
_PERIODS = {
    ("", "ChargingScheduleMaxPeriods", None),
    ("SmartChargingCtrlr", "PeriodsPerSchedule", None),
}
_NAMES = sorted({variable for _, variable, _ in (*_ITEMS, *_BYTES, *_PERIODS)})
_QUERY = """
SELECT component, variable, variable_instance, value FROM station_variables
WHERE station_id = %s AND attribute = 'actual' AND gone_at IS NULL AND variable = ANY(%s)
"""


async def read_limits(pool: Pool, station_id: UUID) -> Limits:
    """With one query."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_QUERY, (station_id, _NAMES))
        rows = await cursor.fetchall()
    return limits_of(rows)


def limits_of(rows: Iterable[Sequence[Any]]) -> Limits:
    """From component, variable, instance and value; what is no sensible number is passed over."""
    limits = Limits()
    for component, variable, instance, value in rows:
        number = _number(value)
        if number is None:
            continue
        place = (component or "", variable, instance or None)
        if place in _ITEMS:
            name = _ITEMS[place]
            known: Limit = getattr(limits, name)
            limits = _with(limits, name, replace(known, items=number))
        elif place in _BYTES:
            name = _BYTES[place]
            known = getattr(limits, name)
            limits = _with(limits, name, replace(known, bytes=number))
        elif place in _PERIODS:
            limits = replace(limits, schedule_periods=number)
    return limits


def _with(limits: Limits, name: str, limit: Limit) -> Limits:
    changed: dict[str, Any] = {name: limit}
    return replace(limits, **changed)


def _number(value: object) -> int | None:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        return None
    number = int(text)
    return number if 1 <= number <= VALUE_MAX else None


def split(items: Sequence[Any], limit: Limit) -> list[list[Any]]:
    """Into as few messages as the limit allows, in order. Never none: an empty list is one.

    Raises ValueError where a single item is larger than a message may be.
    """
    bytes_max = min(limit.bytes or FRAME_BYTES_MAX, FRAME_BYTES_MAX) - ENVELOPE_BYTES
    parts: list[list[Any]] = [[]]
    size = 0
    for item in items:
        length = len(orjson.dumps(item)) + 1
        if length > bytes_max:
            raise ValueError(f"an entry of {length} bytes is more than the station takes")
        if parts[-1] and (len(parts[-1]) >= limit.items or size + length > bytes_max):
            parts.append([])
            size = 0
        parts[-1].append(item)
        size += length
    return parts


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is said: OCPP leaves absent fields out."""
    return {name: value for name, value in values.items() if value is not None}
