"""Which of the outbox's lanes this relay owns: each by a lock that dies with its connection.

The locks are Postgres's session-level advisory locks, one number a lane, on one connection of the
relay's own. A row lock would need a transaction that stays open for ever, and that would keep
vacuum from ever cleaning the busiest table of all. If the connection breaks, or Postgres restarts,
the lanes are gone at once and are taken anew; what was being sent at that moment may be sent
twice, which every workflow forgives.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import psycopg

from holdfast.contracts.names import NOTIFY_CHANNEL
from holdfast.domain.lane import LANES

LANE_LOCKS = 0x4C616E65  # the first of two numbers that name a lane's lock
PRESENCE_LOCK = (0x4C616E66, 0)
TIMEOUTS = "-c statement_timeout=10000 -c timezone=UTC"


class LaneOwner:
    """One relay's lanes. Every replica that is there takes its share."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()  # one statement at a time on the connection
        self.lanes: frozenset[int] = frozenset()

    async def balance(self) -> frozenset[int]:
        """Take free lanes up to the share, give back what is above it. Raises psycopg.Error."""
        async with self._lock:
            cursor = await self._connection.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s "
                "AND objid = %s AND objsubid = 2 AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                PRESENCE_LOCK,
            )
            row = await cursor.fetchone()
            relays = max(1, int(str(row[0])) if row else 1)
            share = -(-LANES // relays)
            mine = set(self.lanes)
            for lane in sorted(mine)[share:]:
                await self._connection.execute(
                    "SELECT pg_advisory_unlock(%s, %s)", (LANE_LOCKS, lane)
                )
                mine.discard(lane)
            if len(mine) < share:
                mine |= await self._take(share - len(mine), mine)
            self.lanes = frozenset(mine)
            return self.lanes

    async def _take(self, most: int, mine: set[int]) -> set[int]:
        taken: set[int] = set()
        for lane in range(LANES):
            if len(taken) == most:
                break
            if lane in mine:
                continue
            cursor = await self._connection.execute(
                "SELECT pg_try_advisory_lock(%s, %s)", (LANE_LOCKS, lane)
            )
            row = await cursor.fetchone()
            if row is not None and row[0]:
                taken.add(lane)
        return taken

    async def hear(self, within_s: float) -> bool:
        """Wait for a notification about the outbox. Also proves that the connection lives."""
        async with self._lock:
            async with aclosing(self._connection.notifies(timeout=within_s)) as notices:
                async for notice in notices:
                    if "outbox" in notice.payload.split():
                        return True
            await self._connection.execute("SELECT 1")
            return False


@asynccontextmanager
async def lane_owner(database_url: str) -> AsyncIterator[LaneOwner]:
    """A connection of its own, outside every pool. Raises psycopg.Error where there is none."""
    connection = await psycopg.AsyncConnection.connect(
        database_url, autocommit=True, connect_timeout=5, options=TIMEOUTS
    )
    try:
        await connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", PRESENCE_LOCK)
        await connection.execute(f"LISTEN {NOTIFY_CHANNEL}")
        yield LaneOwner(connection)
    finally:
        await connection.close()
