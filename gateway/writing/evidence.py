"""Signed values and meter keys, kept as they came. Nothing is verified here: that takes time."""

from collections.abc import Sequence

from gateway.writing.arrays import pack
from gateway.writing.changes import Changes, KeyChange, SignedChange
from gateway.writing.entry import Entry, key_digest
from gateway.writing.loading import Connection
from gateway.writing.session_row import SessionRow
from holdfast.contracts.facts import DataReceived
from holdfast.domain.signed_record import keys_told, public_key_hex

_SIGNED = """
INSERT INTO signed_readings (organization_id, station_id, session_id, transaction_id, evse,
                             received_at, at, context, encoding, signing_method, data, public_key,
                             digest)
SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::text[], %b::bigint[],
                     %b::timestamptz[], %b::timestamptz[], %b::text[], %b::text[], %b::text[],
                     %b::bytea[], %b::text[], %b::uuid[])
ON CONFLICT DO NOTHING
"""
_KEYS = """
INSERT INTO meter_keys (organization_id, station_id, evse, public_key, source)
SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::text[], %b::text[])
ON CONFLICT DO NOTHING
"""
# Stations that count for themselves use an id again: what came before the end of an earlier session
# of this id was that one's. The same value in the end's own message is not counted twice.
_ATTACH = """
UPDATE signed_readings r SET session_id = w.id
FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::timestamptz[])
     AS w(id, station_id, transaction_id, ended_at)
WHERE r.session_id IS NULL AND r.station_id = w.station_id
  AND r.transaction_id = w.transaction_id AND r.at <= w.ended_at
  AND NOT EXISTS (
    SELECT FROM sessions s WHERE s.station_id = w.station_id AND s.id <> w.id
    AND s.transaction_id = w.transaction_id AND s.ended_at >= r.at)
  AND NOT EXISTS (
    SELECT FROM signed_readings o WHERE o.session_id = w.id AND o.data = r.data)
"""


def note_keys(changes: Changes, entry: Entry, fact: DataReceived) -> None:
    """The keys that a station tells of by DataTransfer: known, and not trusted by themselves."""
    for key in keys_told(fact.vendor_id, fact.vendor_message_id, fact.data):
        changes.meter_keys.append(KeyChange(entry, key.evse, key.public_key, "data_transfer"))


async def save_evidence(connection: Connection, changes: Changes) -> None:
    """Insert or ignore: the same value of one transaction, and the same key, once."""
    signed = changes.signed
    if signed:
        entries = [item.entry for item in signed]
        await connection.execute(
            _SIGNED,
            (
                pack("uuid", [entry.peer.organization_id for entry in entries]),
                pack("uuid", [entry.station_id for entry in entries]),
                pack("uuid", [item.row.id if item.row else None for item in signed]),
                pack("text", [_transaction(item) for item in signed]),
                pack("bigint", [item.evse for item in signed]),
                pack("timestamptz", [entry.received_at for entry in entries]),
                pack("timestamptz", [item.sample.at for item in signed]),
                pack("text", [item.value.context for item in signed]),
                pack("text", [item.value.encoding for item in signed]),
                pack("text", [item.value.signing_method for item in signed]),
                pack("bytea", [_bytes(item.value.data) for item in signed]),
                pack("text", [item.value.public_key for item in signed]),
                pack("uuid", [_digest(item) for item in signed]),
            ),
        )
    keys = {_named(change): change for change in (*changes.meter_keys, *_sent_beside(changes))}
    if keys:
        ordered = [keys[name] for name in sorted(keys, key=str)]
        await connection.execute(
            _KEYS,
            (
                pack("uuid", [key.entry.peer.organization_id for key in ordered]),
                pack("uuid", [key.entry.station_id for key in ordered]),
                pack("bigint", [key.evse for key in ordered]),
                pack("text", [key.public_key for key in ordered]),
                pack("text", [key.source for key in ordered]),
            ),
        )


async def attach_evidence(connection: Connection, rows: Sequence[SessionRow]) -> None:
    """Signed values that came before anything was known of their transaction: a stop without a
    start made it a session now (charger-quirks 13)."""
    await connection.execute(
        _ATTACH,
        (
            pack("uuid", [row.id for row in rows]),
            pack("uuid", [row.station_id for row in rows]),
            pack("text", [row.transaction_id for row in rows]),
            pack("timestamptz", [row.ended_at for row in rows]),
        ),
    )


def _sent_beside(changes: Changes) -> list[KeyChange]:
    found = []
    for item in changes.signed:
        key = public_key_hex(item.value.public_key or "")
        if key is not None:
            found.append(KeyChange(item.entry, item.evse, key, "signed_value"))
    return found


def _named(change: KeyChange) -> tuple[object, int, str]:
    return change.entry.station_id, change.evse, change.public_key


def _transaction(item: SignedChange) -> str | None:
    if item.row is not None:
        return item.row.transaction_id
    named = getattr(item.entry.fact, "transaction_id", None)
    return named if isinstance(named, str) else None


def _digest(item: SignedChange) -> object:
    of = str(item.row.id) if item.row is not None else f"{_transaction(item)}|{item.evse}"
    return key_digest(f"signed|{of}|{item.value.data}")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
