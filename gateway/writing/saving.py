"""Save a batch: one set-based statement per table (DESIGN 2, step 3)."""

from collections.abc import Sequence
from operator import attrgetter

from gateway.writing.arrays import Packed, pack
from gateway.writing.changes import Changes, MeterChange, OutboxChange
from gateway.writing.loading import Connection, Loaded
from gateway.writing.session_row import SessionRow
from gateway.writing.telling import place_debounced
from holdfast.contracts.names import session_workflow_id

_REPORTED = (
    ("evse", "bigint"),
    ("connector", "bigint"),
    ("token_id", "uuid"),
    ("token_uid", "text"),
    ("token_type", "text"),
    ("account_id", "uuid"),
    ("authorization", "text"),
    ("transaction_id", "text"),
    ("started_at", "timestamptz"),
    ("ended_at", "timestamptz"),
    ("stop_reason", "text"),
    ("charging_state", "text"),
    ("charging_state_at", "timestamptz"),
    ("meter_start_mwh", "bigint"),
    ("meter_last_mwh", "bigint"),
    ("meter_last_at", "timestamptz"),
    ("meter_stop_mwh", "bigint"),
    ("meter_offset_mwh", "bigint"),
    ("energy_wh", "bigint"),
    ("last_seen_at", "timestamptz"),
    ("sequence_last", "bigint"),
    ("sequence_gaps", "bigint"),
    ("reported_offline", "boolean"),
    ("signals_sent", "bigint"),
    ("findings", "jsonb"),
    ("fired_version", "bigint"),
)
# What a meter value alone moves. Its UPDATE is the most frequent of all, and stays narrow.
_METERED = tuple(
    column
    for column in _REPORTED
    if column[0]
    in (
        "meter_start_mwh",
        "meter_last_mwh",
        "meter_last_at",
        "meter_offset_mwh",
        "energy_wh",
        "last_seen_at",
    )
)
_MADE = (
    ("id", "uuid"),
    ("organization_id", "uuid"),
    ("station_id", "uuid"),
    ("site_id", "uuid"),
    ("created_at", "timestamptz"),
)


def _names(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f'"{name}"' for name, _ in columns)


def _arrays(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"%b::{kind}[]" for _, kind in columns)


def _update(columns: Sequence[tuple[str, str]]) -> str:
    sets = ", ".join(f'"{name}" = w."{name}"' for name, _ in columns)
    return (
        f"UPDATE sessions s SET {sets} "  # noqa: S608 - our own column names
        f"FROM unnest({_arrays((('id', 'uuid'), *columns))}) "
        f"AS w(id, {_names(columns)}) WHERE s.id = w.id"
    )


_UPDATE = _update(_REPORTED)
_UPDATE_METERED = _update(_METERED)
_INSERT = (
    f"INSERT INTO sessions ({_names((*_MADE, *_REPORTED))}) "  # noqa: S608 - the same
    f"SELECT * FROM unnest({_arrays((*_MADE, *_REPORTED))})"
)
_STATES = """
INSERT INTO session_states (session_id, at, state, organization_id)
SELECT * FROM unnest(%b::uuid[], %b::timestamptz[], %b::text[], %b::uuid[]) ON CONFLICT DO NOTHING
"""
_MILESTONES = """
INSERT INTO session_events (session_id, key, organization_id, at, kind, details)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[], %b::text[], %b::jsonb[])
ON CONFLICT DO NOTHING
"""
_METERS = """
INSERT INTO meter_values (received_at, organization_id, station_id, session_id, evse, sampled_at,
                          context, energy_mwh, power_w, soc_percent, samples)
SELECT * FROM unnest(%b::timestamptz[], %b::uuid[], %b::uuid[], %b::uuid[], %b::bigint[],
                     %b::timestamptz[], %b::text[], %b::bigint[], %b::bigint[], %b::bigint[],
                     %b::jsonb[])
"""
_UNDEBOUNCE = """
DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox
    WHERE workflow_id = ANY(%b::text[]) AND name = %b AND sent_at IS NULL AND parked_at IS NULL
    FOR UPDATE SKIP LOCKED
) RETURNING workflow_id
"""
_OUTBOX = """
INSERT INTO outbox (organization_id, lane, workflow_id, operation, name, payload, due_at)
SELECT organization_id, lane, workflow_id, operation, name, payload, coalesce(due_at, now())
FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::jsonb[],
            %b::timestamptz[])
     WITH ORDINALITY AS w(organization_id, lane, workflow_id, operation, name, payload, due_at, n)
ORDER BY n
"""


async def save_sessions(connection: Connection, loaded: Loaded, changes: Changes) -> None:
    """Sessions and all that hangs on them, the outbox included."""
    if changes.undebounce:
        await _undebounce(connection, loaded, changes)
        place_debounced(changes)
    rows = sorted(loaded.sessions.values(), key=attrgetter("id"))
    made = [row for row in rows if row.new]
    old = [row for row in rows if row.changed and not row.new]
    metered = [row for row in rows if row.metered and not row.changed and not row.new]
    if made:
        await connection.execute(_INSERT, _columns(made, (*_MADE, *_REPORTED)))
    if old:
        await connection.execute(_UPDATE, _columns(old, (("id", "uuid"), *_REPORTED)))
    if metered:
        await connection.execute(_UPDATE_METERED, _columns(metered, (("id", "uuid"), *_METERED)))
    if made or old or metered:
        changes.topics.add("sessions")
    if changes.states:
        await connection.execute(
            _STATES,
            (
                pack("uuid", [row.id for row, _, _ in changes.states]),
                pack("timestamptz", [at for _, at, _ in changes.states]),
                pack("text", [state for _, _, state in changes.states]),
                pack("uuid", [row.organization_id for row, _, _ in changes.states]),
            ),
        )
    if changes.milestones:
        await _milestones(connection, changes)
    if changes.outbox:
        await save_outbox(connection, changes.outbox)
        changes.topics.add("outbox")


def _columns(rows: Sequence[SessionRow], columns: Sequence[tuple[str, str]]) -> tuple[Packed, ...]:
    return tuple(pack(kind, map(attrgetter(name), rows)) for name, kind in columns)


async def _undebounce(connection: Connection, loaded: Loaded, changes: Changes) -> None:
    """Take back signals that were not sent yet, and give their places back."""
    by_workflow = {session_workflow_id(row.id): row for row in loaded.sessions.values()}
    for name in sorted({name for _, name in changes.undebounce}):
        void = sorted(workflow_id for workflow_id, of in changes.undebounce if of == name)
        cursor = await connection.execute(_UNDEBOUNCE, (void, name))
        for (workflow_id,) in await cursor.fetchall():
            row = by_workflow[workflow_id]
            row.signals_sent = max(0, row.signals_sent - 1)
            row.changed = True


async def _milestones(connection: Connection, changes: Changes) -> None:
    lines = changes.milestones
    await connection.execute(
        _MILESTONES,
        (
            pack("uuid", [line.row.id for line in lines]),
            pack("text", [line.key for line in lines]),
            pack("uuid", [line.row.organization_id for line in lines]),
            pack("timestamptz", [line.at for line in lines]),
            pack("text", [line.kind for line in lines]),
            pack("jsonb", [line.details for line in lines]),
        ),
    )


async def save_outbox(connection: Connection, rows: Sequence[OutboxChange]) -> None:
    """Starts and signals, in the order in which they were told."""
    await connection.execute(
        _OUTBOX,
        (
            pack("uuid", [row.organization_id for row in rows]),
            pack("bigint", [row.lane for row in rows]),
            pack("text", [row.workflow_id for row in rows]),
            pack("text", [row.operation for row in rows]),
            pack("text", [row.name for row in rows]),
            pack("jsonb", [row.message.model_dump(mode="json") for row in rows]),
            pack("timestamptz", [row.due_at for row in rows]),
        ),
    )


async def save_meters(connection: Connection, meters: Sequence[MeterChange]) -> None:
    """Samples as they came, beside the figures that we read from them."""
    entries = [item.entry for item in meters]
    samples = [item.sample for item in meters]
    await connection.execute(
        _METERS,
        (
            pack("timestamptz", [entry.received_at for entry in entries]),
            pack("uuid", [entry.peer.organization_id for entry in entries]),
            pack("uuid", [entry.peer.station_id for entry in entries]),
            pack("uuid", [item.session_id for item in meters]),
            pack("bigint", [item.evse for item in meters]),
            pack("timestamptz", [sample.at for sample in samples]),
            pack("text", [sample.context for sample in samples]),
            pack("bigint", [sample.energy_mwh for sample in samples]),
            pack("bigint", [sample.power_w for sample in samples]),
            pack("bigint", [sample.soc_percent for sample in samples]),
            pack("jsonb", [sample.raw for sample in samples]),
        ),
    )
