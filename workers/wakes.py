"""Tripwires of time: every second, the sessions whose instant has come. Each plan fires once."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.names import session_workflow_id
from holdfast.contracts.sessions import TRIPWIRE_CROSSED, TripwireSignal, tripwire_event_id
from holdfast.services.outbox import notify, tell

EVERY_S = 1.0
BATCH = 500

# The claim is the statement: whoever moves fired_version up writes the signal, in one transaction.
# A session that was heard of meanwhile is only looked at again later.
DUE = text(
    "WITH due AS (SELECT id FROM sessions WHERE wake_at <= now() "
    "AND fired_version < tripwire_version AND closed_at IS NULL "
    "ORDER BY wake_at LIMIT :most FOR UPDATE SKIP LOCKED) "
    "UPDATE sessions s SET "
    "fired_version = CASE WHEN crossed.yes THEN s.tripwire_version ELSE s.fired_version END, "
    "wake_at = CASE WHEN crossed.yes OR s.ended_at IS NOT NULL OR s.ended_by_us_at IS NOT NULL "
    "THEN NULL ELSE least(s.limit_at, crossed.silent_at) END "
    "FROM due CROSS JOIN LATERAL (SELECT "
    "coalesce(d.last_seen_at, d.started_at, d.created_at) "
    "+ d.silence_s * interval '1 second' AS silent_at, "
    "d.ended_at IS NULL AND d.ended_by_us_at IS NULL AND ("
    "coalesce(d.limit_at <= now(), false) OR "
    "coalesce(coalesce(d.last_seen_at, d.started_at, d.created_at) "
    "+ d.silence_s * interval '1 second' <= now(), false)) AS yes "
    "FROM sessions d WHERE d.id = due.id) crossed "
    "WHERE s.id = due.id "
    "RETURNING s.id, s.organization_id, s.tripwire_version, crossed.yes"
)


async def fire_due(db: AsyncSession) -> int:
    """Fire what is due and push on what is not; returns how many were looked at."""
    rows = (await db.execute(DUE, {"most": BATCH})).all()
    fired = [row for row in rows if row.yes]
    for row in fired:
        await tell(
            db,
            row.organization_id,
            session_workflow_id(row.id),
            operation="signal",
            name=TRIPWIRE_CROSSED,
            message=TripwireSignal(
                event_id=tripwire_event_id(row.id, row.tripwire_version),
                version=row.tripwire_version,
            ),
        )
    if fired:
        await notify(db, ["outbox"])
    return len(rows)
