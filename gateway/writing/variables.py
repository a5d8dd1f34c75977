"""What stations say of their variables: the inventory, its history, and reports in parts.

A value counts by when it was said: reports and answers by their receipt, an event by its own time,
so that an event from a queue does not cover what was read since.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from gateway.writing.arrays import pack
from gateway.writing.changes import Changes
from gateway.writing.entry import Entry
from gateway.writing.inventories import ask_after_boots
from gateway.writing.loading import Connection
from gateway.writing.monitors import monitored_events, save_monitors
from gateway.writing.placing import place_orders
from gateway.writing.settings import follow_settings
from holdfast.contracts.facts import (
    Fact,
    MonitorsReported,
    ReportExpected,
    SettingsAnswered,
    VariablesReported,
    VariableValue,
)

# station, then what names one attribute of one of its variables
Key = tuple[UUID, str, str | None, int | None, int | None, str, str | None, str]

PARTS_MAX: Final = 10_000

_SAVE = """
WITH saved AS (
    INSERT INTO station_variables AS v (
        organization_id, station_id, component, component_instance, evse, connector, variable,
        variable_instance, attribute, value, mutability, data_type, unit, values_list, min_limit,
        max_limit, supports_monitoring, reported_at, source)
    SELECT * FROM unnest(
        %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::text[],
        %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
        %b::text[], %b::text[], %b::boolean[], %b::timestamptz[], %b::text[])
    ON CONFLICT ON CONSTRAINT uq_station_variables_place DO UPDATE
    SET value = excluded.value,
        mutability = coalesce(excluded.mutability, v.mutability),
        data_type = coalesce(excluded.data_type, v.data_type),
        unit = coalesce(excluded.unit, v.unit),
        values_list = coalesce(excluded.values_list, v.values_list),
        min_limit = coalesce(excluded.min_limit, v.min_limit),
        max_limit = coalesce(excluded.max_limit, v.max_limit),
        supports_monitoring = coalesce(excluded.supports_monitoring, v.supports_monitoring),
        reported_at = excluded.reported_at, source = excluded.source, gone_at = NULL,
        changed_at = CASE WHEN v.value IS DISTINCT FROM excluded.value THEN now()
                          ELSE v.changed_at END
    WHERE v.reported_at <= excluded.reported_at
    RETURNING v.id, v.organization_id, v.station_id, old.id AS known, old.value AS was,
              new.value AS became, v.reported_at, v.source
)
INSERT INTO station_variable_changes (organization_id, station_id, variable_id, was, became, at,
                                      source)
SELECT organization_id, station_id, id, was, became, reported_at, source FROM saved
WHERE known IS NOT NULL AND was IS DISTINCT FROM became
"""
_MISSING = """
UPDATE station_variables v SET gone_at = now(), changed_at = now()
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::bigint[], %b::bigint[], %b::text[], %b::text[])
     AS w(station_id, component, component_instance, evse, connector, variable, variable_instance)
WHERE v.station_id = w.station_id AND v.gone_at IS NULL AND v.component = w.component
  AND v.variable = w.variable AND v.component_instance IS NOT DISTINCT FROM w.component_instance
  AND v.evse IS NOT DISTINCT FROM w.evse AND v.connector IS NOT DISTINCT FROM w.connector
  AND v.variable_instance IS NOT DISTINCT FROM w.variable_instance
"""
# A part that comes after its report was complete begins another one: the station uses the number
# again.
_PART = """
INSERT INTO station_reports AS r (organization_id, station_id, kind, request_id, parts, last_part,
                                  first_at)
VALUES (%s, %s, %s, %s, %s::bigint[], %s, %s)
ON CONFLICT (station_id, kind, request_id) DO UPDATE
SET parts = CASE
        WHEN r.completed_at IS NOT NULL THEN excluded.parts
        WHEN cardinality(r.parts) >= %s THEN r.parts
        ELSE ARRAY(SELECT DISTINCT unnest(r.parts || excluded.parts)) END,
    last_part = CASE WHEN r.completed_at IS NOT NULL THEN excluded.last_part
                     ELSE coalesce(excluded.last_part, r.last_part) END,
    first_at = CASE WHEN r.completed_at IS NOT NULL THEN excluded.first_at
                    ELSE least(r.first_at, excluded.first_at) END,
    completed_at = NULL, changed_at = now()
RETURNING r.id
"""
_EXPECTED = """
INSERT INTO station_reports AS r (organization_id, station_id, kind, request_id, scope,
                                  completed_at)
VALUES (%s, %s, %s, %s, %s, CASE WHEN %s THEN now() END)
ON CONFLICT (station_id, kind, request_id) DO UPDATE
SET scope = excluded.scope, changed_at = now(),
    completed_at = coalesce(r.completed_at, excluded.completed_at)
RETURNING r.id
"""
_COMPLETE = """
UPDATE station_reports r SET completed_at = now()
WHERE r.id = ANY(%s) AND r.completed_at IS NULL AND r.last_part IS NOT NULL
  AND (SELECT count(*) FROM unnest(r.parts) p WHERE p BETWEEN 0 AND r.last_part) = r.last_part + 1
"""
# The answer that says how much a report covers may come after its last part: both look.
_WHOLE_REPORTS = """
SELECT station_id, kind, first_at FROM station_reports
WHERE id = ANY(%s) AND completed_at IS NOT NULL AND scope = 'full' AND first_at IS NOT NULL
"""
_GONE = """
UPDATE station_variables v SET gone_at = now(), changed_at = now()
FROM unnest(%b::uuid[], %b::timestamptz[]) AS w(station_id, since)
WHERE v.station_id = w.station_id AND v.gone_at IS NULL AND v.reported_at < w.since
"""
_MONITORS_GONE = """
UPDATE station_monitors m SET gone_at = now()
FROM unnest(%b::uuid[], %b::timestamptz[]) AS w(station_id, since)
WHERE m.station_id = w.station_id AND m.gone_at IS NULL AND m.reported_at < w.since
"""
_INVENTORIED = """
INSERT INTO station_inventories AS i (station_id, organization_id, completed_at)
SELECT s.id, s.organization_id, now() FROM stations s WHERE s.id = ANY(%b::uuid[])
ON CONFLICT (station_id) DO UPDATE SET completed_at = excluded.completed_at
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A value, who said it and when it counts from."""

    entry: Entry
    value: VariableValue
    at: datetime
    source: str


@dataclass(slots=True)
class Part:
    """What a batch brought of one report."""

    entry: Entry
    at: datetime
    numbers: set[int] = field(default_factory=set)
    last: int | None = None


async def save_variables(connection: Connection, changes: Changes) -> None:
    """Everything that a batch says of variables; what follows from it is ordered at once."""
    if changes.boots:
        await ask_after_boots(connection, changes)
    if changes.variables:
        told = changes.variables
        values = _newest(told)
        if values:
            await _save(connection, values)
        await _save_missing(connection, told)
        await save_monitors(connection, told)
        await _follow_reports(connection, told)
        await follow_settings(connection, changes, values.values())
        changes.topics.add("variables")
    await monitored_events(connection, changes)
    if changes.orders:
        await place_orders(connection, changes)


def key_of(station_id: UUID, value: VariableValue) -> Key:
    """What the inventory knows a value by."""
    return (
        station_id,
        value.component,
        value.component_instance,
        value.evse,
        value.connector,
        value.variable,
        value.variable_instance,
        value.attribute,
    )


def _newest(told: Sequence[tuple[Entry, Fact]]) -> dict[Key, Said]:
    """One value for each variable of a batch: the one that counts from latest."""
    values: dict[Key, Said] = {}
    for entry, fact in told:
        for said in _said(entry, fact):
            key = key_of(entry.station_id, said.value)
            known = values.get(key)
            if known is None or known.at <= said.at:
                values[key] = said
    return values


def _said(entry: Entry, fact: Fact) -> Iterable[Said]:
    if isinstance(fact, VariablesReported):
        at = min(fact.at, entry.received_at) if fact.source == "event" else entry.received_at
        for value in fact.variables:
            yield Said(entry, value, at, fact.source)
    elif isinstance(fact, SettingsAnswered):
        for result in fact.results:
            if result.status == "accepted" and result.value is not None:
                value = VariableValue(
                    component=result.component,
                    component_instance=result.component_instance,
                    evse=result.evse,
                    connector=result.connector,
                    variable=result.variable,
                    variable_instance=result.variable_instance,
                    attribute=result.attribute,
                    value=result.value,
                )
                yield Said(entry, value, entry.received_at, "set")


async def _save(connection: Connection, values: Mapping[Key, Said]) -> None:
    # In one order everywhere, so that two gateways wait for each other and do not deadlock.
    rows = [values[key] for key in sorted(values, key=lambda key: tuple(map(str, key)))]
    said = [row.value for row in rows]
    await connection.execute(
        _SAVE,
        (
            pack("uuid", [row.entry.peer.organization_id for row in rows]),
            pack("uuid", [row.entry.station_id for row in rows]),
            pack("text", [value.component for value in said]),
            pack("text", [value.component_instance for value in said]),
            pack("bigint", [value.evse for value in said]),
            pack("bigint", [value.connector for value in said]),
            pack("text", [value.variable for value in said]),
            pack("text", [value.variable_instance for value in said]),
            pack("text", [value.attribute for value in said]),
            pack("text", [value.value for value in said]),
            pack("text", [value.mutability for value in said]),
            pack("text", [value.data_type for value in said]),
            pack("text", [value.unit for value in said]),
            pack("text", [value.values_list for value in said]),
            pack("text", [value.min_limit for value in said]),
            pack("text", [value.max_limit for value in said]),
            pack("boolean", [value.supports_monitoring for value in said]),
            pack("timestamptz", [row.at for row in rows]),
            pack("text", [row.source for row in rows]),
        ),
    )


async def _save_missing(connection: Connection, told: Sequence[tuple[Entry, Fact]]) -> None:
    gone = [
        (entry.station_id, value)
        for entry, fact in told
        if isinstance(fact, VariablesReported)
        for value in fact.missing
    ]
    if gone:
        await connection.execute(
            _MISSING,
            (
                pack("uuid", [station_id for station_id, _ in gone]),
                pack("text", [value.component for _, value in gone]),
                pack("text", [value.component_instance for _, value in gone]),
                pack("bigint", [value.evse for _, value in gone]),
                pack("bigint", [value.connector for _, value in gone]),
                pack("text", [value.variable for _, value in gone]),
                pack("text", [value.variable_instance for _, value in gone]),
            ),
        )


async def _follow_reports(connection: Connection, told: Sequence[tuple[Entry, Fact]]) -> None:
    """Note the parts that came; what a complete report of everything does not name is gone."""
    touched = await _note_parts(connection, told)
    whole: dict[str, dict[UUID, datetime]] = {"variables": {}, "monitors": {}}
    for entry, fact in told:
        if isinstance(fact, VariablesReported) and fact.whole:
            whole["variables"][entry.station_id] = entry.received_at
    if touched:
        await connection.execute(_COMPLETE, (touched,))
        cursor = await connection.execute(_WHOLE_REPORTS, (touched,))
        for station_id, kind, since in await cursor.fetchall():
            whole[kind][station_id] = since
    for kind, statement in (("variables", _GONE), ("monitors", _MONITORS_GONE)):
        if stations := sorted(whole[kind]):
            since = [whole[kind][station_id] for station_id in stations]
            await connection.execute(
                statement, (pack("uuid", stations), pack("timestamptz", since))
            )
    if whole["variables"]:
        await connection.execute(_INVENTORIED, (pack("uuid", sorted(whole["variables"])),))


async def _note_parts(connection: Connection, told: Sequence[tuple[Entry, Fact]]) -> list[UUID]:
    """The reports that this batch is about."""
    parts: dict[tuple[UUID, str, int], Part] = {}
    expected: list[tuple[Entry, ReportExpected]] = []
    for entry, fact in told:
        if isinstance(fact, ReportExpected):
            expected.append((entry, fact))
        elif isinstance(fact, VariablesReported | MonitorsReported):
            if fact.request_id is None or fact.sequence is None:
                continue
            kind = "variables" if isinstance(fact, VariablesReported) else "monitors"
            key = (entry.station_id, kind, fact.request_id)
            part = parts.setdefault(key, Part(entry, entry.received_at))
            part.numbers.add(fact.sequence)
            if not fact.continued:
                part.last = fact.sequence
    cursors = [
        await connection.execute(
            _PART,
            (
                part.entry.peer.organization_id,
                station_id,
                kind,
                request_id,
                sorted(part.numbers),
                part.last,
                part.at,
                PARTS_MAX,
            ),
        )
        for (station_id, kind, request_id), part in sorted(parts.items(), key=lambda item: item[0])
    ]
    for entry, fact in expected:
        cursors.append(
            await connection.execute(
                _EXPECTED,
                (
                    entry.peer.organization_id,
                    entry.station_id,
                    fact.subject,
                    fact.request_id,
                    fact.scope,
                    fact.empty,
                ),
            )
        )
    return [row[0] for cursor in cursors for row in await cursor.fetchall()]
