"""Natural keys: which facts are new, and what a repeat was answered (DESIGN 2, step 3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from gateway.writing.entry import Entry
from gateway.writing.loading import Connection, Loaded
from holdfast.contracts.facts import MeterSampled, TransactionEnded, TransactionUpdated

Key = tuple[UUID, UUID]

_CLAIM = """
INSERT INTO fact_keys (station_id, key, session_id)
SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[])
ON CONFLICT DO NOTHING RETURNING station_id, key
"""
_STORED = """
SELECT k.station_id, k.key, k.answer
FROM fact_keys k JOIN unnest(%b::uuid[], %b::uuid[]) AS w(station_id, key) USING (station_id, key)
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

    def first(self, key: Key) -> bool:
        """Whether this use of a key is the first ever, in this batch or before."""
        if key not in self.made or key in self.used:
            return False
        self.used.add(key)
        return True

    def is_new(self, key: Key) -> bool:
        """Whether nobody recorded this key before the batch."""
        return key in self.made


async def claim(connection: Connection, entries: Sequence[Entry], loaded: Loaded) -> Claims:
    """Insert the keys of these facts, in one order for all gateways."""
    wanted: dict[Key, UUID | None] = {}
    for entry in entries:
        session_id = _known_session(entry, loaded)
        for key in (entry.key, entry.twin):
            if key is not None:
                wanted.setdefault((entry.station_id, key), session_id)
    if not wanted:
        return Claims(set(), {})
    rows = sorted(wanted.items(), key=lambda item: item[0])
    cursor = await connection.execute(
        _CLAIM, ([key[0] for key, _ in rows], [key[1] for key, _ in rows], [s for _, s in rows])
    )
    made = {(row[0], row[1]) for row in await cursor.fetchall()}
    repeated = [key for key in wanted if key not in made]
    stored: dict[Key, dict[str, Any]] = {}
    if repeated:
        cursor = await connection.execute(
            _STORED, ([key[0] for key in repeated], [key[1] for key in repeated])
        )
        for station_id, key, answer in await cursor.fetchall():
            stored[(station_id, key)] = {} if answer is None else orjson.loads(answer)
    return Claims(made, stored)


async def save_answers(
    connection: Connection, answers: Sequence[tuple[Entry, dict[str, Any], UUID | None]]
) -> None:
    """Keep answers that are not the usual empty one, for repeats."""
    kept = [item for item in answers if item[0].key is not None]
    if kept:
        await connection.execute(
            _ANSWER,
            (
                [entry.station_id for entry, _, _ in kept],
                [entry.key for entry, _, _ in kept],
                [orjson.dumps(answer) if answer else None for _, answer, _ in kept],
                [session_id for _, _, session_id in kept],
            ),
        )


def _known_session(entry: Entry, loaded: Loaded) -> UUID | None:
    fact = entry.fact
    if isinstance(fact, MeterSampled | TransactionEnded | TransactionUpdated):
        row = loaded.by_transaction.get((entry.station_id, fact.transaction_id or ""))
        return row.id if row is not None else None
    return None
