"""Quarantined messages that an operator wants played again: the same translation, the same writer.

The API notes the wish on the row and notifies; any gateway takes it. The key of the message was
claimed when it was quarantined, so the replay goes without one; the row itself makes it once.
"""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog

from gateway import adjusting, envelope
from gateway.dialect import Reading
from gateway.postgres import Pool
from gateway.protocols import DIALECTS
from gateway.quirks import QuirkBook
from gateway.reading import Unreadable
from gateway.writing.entry import Entry, Nobody, Peer
from gateway.writing.writer import Writer

logger = structlog.get_logger()

REPLAYS_MAX = 100
WAIT_S = 60.0

# The claim is a short lease in `decided_at`, so that two gateways do not play one message twice.
_CLAIM = """
UPDATE quarantine q SET decided_at = now() + interval '2 minutes'
WHERE q.id IN (
    SELECT id FROM quarantine
    WHERE state = 'open' AND decided_by IS NOT NULL
      AND coalesce(decided_at, now()) < now() + interval '1 minute'
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING q.id, q.organization_id, q.station_id, q.received_at, q.protocol, q.frame,
          (SELECT identity FROM stations s WHERE s.id = q.station_id),
          (SELECT registration FROM stations s WHERE s.id = q.station_id)
"""
_GIVE_UP = """
UPDATE quarantine SET error = %s, decided_by = NULL, decided_at = NULL
WHERE id = %s AND state = 'open'
"""


class Replays:
    """Plays messages again, on demand."""

    def __init__(self, pool: Pool, writer: Writer, book: QuirkBook) -> None:
        self._pool = pool
        self._book = book
        self._writer = writer

    async def run(self) -> None:
        """Play everything that is asked for now."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_CLAIM, (REPLAYS_MAX,))).fetchall()
        for row_id, organization_id, station_id, at, protocol, frame, identity, state in rows:
            peer = Peer(
                station_id=station_id,
                organization_id=organization_id,
                identity=identity,
                registration=state,
                dialect=DIALECTS[protocol],
            )
            try:
                # By the rules of now: one may have been written for the sake of this message.
                await self._book.describe(peer)
                problem = await self._play(row_id, peer, at, frame)
            except Exception as error:
                # One message must not hold up the others, nor end the listener that called.
                problem = f"replay: {type(error).__name__}"
            if problem is not None:
                async with self._pool.connection() as connection:
                    await connection.execute(_GIVE_UP, (problem, row_id))
            logger.info("replayed", quarantine=str(row_id), problem=problem)

    async def _play(self, row_id: UUID, peer: Peer, at: datetime, frame: bytes) -> str | None:
        message = envelope.parse(frame, sends=peer.dialect.sends)
        if not isinstance(message, envelope.Call):
            return "the frame is no call"
        handler = peer.dialect.handlers.get(message.action)
        if handler is None:
            return "the action is not implemented"
        reading: Reading | None = None
        try:
            reading, _ = adjusting.read(handler, message.action, message.payload, at, peer.quirks)
        except Unreadable as unreadable:
            return str(unreadable)
        done = asyncio.Event()
        entry = Entry(
            peer=peer,
            owner=Nobody(),
            message_id=message.message_id,
            action=message.action,
            frame=frame,
            received_at=at,
            handler=handler,
            fact=reading.fact,
            replay_of=row_id,
            settled=done.set,
        )
        await self._writer.submit(entry)
        async with asyncio.timeout(WAIT_S):
            await done.wait()
        return None
