"""Monitors that stations report, and how severe the events are that they raise."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from gateway.writing.arrays import pack
from gateway.writing.changes import Changes
from gateway.writing.entry import Entry
from gateway.writing.loading import Connection
from holdfast.contracts.facts import Fact, MonitorsCleared, MonitorsReported, MonitorValue

MONITOR: Final = "monitor"  # kind of an event

_SAVE = """
INSERT INTO station_monitors AS m (
    organization_id, station_id, number, component, component_instance, evse, connector, variable,
    variable_instance, type, value, severity, in_transactions_only, origin, reported_at)
SELECT * FROM unnest(
    %b::uuid[], %b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::bigint[], %b::bigint[],
    %b::text[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::boolean[], %b::text[],
    %b::timestamptz[])
ON CONFLICT (station_id, number) DO UPDATE
SET component = excluded.component, component_instance = excluded.component_instance,
    evse = excluded.evse, connector = excluded.connector, variable = excluded.variable,
    variable_instance = excluded.variable_instance, type = excluded.type, value = excluded.value,
    severity = excluded.severity, in_transactions_only = excluded.in_transactions_only,
    origin = coalesce(excluded.origin, m.origin), reported_at = excluded.reported_at, gone_at = NULL
"""
_CLEAR = """
UPDATE station_monitors m SET gone_at = now()
FROM unnest(%b::uuid[], %b::bigint[]) AS w(station_id, number)
WHERE m.station_id = w.station_id AND m.number = w.number AND m.gone_at IS NULL
"""
_SEVERITIES = """
SELECT m.station_id, m.number, m.severity
FROM unnest(%b::uuid[], %b::bigint[]) AS w(station_id, number)
JOIN station_monitors m USING (station_id, number)
"""


async def save_monitors(connection: Connection, told: Sequence[tuple[Entry, Fact]]) -> None:
    """What monitors there are, and which no longer."""
    monitors: dict[tuple[UUID, int], tuple[Entry, MonitorValue]] = {}
    cleared: set[tuple[UUID, int]] = set()
    for entry, fact in told:
        if isinstance(fact, MonitorsReported):
            for monitor in fact.monitors:
                key = (entry.station_id, monitor.number)
                monitors[key] = (entry, monitor)
                cleared.discard(key)
        elif isinstance(fact, MonitorsCleared):
            cleared |= {(entry.station_id, number) for number in fact.numbers}
    if monitors:
        await _save(connection, [monitors[key] for key in sorted(monitors)])
    if cleared:
        gone = sorted(cleared)
        await connection.execute(
            _CLEAR,
            (
                pack("uuid", [station_id for station_id, _ in gone]),
                pack("bigint", [number for _, number in gone]),
            ),
        )


async def _save(connection: Connection, rows: Sequence[tuple[Entry, MonitorValue]]) -> None:
    said = [monitor for _, monitor in rows]
    await connection.execute(
        _SAVE,
        (
            pack("uuid", [entry.peer.organization_id for entry, _ in rows]),
            pack("uuid", [entry.station_id for entry, _ in rows]),
            pack("bigint", [monitor.number for monitor in said]),
            pack("text", [monitor.component for monitor in said]),
            pack("text", [monitor.component_instance for monitor in said]),
            pack("bigint", [monitor.evse for monitor in said]),
            pack("bigint", [monitor.connector for monitor in said]),
            pack("text", [monitor.variable for monitor in said]),
            pack("text", [monitor.variable_instance for monitor in said]),
            pack("text", [monitor.type for monitor in said]),
            pack("text", [monitor.value for monitor in said]),
            pack("bigint", [monitor.severity for monitor in said]),
            pack("boolean", [monitor.in_transactions_only for monitor in said]),
            pack("text", [monitor.origin for monitor in said]),
            pack("timestamptz", [entry.received_at for entry, _ in rows]),
        ),
    )


async def monitored_events(connection: Connection, changes: Changes) -> None:
    """Give events of OCPP 2.0.1 the severity of the monitor that they name: they carry none."""
    asked = {
        (entry.station_id, fact.details["monitor"])
        for entry, fact in changes.events
        if fact.kind == MONITOR and fact.severity is None and "monitor" in fact.details
    }
    if not asked:
        return
    rows = sorted(asked)
    cursor = await connection.execute(
        _SEVERITIES,
        (
            pack("uuid", [station_id for station_id, _ in rows]),
            pack("bigint", [number for _, number in rows]),
        ),
    )
    known = {
        (station_id, number): severity for station_id, number, severity in await cursor.fetchall()
    }
    changes.events = [
        (
            entry,
            fact
            if fact.severity is not None
            else replace(
                fact, severity=known.get((entry.station_id, fact.details.get("monitor", -1)))
            ),
        )
        for entry, fact in changes.events
    ]
