"""What is wrong with an installation, in plain words, as far as the rows can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

OUTBOX_WAIT_MAX = timedelta(seconds=60)
GATEWAY_DAYS_SHOWN = 7
LATE_FACT_AGE_MAX = timedelta(hours=1)
REVIEW_AGE_MAX = timedelta(days=7)
PARTITION_MISSED = timedelta(days=2)
ATTENTION_NAMED = 10


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
    """A gateway whose lease ran out has lost its stations. Judged by its newest boot: one that
    was killed and started again, or said goodbye, is not missed."""
    rows = await db.execute(
        text(
            "SELECT gateway_id, seen_at > now() - make_interval(secs => :lease) AS alive, "
            "extract(epoch FROM now() - seen_at)::bigint AS silent_s FROM ("
            "SELECT DISTINCT ON (gateway_id) gateway_id, seen_at, ended_at FROM gateways "
            "ORDER BY gateway_id, started_at DESC, seen_at DESC) newest "
            "WHERE ended_at IS NULL AND seen_at > now() - make_interval(days => :days) "
            "ORDER BY gateway_id"
        ),
        {"lease": lease_s, "days": GATEWAY_DAYS_SHOWN},
    )
    newest = rows.all()
    alive = [row.gateway_id for row in newest if row.alive]
    lost = [f"{row.gateway_id} (for {age(row.silent_s)})" for row in newest if not row.alive]
    problem = None
    if not alive:
        problem = "No gateway runs: every station is offline. Start `holdfast gateway`."
    elif lost:
        problem = (
            f"Gone without saying goodbye: {', '.join(lost)}. Its stations reconnect to another "
            "gateway where they can; start it again. One that was taken away for good is "
            f"forgotten after {GATEWAY_DAYS_SHOWN} days."
        )
    return Finding(
        subject="gateways", state=f"{len(alive)} running, {len(lost)} lost", problem=problem
    )


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
            problem=f"{row.parked} rows cannot be sent and hold back their workflows: read them at "
            "GET /api/v1/outbox/parked, then POST retry or drop there, with a reason.",
        )
    if row.oldest is not None and now - row.oldest > OUTBOX_WAIT_MAX:
        age_s = int((now - row.oldest).total_seconds())
        return Finding(
            subject="outbox",
            state=state,
            problem=f"The oldest row waits since {age_s} s: are the workers and Temporal running?",
        )
    return Finding(subject="outbox", state=state)


async def look_at_open_decisions(db: AsyncSession, now: datetime) -> Sequence[Finding]:
    """What waits for a person, or should not have to."""
    row = await one(
        db,
        "SELECT (SELECT count(*) FROM quarantine WHERE state = 'open') AS quarantine, "
        "(SELECT count(*) FROM sessions WHERE attention IS NOT NULL AND closed_at IS NULL) "
        "+ (SELECT count(*) FROM payments WHERE attention IS NOT NULL AND closed_at IS NULL) "
        "AS attention",
    )
    named = await _named_attention(db) if row.attention else ""
    return (
        Finding(
            subject="quarantine",
            state=f"{row.quarantine} messages",
            problem="Messages could not be applied: replay or discard them on the Attention page."
            if row.quarantine
            else None,
        ),
        await _look_at_late_facts(db, now),
        await _look_at_reviews(db, now),
        Finding(
            subject="attention",
            state=f"{row.attention} sessions or payments",
            problem=f"Wait for a decision on the Attention page: {named}."
            if row.attention
            else None,
        ),
    )


async def _named_attention(db: AsyncSession) -> str:
    """The longest waiting by workflow id, with why, so that they can be looked up."""
    rows = (
        await db.execute(
            text(
                "SELECT 'session-' || id AS workflow_id, attention, created_at FROM sessions "
                "WHERE attention IS NOT NULL AND closed_at IS NULL "
                "UNION ALL SELECT 'payment-' || id, attention, created_at FROM payments "
                "WHERE attention IS NOT NULL AND closed_at IS NULL "
                "ORDER BY created_at LIMIT :shown"
            ),
            {"shown": ATTENTION_NAMED + 1},
        )
    ).all()
    named = [f"{row.workflow_id} ({row.attention})" for row in rows[:ATTENTION_NAMED]]
    return ", ".join([*named, "…"] if len(rows) > ATTENTION_NAMED else named)


async def count_stations(db: AsyncSession) -> int:
    """Those that may connect."""
    row = await one(db, "SELECT count(*) AS stations FROM stations WHERE retired_at IS NULL")
    return int(row.stations)


async def _look_at_late_facts(db: AsyncSession, now: datetime) -> Finding:
    """LateTruth takes a late fact into account within a minute; one that stays open needs help."""
    row = await one(
        db,
        "SELECT count(*) AS open, count(*) FILTER (WHERE received_at < :before) AS old, "
        "min(received_at) AS oldest FROM late_facts WHERE state = 'open'",
        before=now - LATE_FACT_AGE_MAX,
    )
    return Finding(
        subject="late facts",
        state=f"{row.open} open",
        problem=f"{row.old} came after their session was settled and are undecided, the oldest "
        f"for {age((now - row.oldest).total_seconds())}: apply or discard them on the Attention "
        "page. If their LateTruth workflows are gone, `holdfast rebuild` starts them."
        if row.old
        else None,
    )


async def _look_at_reviews(db: AsyncSession, now: datetime) -> Finding:
    """Money waits behind them, so that they may not be forgotten."""
    row = await one(
        db,
        "SELECT count(*) AS open, count(*) FILTER (WHERE created_at < :before) AS old, "
        "min(created_at) AS oldest FROM review_tasks WHERE resolved_at IS NULL",
        before=now - REVIEW_AGE_MAX,
    )
    return Finding(
        subject="review tasks",
        state=f"{row.open} open",
        problem=f"{row.old} wait for more than {age(REVIEW_AGE_MAX.total_seconds())}, the oldest "
        f"for {age((now - row.oldest).total_seconds())}: resolve them on the Attention page."
        if row.old
        else None,
    )


async def look_at_webhooks(db: AsyncSession, api_version: str) -> Finding:
    """A webhook endpoint of another API version sends other shapes than this code was tried on."""
    seen = await db.scalar(
        text("SELECT api_version FROM provider_events ORDER BY received_at DESC LIMIT 1")
    )
    return Finding(
        subject="payment webhooks",
        state="none yet" if seen is None else f"API version {seen}",
        problem=f"The endpoint is set to another API version than ours: make one with "
        f"{api_version} at the provider. Payments go on: each webhook is only a reason to look."
        if seen not in (None, api_version)
        else None,
    )


async def look_at_sessions(db: AsyncSession, lease_s: float) -> Finding:
    """Sessions whose station is silent are worth a look before their limits are."""
    row = await one(
        db,
        "SELECT count(*) AS active, count(*) FILTER (WHERE g.boot_id IS NULL) AS offline "
        "FROM sessions s LEFT JOIN station_connections c ON c.station_id = s.station_id "
        "LEFT JOIN gateways g ON g.boot_id = c.boot_id AND g.ended_at IS NULL "
        "AND g.seen_at > now() - make_interval(secs => :lease) "
        "WHERE s.started_at IS NOT NULL AND s.ended_at IS NULL AND s.closed_at IS NULL",
        lease=lease_s,
    )
    return Finding(
        subject="sessions",
        state=f"{row.active} active, {row.offline} of them at stations that are offline",
    )


async def look_at_partitions(db: AsyncSession, now: datetime) -> Finding:
    """Rows in a default partition mean that nobody made the day's partition in time."""
    row = await one(
        db,
        "SELECT EXISTS (SELECT FROM frames_default WHERE received_at > :since) "
        "OR EXISTS (SELECT FROM meter_values_default WHERE received_at > :since) AS astray",
        since=now - PARTITION_MISSED,
    )
    return Finding(
        subject="partitions",
        state="rows in a default partition" if row.astray else "in place",
        problem="Daily partitions were not made in time: are the workers running?"
        if row.astray
        else None,
    )


async def diagnose(
    db: AsyncSession, *, now: datetime, lease_s: float, api_version: str
) -> list[Finding]:
    """Everything that the rows can tell, problems and all. `api_version`: the payment provider's,
    as our client speaks it."""
    return [
        await look_at_gateways(db, lease_s),
        await look_at_outbox(db, now),
        *await look_at_open_decisions(db, now),
        await look_at_webhooks(db, api_version),
        await look_at_sessions(db, lease_s),
        await look_at_partitions(db, now),
    ]


def age(seconds: float) -> str:
    """ "90 s", "25 min", "7 h", "3 days": as people say it."""
    if seconds < 120:
        return f"{int(seconds)} s"
    if seconds < 7200:
        return f"{int(seconds // 60)} min"
    if seconds < 2 * 86_400:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86_400)} days"
