"""Housekeeping of the tables: tomorrow's partitions, and rows that have done their work.

No decision is made here: nothing that an open session, payment or order needs is touched.
"""

from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.store.partitions import ensure_partitions

EVERY_S = 6 * 3600.0
BATCH = 5_000
ROUNDS_MAX = 200

SENT_LONG_AGO = text(
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox "
    "WHERE sent_at < now() - interval '14 days' LIMIT :most)"
)
GATEWAYS_LONG_GONE = text(
    "DELETE FROM gateways g WHERE coalesce(g.ended_at, g.seen_at) < now() - interval '30 days' "
    "AND NOT EXISTS (SELECT FROM station_connections c WHERE c.boot_id = g.boot_id)"
)


async def keep_up(engine: AsyncEngine) -> None:
    """One round; each statement is a transaction of its own."""
    async with engine.begin() as connection:
        await ensure_partitions(connection, datetime.now(UTC).date())
    for _ in range(ROUNDS_MAX):
        async with engine.begin() as connection:
            if (await connection.execute(SENT_LONG_AGO, {"most": BATCH})).rowcount < BATCH:
                break
    async with engine.begin() as connection:
        await connection.execute(GATEWAYS_LONG_GONE)
