"""Natural keys: which facts are new, and what a repeat was answered (DESIGN 2, step 3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncCursor

from gateway.writing.arrays import pack
from gateway.writing.entry import Entry
from gateway.writing.loading import Connection
from holdfast.contracts.facts import (
    MeterSampled,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from holdfast.domain.repeated_start import EarlierStart, is_another_start

Key = tuple[UUID, UUID]

# The session is looked up here and not taken from what was loaded, so that both statements travel
# together. One that this batch makes is noted with its answer.
_CLAIM = """
INSERT INTO fact_keys (station_id, key, session_id)
SELECT w.station_id, w.key, (
    SELECT s.id FROM sessions s
    WHERE s.station_id = w.station_id AND s.transaction_id = w.transaction_id
    ORDER BY s.id DESC LIMIT 1
)
FROM unnest(%b::uuid[], %b::uuid[], %b::text[]) AS w(station_id, key, transaction_id)
ON CONFLICT DO NOTHING RETURNING station_id, key
"""
_STORED = """
SELECT k.station_id, k.key, k.answer, s.started_at, s.ended_at, s.created_at, s.last_seen_at
FROM fact_keys k JOIN unnest(%b::uuid[], %b::uuid[]) AS w(station_id, key) USING (station_id, key)
LEFT JOIN sessions s ON s.id = k.session_id
"""
_ANSWER = """
UPDATE fact_keys k SET answer = w.answer, session_id = coalesce(w.session_id, k.session_id)
FROM unnest(%b::uuid[], %b::uuid[], %b::bytea[], %b::uuid[])
     AS w(station_id, key, answer, session_id)
WHERE k.station_id = w.station_id AND k.key = w.key
"""


@dataclass(slots=True)
class Claims:
    """Keys that this batch made, and the stored answers of those it did not."""

    made: set[Key]
    stored: dict[Key, dict[str, Any]]
    used: set[Key] = field(default_factory=set)
    earlier: dict[Key, EarlierStart] = field(default_factory=dict)  # sessions of stored keys

    def first(self, key: Key) -> bool:
        """Whether this use of a key is the first ever, in this batch or before."""
        if key not in self.made or key in self.used:
            return False
        self.used.add(key)
        return True

    def is_new(self, key: Key) -> bool:
        """Whether nobody recorded this key before the batch."""
        return key in self.made

    def renew(self, entries: Sequence[Entry]) -> None:
        """A start of OCPP 1.6 that only looks like an earlier one is new: its key is the new
        session's from now on."""
        for entry in entries:
            fact = entry.fact
            if entry.key is None or not isinstance(fact, TransactionStarted):
                continue
            key = (entry.station_id, entry.key)
            earlier = self.earlier.get(key)
            if fact.transaction_id is not None or earlier is None or self.is_new(key):
                continue
            if is_another_start(
                earlier, clock_ok=fact.clock == "ok", at=fact.at, heard_at=entry.received_at
            ):
                self.made.add(key)


@dataclass(slots=True)
class Claiming:
    """Keys that were sent to be claimed, and where the server's word will be."""

    wanted: dict[Key, str | None]
    cursor: AsyncCursor[Any] | None


async def claim(connection: Connection, entries: Sequence[Entry]) -> Claiming:
    """Insert the keys of these facts, in one order for all gateways. In a pipeline this does not
    wait; `claims_of` does."""
    wanted: dict[Key, str | None] = {}
    for entry in entries:
        transaction_id = _of_known_transaction(entry)
        for key in (entry.key, entry.twin):
            if key is not None:
                wanted.setdefault((entry.station_id, key), transaction_id)
    if not wanted:
        return Claiming(wanted, None)
    rows = sorted(wanted.items(), key=lambda item: item[0])
    cursor = await connection.cursor(binary=True).execute(
        _CLAIM,
        (
            pack("uuid", [key[0] for key, _ in rows]),
            pack("uuid", [key[1] for key, _ in rows]),
            pack("text", [transaction_id for _, transaction_id in rows]),
        ),
    )
    return Claiming(wanted, cursor)


async def claims_of(connection: Connection, claiming: Claiming) -> Claims:
    """Which keys are ours; for the others, what was answered then."""
    if claiming.cursor is None:
        return Claims(set(), {})
    made = {(row[0], row[1]) for row in await claiming.cursor.fetchall()}
    repeated = [key for key in claiming.wanted if key not in made]
    stored: dict[Key, dict[str, Any]] = {}
    earlier: dict[Key, EarlierStart] = {}
    if repeated:
        cursor = await connection.execute(
            _STORED,
            (
                pack("uuid", [key[0] for key in repeated]),
                pack("uuid", [key[1] for key in repeated]),
            ),
        )
        for station_id, key, answer, *times in await cursor.fetchall():
            stored[(station_id, key)] = {} if answer is None else orjson.loads(answer)
            started_at, ended_at, created_at, last_seen_at = times
            if created_at is not None:
                earlier[(station_id, key)] = EarlierStart(
                    started_at=started_at,
                    ended_at=ended_at,
                    first_heard_at=created_at,
                    last_heard_at=last_seen_at or created_at,
                )
    return Claims(made, stored, earlier=earlier)


async def save_answers(
    connection: Connection, answers: Sequence[tuple[Entry, dict[str, Any], UUID | None]]
) -> None:
    """Keep answers that are not the usual empty one, for repeats."""
    kept = [item for item in answers if item[0].key is not None]
    if kept:
        await connection.execute(
            _ANSWER,
            (
                pack("uuid", [entry.station_id for entry, _, _ in kept]),
                pack("uuid", [entry.key for entry, _, _ in kept]),
                pack("bytea", [orjson.dumps(answer) if answer else None for _, answer, _ in kept]),
                pack("uuid", [session_id for _, _, session_id in kept]),
            ),
        )


def _of_known_transaction(entry: Entry) -> str | None:
    fact = entry.fact
    if isinstance(fact, MeterSampled | TransactionEnded | TransactionUpdated):
        return fact.transaction_id
    return None
