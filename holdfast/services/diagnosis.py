"""What is wrong with an installation, in plain words, as far as the rows can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

OUTBOX_WAIT_MAX = timedelta(seconds=60)
GATEWAY_DAYS_SHOWN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `problem` is None where all is well."""

    subject: str
    state: str
    problem: str | None = None


async def one(db: AsyncSession, query: str, **values: object) -> Any:
    """The only row of a query."""
    return (await db.execute(text(query), values)).one()


async def look_at_gateways(db: AsyncSession, lease_s: float) -> Finding:
    """A gateway whose lease ran out has lost its stations."""
    row = await one(
        db,
        "SELECT count(*) FILTER (WHERE seen_at > now() - make_interval(secs => :lease)) AS alive, "
        "count(*) FILTER (WHERE seen_at <= now() - make_interval(secs => :lease) "
        "AND seen_at > now() - make_interval(days => :days)) AS lost "
        "FROM gateways WHERE ended_at IS NULL",
        lease=lease_s,
        days=GATEWAY_DAYS_SHOWN,
    )
    state = f"{row.alive} running"
    if row.alive == 0:
        return Finding(
            subject="gateways",
            state=state,
            problem="No gateway runs: every station is offline. Start `holdfast gateway`.",
        )
    if row.lost:
        state += f", {row.lost} lost in the last day without saying goodbye"
    return Finding(subject="gateways", state=state)


async def look_at_outbox(db: AsyncSession, now: datetime) -> Finding:
    """It grows when Temporal or the workers are away, and parks what cannot be sent."""
    row = await one(
        db,
        "SELECT count(*) FILTER (WHERE parked_at IS NULL) AS unsent, "
        "min(due_at) FILTER (WHERE parked_at IS NULL AND due_at <= now()) AS oldest, "
        "count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked "
        "FROM outbox WHERE sent_at IS NULL",
    )
    state = f"{row.unsent} waiting, {row.parked} parked"
    if row.parked:
        return Finding(
            subject="outbox",
            state=state,
            problem=f"{row.parked} rows cannot be sent and hold back their workflows: read "
            "`outbox.error`.",
        )
    if row.oldest is not None and now - row.oldest > OUTBOX_WAIT_MAX:
        age_s = int((now - row.oldest).total_seconds())
        return Finding(
            subject="outbox",
            state=state,
            problem=f"The oldest row waits since {age_s} s: are the workers and Temporal running?",
        )
    return Finding(subject="outbox", state=state)


async def look_at_open_decisions(db: AsyncSession) -> Sequence[Finding]:
    """What waits for a person."""
    row = await one(
        db,
        "SELECT (SELECT count(*) FROM quarantine WHERE state = 'open') AS quarantine, "
        "(SELECT count(*) FROM late_facts WHERE state = 'open') AS late, "
        "(SELECT count(*) FROM review_tasks WHERE resolved_at IS NULL) AS reviews, "
        "(SELECT count(*) FROM sessions WHERE attention IS NOT NULL AND closed_at IS NULL) "
        "+ (SELECT count(*) FROM payments WHERE attention IS NOT NULL AND closed_at IS NULL) "
        "AS attention",
    )
    return (
        Finding(
            subject="quarantine",
            state=f"{row.quarantine} messages",
            problem="Messages could not be applied: replay or discard them on the Attention page."
            if row.quarantine
            else None,
        ),
        Finding(subject="late facts", state=f"{row.late} open"),
        Finding(subject="review tasks", state=f"{row.reviews} open"),
        Finding(
            subject="attention",
            state=f"{row.attention} sessions or payments",
            problem="Workflows wait for a decision: see the Attention page or the Temporal UI."
            if row.attention
            else None,
        ),
    )


async def look_at_sessions(db: AsyncSession) -> Finding:
    """Sessions whose station is silent are worth a look before their limits are."""
    row = await one(
        db,
        "SELECT count(*) AS active, count(*) FILTER (WHERE c.boot_id IS NULL) AS offline "
        "FROM sessions s LEFT JOIN station_connections c ON c.station_id = s.station_id "
        "WHERE s.started_at IS NOT NULL AND s.ended_at IS NULL AND s.closed_at IS NULL",
    )
    return Finding(
        subject="sessions",
        state=f"{row.active} active, {row.offline} of them at stations that are offline",
    )


async def look_at_partitions(db: AsyncSession) -> Finding:
    """Rows in a default partition mean that nobody made the day's partition in time."""
    row = await one(
        db,
        "SELECT EXISTS (SELECT FROM frames_default) OR EXISTS (SELECT FROM meter_values_default) "
        "AS astray",
    )
    return Finding(
        subject="partitions",
        state="rows in a default partition" if row.astray else "in place",
        problem="Daily partitions were not made in time: are the workers running?"
        if row.astray
        else None,
    )


async def diagnose(db: AsyncSession, *, now: datetime, lease_s: float) -> list[Finding]:
    """Everything that the rows can tell, problems and all."""
    return [
        await look_at_gateways(db, lease_s),
        await look_at_outbox(db, now),
        *await look_at_open_decisions(db),
        await look_at_sessions(db),
        await look_at_partitions(db),
    ]
