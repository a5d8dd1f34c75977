"""Housekeeping of the tables: tomorrow's partitions, and rows that have done their work.

No decision is made here: nothing that an open session, payment or order needs is touched. Each
statement is a short transaction of its own that skips what another replica has in hand.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from holdfast.http.idempotency import KEPT as WRITES_KEPT
from holdfast.services.slices import lowest_id
from holdfast.settings import Settings
from holdfast.store.partitions import (
    delete_astray,
    drop_partition,
    ensure_partitions,
    old_partitions,
)

EVERY_S = 6 * 3600.0
BATCH = 5_000
ROUNDS_MAX = 50

SENT_KEPT = timedelta(days=7)
EVENTS_KEPT = timedelta(days=90)
KEYS_KEPT = timedelta(days=90)
GATEWAYS_KEPT = timedelta(days=30)
REPORTS_KEPT = timedelta(days=30)
PRICE_ORDERS_KEPT = timedelta(days=90)
SIMULATIONS_KEPT = timedelta(days=365)

# Parked and unsent rows stay, however old.
SENT_LONG_AGO = text(
    "DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox "
    "WHERE sent_at < :before ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED))"
)
# A repeat is known until its session has been settled for long; a key without one by its own age.
KEYS_LONG_SETTLED = text(
    "DELETE FROM fact_keys f USING (SELECT k.station_id, k.key FROM fact_keys k "
    "LEFT JOIN sessions s ON s.id = k.session_id "
    "WHERE k.created_at < :before AND (s.id IS NULL OR s.closed_at < :before) "
    "ORDER BY k.created_at LIMIT :most FOR UPDATE OF k SKIP LOCKED) old "
    "WHERE f.station_id = old.station_id AND f.key = old.key"
)
EVENTS_LONG_AGO = text(
    "DELETE FROM provider_events WHERE id = ANY(ARRAY(SELECT id FROM provider_events "
    "WHERE received_at < :before LIMIT :most FOR UPDATE SKIP LOCKED))"
)
# Ids sort by time (UUID version 7), so that only the oldest are looked at.
WRITES_LONG_AGO = text(
    "DELETE FROM idempotent_writes WHERE id = ANY(ARRAY(SELECT id FROM idempotent_writes "
    "WHERE id < :below AND created_at < :before "
    "ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED))"
)
GATEWAYS_LONG_GONE = text(
    "DELETE FROM gateways WHERE boot_id = ANY(ARRAY(SELECT boot_id FROM gateways g "
    "WHERE coalesce(g.ended_at, g.seen_at) < :before AND NOT EXISTS ("
    "SELECT FROM station_connections c WHERE c.boot_id = g.boot_id) "
    "LIMIT :most FOR UPDATE SKIP LOCKED))"
)

CHANGES_LONG_AGO = text(
    "DELETE FROM station_variable_changes WHERE id = ANY(ARRAY("
    "SELECT id FROM station_variable_changes WHERE created_at < :before "
    "ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED))"
)
REPORTS_LONG_AGO = text(
    "DELETE FROM station_reports WHERE id = ANY(ARRAY(SELECT id FROM station_reports "
    "WHERE changed_at < :before LIMIT :most FOR UPDATE SKIP LOCKED))"
)

# What a place still shows, or is to show, stays however old it is.
SHOWN_LONG_AGO = text(
    "DELETE FROM shown_prices WHERE id = ANY(ARRAY(SELECT id FROM shown_prices "
    "WHERE until_at < :before ORDER BY until_at LIMIT :most FOR UPDATE SKIP LOCKED))"
)
# A display is told every quarter of an hour, and a session's cost every minute; the ledger says
# what was shown. An order that an open row of the ledger names is still asked about.
PRICE_ORDERS_LONG_AGO = text(
    "DELETE FROM orders WHERE id = ANY(ARRAY(SELECT id FROM orders o "
    "WHERE o.requested_by = 'system:tariffs' AND o.id < :below AND o.not_after < :before "
    "AND o.state NOT IN ('waiting', 'sent') AND NOT EXISTS ("
    "SELECT FROM shown_prices p WHERE p.station_id = o.station_id AND p.until_at IS NULL "
    "AND (p.order_id = o.id OR p.clearing_order_id = o.id)) "
    "ORDER BY o.id LIMIT :most FOR UPDATE SKIP LOCKED))"
)
SIMULATIONS_LONG_AGO = text(
    "DELETE FROM tariff_simulations WHERE id = ANY(ARRAY(SELECT id FROM tariff_simulations "
    "WHERE ended_at < :before LIMIT :most FOR UPDATE SKIP LOCKED))"
)

Delete = Callable[..., Awaitable[int]]

log = structlog.get_logger()


async def keep_up(
    engine: AsyncEngine,
    settings: Settings,
    now: datetime | None = None,
    *,
    batch: int = BATCH,
    rounds_max: int = ROUNDS_MAX,
) -> bool:
    """One round. True where there is more to delete: ask again at once."""
    now = now or datetime.now(UTC)
    async with engine.begin() as connection:
        await ensure_partitions(connection, now.date())
    jobs: list[Delete] = []
    for table, days in (
        ("frames", settings.retention_frames_days),
        ("meter_values", settings.retention_meter_values_days),
        ("station_events", settings.retention_station_events_days),
    ):
        before = now.date() - timedelta(days=days)
        async with engine.begin() as connection:
            old = await old_partitions(connection, table, before)
        for name in old:
            await _drop(engine, name)
        jobs.append(partial(delete_astray, table=table, before=before))
    for statement, values in (
        (SENT_LONG_AGO, {"before": now - SENT_KEPT}),
        (KEYS_LONG_SETTLED, {"before": now - KEYS_KEPT}),
        (EVENTS_LONG_AGO, {"before": now - EVENTS_KEPT}),
        (WRITES_LONG_AGO, {"before": now - WRITES_KEPT, "below": lowest_id(now - WRITES_KEPT)}),
        (GATEWAYS_LONG_GONE, {"before": now - GATEWAYS_KEPT}),
        (REPORTS_LONG_AGO, {"before": now - REPORTS_KEPT}),
        (
            CHANGES_LONG_AGO,
            {"before": now - timedelta(days=settings.retention_variable_changes_days)},
        ),
        (SHOWN_LONG_AGO, {"before": now - timedelta(days=settings.retention_shown_prices_days)}),
        (
            PRICE_ORDERS_LONG_AGO,
            {"before": now - PRICE_ORDERS_KEPT, "below": lowest_id(now - PRICE_ORDERS_KEPT)},
        ),
        (SIMULATIONS_LONG_AGO, {"before": now - SIMULATIONS_KEPT}),
    ):
        jobs.append(partial(_delete, statement=statement, values=values))
    unfinished = [await _in_batches(engine, job, batch, rounds_max) for job in jobs]
    return any(unfinished)


async def _drop(engine: AsyncEngine, name: str) -> None:
    """A partition that is being read stays until the next round."""
    try:
        async with engine.begin() as connection:
            await drop_partition(connection, name)
    except DBAPIError as error:
        log.warning("old partition not dropped", partition=name, error=type(error.orig).__name__)
    else:
        log.info("old partition dropped", partition=name)


async def _in_batches(engine: AsyncEngine, delete: Delete, batch: int, rounds_max: int) -> bool:
    """Delete until nothing is left or the round is over; true where the round was over first."""
    for _ in range(rounds_max):
        async with engine.begin() as connection:
            if await delete(connection, most=batch) < batch:
                return False
    return True


async def _delete(
    connection: AsyncConnection, statement: TextClause, values: dict[str, Any], most: int
) -> int:
    result = await connection.execute(statement, {**values, "most": most})
    return result.rowcount
