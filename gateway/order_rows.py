"""The row of an order, as the gateway that sends it reads and writes it.

Each step is one statement on a connection that commits by itself, and so one round trip.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from psycopg.types.json import Jsonb

from gateway.dialect import SessionOfOrder
from gateway.postgres import Pool
from gateway.writing.changes import OutboxChange
from gateway.writing.saving import save_outbox
from gateway.writing.station_saving import notify
from holdfast.contracts import orders as contract
from holdfast.contracts.names import NOTIFY_CHANNEL, order_workflow_id

logger = structlog.get_logger()

WRITE_ATTEMPTS = 8
WRITE_PAUSE_S = 0.5
ELDERS_MAX = 256  # more than may wait for one station

_LOOK = """
SELECT station_id, kind, payload, state, not_after <= now(), attempts FROM orders WHERE id = %s
"""
_TAKE = """
WITH taken AS (
    UPDATE orders o SET state = 'sent', sent_at = now(), attempts = attempts + 1, retry_at = NULL,
        parts_done = 0
    WHERE o.id = %(id)s AND o.state = 'waiting' AND o.not_after > now() AND EXISTS (
        SELECT 1 FROM station_connections c
        WHERE c.station_id = o.station_id AND c.generation = %(generation)s
    ) AND (%(absent)s::uuid[] IS NULL OR NOT EXISTS (
        SELECT 1 FROM orders e
        WHERE e.station_id = o.station_id AND e.state = 'waiting'
          AND (e.priority, e.id) < (o.priority, o.id) AND e.not_after > now()
          AND (e.retry_at IS NULL OR e.retry_at <= now()) AND NOT e.id = ANY(%(absent)s::uuid[])
    ))
    RETURNING o.kind, o.payload, o.attempts, o.request_id, o.session_id
)
SELECT t.kind, t.payload, t.attempts, t.request_id, t.session_id IS NOT NULL, s.evse, s.token_uid,
       s.token_type, s.remote_start_number, pg_notify(%(channel)s, 'orders')
FROM taken t LEFT JOIN sessions s ON s.id = t.session_id
"""
# Ids of orders sort by time.
_ELDERS = """
SELECT e.id FROM orders o JOIN orders e ON e.station_id = o.station_id
WHERE o.id = %s AND o.state = 'waiting' AND e.state = 'waiting'
  AND (e.priority, e.id) < (o.priority, o.id) AND e.not_after > now()
  AND (e.retry_at IS NULL OR e.retry_at <= now()) AND NOT e.id = ANY(%s)
ORDER BY e.priority, e.id LIMIT %s
"""
_EXPIRE = """
WITH done AS (
    UPDATE orders SET state = CASE WHEN attempts > 0 THEN 'timed_out' ELSE 'expired' END,
        answered_at = now(), retry_at = NULL
    WHERE id = %s AND state = 'waiting' RETURNING state
)
SELECT state, pg_notify(%s, 'orders') FROM done
"""
# The count says whether somebody is to be woken: a station has a few at most, usually none.
_FINISH = """
WITH done AS (
    UPDATE orders SET state = %(state)s, answered_at = now(), answer = %(answer)s,
        sent_at = CASE WHEN %(unsent)s THEN NULL ELSE sent_at END,
        parts = %(parts)s, parts_done = %(parts_done)s
    WHERE id = %(id)s AND state IN ('waiting', 'sent', 'timed_out') RETURNING station_id
)
SELECT (
    SELECT count(*) FROM (
        SELECT 1 FROM orders w
        WHERE w.station_id = d.station_id AND w.state = 'waiting' AND w.id <> %(id)s LIMIT 9
    ) few
), pg_notify(%(channel)s, 'orders') FROM done d
"""
_AGAIN = """
WITH done AS (
    UPDATE orders SET state = 'waiting', retry_at = now() + make_interval(secs => %s), answer = %s
    WHERE id = %s AND state = 'sent' AND not_after > now() RETURNING 1
)
SELECT pg_notify(%s, 'orders') FROM done
"""
_PROGRESS = """
WITH done AS (UPDATE orders SET parts = %s, parts_done = %s WHERE id = %s RETURNING 1)
SELECT pg_notify(%s, 'orders') FROM done
"""
_NEXT = """
SELECT id, organization_id FROM orders
WHERE station_id = %s AND state = 'waiting' AND not_after > now()
  AND (retry_at IS NULL OR retry_at <= now()) AND NOT id = ANY(%s)
ORDER BY priority, id LIMIT %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """An order that could not be taken: why is in here."""

    station_id: UUID
    kind: str
    payload: dict[str, Any]
    state: str
    late: bool
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTaken:
    """An order that this attempt sends. `session`: what a start needs of it."""

    kind: str
    payload: dict[str, Any]
    attempts: int
    request_id: int | None
    session: SessionOfOrder | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an order ends. `unsent`: no frame of it left."""

    state: str
    answer: dict[str, Any]
    parts: int | None = None
    parts_done: int = 0
    unsent: bool = False


@dataclass(frozen=True)
class OrderRows:
    """Reads and writes rows of orders."""

    pool: Pool

    async def look(self, order_id: UUID) -> OrderSeen | None:
        """As it is now."""
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_LOOK, (order_id,))).fetchone()
        if row is None:
            return None
        return OrderSeen(
            station_id=row[0],
            kind=row[1],
            payload=row[2],
            state=row[3],
            late=row[4],
            attempts=row[5],
        )

    async def take(
        self, order_id: UUID, generation: int, absent: Collection[UUID] | None = None
    ) -> OrderTaken | None:
        """Mark it sent, before its frame leaves, and read what to send. None: it is not to be sent,
        the socket is no longer the station's newest, or an older order that is not among the
        `absent` ones is to go first; `absent` is None where the older ones do not matter."""
        values = {
            "id": order_id,
            "generation": generation,
            "absent": None if absent is None else list(absent),
            "channel": NOTIFY_CHANNEL,
        }
        async with self.pool.connection() as connection:
            row = await (await connection.execute(_TAKE, values)).fetchone()
        if row is None:
            return None
        session = None
        if row[4]:
            session = SessionOfOrder(
                evse=row[5], token_uid=row[6], token_type=row[7], remote_start_number=row[8]
            )
        return OrderTaken(
            kind=row[0], payload=row[1], attempts=row[2], request_id=row[3], session=session
        )

    async def elders(self, order_id: UUID, absent: Collection[UUID]) -> list[UUID]:
        """Orders of its station that wait and go before it, but for the absent ones."""
        values = (order_id, list(absent), ELDERS_MAX)
        async with self.pool.connection() as connection:
            rows = await (await connection.execute(_ELDERS, values)).fetchall()
        return [row[0] for row in rows]

    async def expire(self, order_id: UUID) -> str:
        """Its time is over: `expired`, or `timed_out` where an attempt was made."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(_EXPIRE, (order_id, NOTIFY_CHANNEL))
            row = await cursor.fetchone()
        return "expired" if row is None else str(row[0])

    async def progress(self, order_id: UUID, parts: int, done: int) -> None:
        """So many of its calls are answered. Only for people: what cannot be written is not."""
        try:
            async with self.pool.connection() as connection:
                await connection.execute(_PROGRESS, (parts, done, order_id, NOTIFY_CHANNEL))
        except Exception as error:
            logger.warning("progress_not_written", error=type(error).__name__)

    async def finish(self, order_id: UUID, ending: Ending) -> int:
        """Write what came of it; says how many others of the station wait.

        A database that is away for a moment must not lose an answer.
        """
        values = {
            "id": order_id,
            "state": ending.state,
            "answer": Jsonb(ending.answer, orjson.dumps),
            "unsent": ending.unsent,
            "parts": ending.parts,
            "parts_done": ending.parts_done,
            "channel": NOTIFY_CHANNEL,
        }
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                async with self.pool.connection() as connection:
                    row = await (await connection.execute(_FINISH, values)).fetchone()
                    return 0 if row is None else int(row[0])
            except Exception as error:
                logger.warning("answer_not_written", error=type(error).__name__, attempt=attempt)
                if attempt == WRITE_ATTEMPTS:
                    raise
                await asyncio.sleep(WRITE_PAUSE_S)
        return 0

    async def again(self, order_id: UUID, pause_s: float, answer: dict[str, Any]) -> bool:
        """It waits to be sent again; false where its time would be over."""
        values = (pause_s, Jsonb(answer, orjson.dumps), order_id, NOTIFY_CHANNEL)
        async with self.pool.connection() as connection:
            return await (await connection.execute(_AGAIN, values)).fetchone() is not None

    async def wake_next(
        self, station_id: UUID, in_hand: Collection[UUID], places: int, event: str
    ) -> None:
        """The next that wait, by priority and age, may come: as many as there are places."""
        async with self.pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(_NEXT, (station_id, list(in_hand), places))
            rows = await cursor.fetchall()
            if not rows:
                return
            changes = [
                OutboxChange(
                    organization_id=organization_id,
                    workflow_id=order_workflow_id(order_id),
                    operation="signal",
                    name=contract.STATION_CONNECTED,
                    message=contract.EventSignal(event_id=event),
                )
                for order_id, organization_id in rows
            ]
            await save_outbox(connection, changes)
            await notify(connection, {"outbox"})
