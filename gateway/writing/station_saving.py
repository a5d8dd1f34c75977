"""Save what stations said of themselves, the message log, and what could not be applied."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from gateway.redaction import redacted_frame
from gateway.writing.applying import judged_at
from gateway.writing.arrays import pack
from gateway.writing.changes import Changes
from gateway.writing.entry import Entry, LogLine, transaction_of
from gateway.writing.loading import Connection
from holdfast.contracts.names import NOTIFY_CHANNEL

_CONNECTORS = """
INSERT INTO connectors (organization_id, station_id, evse, number, status, status_at, error_code,
                        changed_at)
SELECT *, now() FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::bigint[], %b::text[],
                            %b::timestamptz[], %b::text[])
ON CONFLICT (station_id, evse, number) DO UPDATE
SET status = excluded.status, status_at = excluded.status_at, error_code = excluded.error_code,
    changed_at = now()
WHERE connectors.status_at IS NULL OR connectors.status_at <= excluded.status_at
"""
_EVSES = """
INSERT INTO evses (organization_id, station_id, number)
SELECT DISTINCT * FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[])
ON CONFLICT DO NOTHING
"""
_STATION_STATUS = """
UPDATE stations s SET status = w.status, status_at = w.at, changed_at = now()
FROM unnest(%b::uuid[], %b::text[], %b::timestamptz[]) AS w(id, status, at)
WHERE s.id = w.id AND (s.status_at IS NULL OR s.status_at <= w.at)
"""
_BOOTS = """
UPDATE stations s SET protocol = w.protocol, vendor = w.vendor, model = w.model,
    serial_number = w.serial, firmware_version = w.firmware, boot_reason = w.reason,
    booted_at = w.at, changed_at = now()
FROM unnest(%b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
            %b::timestamptz[])
     AS w(id, protocol, vendor, model, serial, firmware, reason, at)
WHERE s.id = w.id
"""
_FIRMWARE = """
UPDATE stations s SET firmware_status = w.status, firmware_status_at = w.at, changed_at = now()
FROM unnest(%b::uuid[], %b::text[], %b::timestamptz[]) AS w(id, status, at)
WHERE s.id = w.id AND (s.firmware_status_at IS NULL OR s.firmware_status_at <= w.at)
"""
_FRAMES = """
INSERT INTO frames (received_at, organization_id, station_id, outbound, message_id, action, frame,
                    finding, transaction_id)
SELECT * FROM unnest(%b::timestamptz[], %b::uuid[], %b::uuid[], %b::boolean[], %b::text[],
                     %b::text[], %b::bytea[], %b::text[], %b::text[])
"""
_QUARANTINE = """
INSERT INTO quarantine (organization_id, station_id, received_at, protocol, action, frame, error)
SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::timestamptz[], %b::text[], %b::text[], %b::bytea[],
                     %b::text[])
"""
_REFUSED_AGAIN = """
UPDATE quarantine SET error = %b, decided_by = NULL WHERE id = %b AND state = 'open'
"""
_REPLAYED = """
UPDATE quarantine SET state = 'replayed', decided_at = now() WHERE id = ANY(%b::uuid[])
"""
_SEEN = """
UPDATE stations s SET last_seen_at = w.at
FROM (SELECT * FROM unnest(%b::uuid[], %b::timestamptz[]) AS u(id, at)) w
WHERE s.id = w.id AND (s.last_seen_at IS NULL OR s.last_seen_at < w.at)
"""
ERROR_LENGTH_MAX = 500


async def save_stations(connection: Connection, changes: Changes) -> None:
    """Boots, statuses and firmware, each guarded by the station's own time."""
    if changes.boots:
        boots = [changes.boots[station_id] for station_id in sorted(changes.boots)]
        await connection.execute(
            _BOOTS,
            (
                [entry.station_id for entry, _ in boots],
                [entry.peer.dialect.protocol for entry, _ in boots],
                [fact.vendor for _, fact in boots],
                [fact.model for _, fact in boots],
                [fact.serial_number for _, fact in boots],
                [fact.firmware_version for _, fact in boots],
                [fact.reason for _, fact in boots],
                [fact.at for _, fact in boots],
            ),
        )
        changes.topics.add("stations")
    if changes.firmware:
        rows = sorted(changes.firmware.items())
        await connection.execute(
            _FIRMWARE, ([k for k, _ in rows], [v[0] for _, v in rows], [v[1] for _, v in rows])
        )
        changes.topics.add("stations")
    if changes.statuses:
        await _save_statuses(connection, changes)
        changes.topics.add("stations")


async def _save_statuses(connection: Connection, changes: Changes) -> None:
    statuses = [changes.statuses[key] for key in sorted(changes.statuses)]
    plugs = [(entry, fact) for entry, fact in statuses if fact.evse]
    whole = [(entry, fact) for entry, fact in statuses if not fact.evse]
    if plugs:
        organizations = [entry.peer.organization_id for entry, _ in plugs]
        stations = [entry.station_id for entry, _ in plugs]
        evses = [fact.evse for _, fact in plugs]
        await connection.execute(_EVSES, (organizations, stations, evses))
        await connection.execute(
            _CONNECTORS,
            (
                organizations,
                stations,
                evses,
                [fact.connector for _, fact in plugs],
                [fact.status for _, fact in plugs],
                [judged_at(entry, fact) for entry, fact in plugs],
                [fact.error_code for _, fact in plugs],
            ),
        )
    if whole:
        await connection.execute(
            _STATION_STATUS,
            (
                [entry.station_id for entry, _ in whole],
                [fact.status for _, fact in whole],
                [judged_at(entry, fact) for entry, fact in whole],
            ),
        )


def lines_of(
    entries: Sequence[Entry], answers: Sequence[Mapping[str, Any] | None]
) -> list[LogLine]:
    """The log lines of messages that are recorded, which are answered so."""
    return [
        LogLine(
            entry.peer,
            entry.received_at,
            False,
            entry.message_id,
            entry.action,
            entry.frame,
            entry.finding or entry.problem,
            transaction_of(entry.fact, answer),
        )
        for entry, answer in zip(entries, answers, strict=True)
        # An answer to a call of ours is in the log as it came (gateway/order_facts.py).
        if entry.replay_of is None and entry.frame
    ]


async def save_lines(connection: Connection, lines: Sequence[LogLine]) -> None:
    """The message log, both ways."""
    if not lines:
        return
    await connection.execute(
        _FRAMES,
        (
            pack("timestamptz", [line.received_at for line in lines]),
            pack("uuid", [line.peer.organization_id for line in lines]),
            pack("uuid", [line.peer.station_id for line in lines]),
            pack("boolean", [line.outbound for line in lines]),
            pack(
                "text", [line.message_id and line.message_id.replace("\x00", "") for line in lines]
            ),
            pack("text", [line.action and line.action.replace("\x00", "") for line in lines]),
            pack("bytea", [redacted_frame(line.action, line.frame) for line in lines]),
            pack("text", [line.finding for line in lines]),
            pack("text", [line.transaction_id for line in lines]),
        ),
    )


async def save_quarantine(connection: Connection, quarantined: Sequence[tuple[Entry, str]]) -> None:
    """Messages that were answered and not applied; a replay that failed stays where it was.

    Without secrets, as in the message log: what is played again takes "(hidden)" for a value that
    nothing here keeps anyhow.
    """
    for entry, problem in quarantined:
        if entry.replay_of is not None:
            await connection.execute(_REFUSED_AGAIN, (problem[:ERROR_LENGTH_MAX], entry.replay_of))
    new = [(entry, problem) for entry, problem in quarantined if entry.replay_of is None]
    if new:
        await connection.execute(
            _QUARANTINE,
            (
                [entry.peer.organization_id for entry, _ in new],
                [entry.station_id for entry, _ in new],
                [entry.received_at for entry, _ in new],
                [entry.peer.dialect.protocol for entry, _ in new],
                [entry.action.replace("\x00", "") for entry, _ in new],
                [redacted_frame(entry.action, entry.frame) for entry, _ in new],
                [problem[:ERROR_LENGTH_MAX].replace("\x00", "") for _, problem in new],
            ),
        )


async def save_replayed(connection: Connection, changes: Changes) -> None:
    """An operator's replays that were applied."""
    if changes.replayed:
        await connection.execute(_REPLAYED, (changes.replayed,))


async def save_seen(connection: Connection, seen: dict[UUID, datetime]) -> None:
    """When stations were last heard of, in bulk and in one order."""
    rows = sorted(seen.items(), key=lambda item: item[0])
    await connection.execute(_SEEN, ([k for k, _ in rows], [at.astimezone(UTC) for _, at in rows]))


async def notify(connection: Connection, topics: set[str]) -> None:
    """Something changed: listeners read again after the commit."""
    if topics:
        await connection.execute(
            "SELECT pg_notify(%s, %s)", (NOTIFY_CHANNEL, " ".join(sorted(topics)))
        )
