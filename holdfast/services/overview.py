"""The figures of one organization at a glance, each by its own narrow query."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.price_matters import PriceMatters, recent_matters
from holdfast.services.scope import Row, belongs
from holdfast.services.sessions import is_running
from holdfast.services.stations import is_online
from holdfast.services.tariff_drafts import count_to_review
from holdfast.store.tables import (
    Gateway,
    LateFact,
    OutboxRow,
    Payment,
    Publication,
    Quarantined,
    ReviewTask,
    Session,
    Station,
    StationConnection,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What was taken from cards, in one currency."""

    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """`energy_wh` is of sessions that ended since `since` or still run, `captured` since then.

    `attention` counts what the Attention page lists: sessions and payments that wait for a person,
    open review tasks, open late facts, quarantined messages, parked outbox rows, publications that
    did not come everywhere, drafts that wait for this reader's approval, feeds of market prices
    that lack a day, and one each if EVSEs have no price and if sessions were free for want of a
    tariff. `prices` has those three, at most a minute old.
    """

    stations: int
    stations_online: int
    sessions_active: int
    energy_wh: int
    captured: tuple[Captured, ...]
    attention: int
    drafts_to_review: int
    prices: PriceMatters
    since: datetime


async def read_overview(
    db: AsyncSession,
    organization_id: UUID,
    *,
    now: datetime,
    lease_s: float,
    reviewer: str | None = None,
) -> Overview:
    """Of the UTC day of `now`; `lease_s` as of `stations.is_online`. `reviewer`: the actor who
    reads it, where they may approve drafts."""
    since = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    stations, online = (
        await db.execute(
            select(func.count(), func.count().filter(is_online(lease_s)))
            .select_from(Station)
            .outerjoin(StationConnection, StationConnection.station_id == Station.id)
            .outerjoin(Gateway, Gateway.boot_id == StationConnection.boot_id)
            .where(belongs(Station, organization_id), Station.retired_at.is_(None))
        )
    ).one()
    ended = func.coalesce(Session.ended_at, Session.ended_by_us_at)
    energy = await db.scalar(
        select(func.coalesce(func.sum(Session.energy_wh), 0)).where(
            belongs(Session, organization_id), or_(ended >= since, is_running())
        )
    )
    captured = await db.execute(
        select(Payment.currency, func.sum(Payment.captured_minor))
        .where(
            belongs(Payment, organization_id),
            Payment.state == "captured",
            func.coalesce(Payment.closed_at, Payment.changed_at) >= since,
        )
        .group_by(Payment.currency)
        .order_by(Payment.currency)
    )
    return Overview(
        stations=stations,
        stations_online=online,
        sessions_active=await _count(db, Session, organization_id, is_running()),
        energy_wh=int(energy or 0),
        captured=tuple(
            Captured(currency=currency, amount_minor=int(amount)) for currency, amount in captured
        ),
        attention=await count_attention(db, organization_id, now=now, reviewer=reviewer),
        drafts_to_review=await _to_review(db, organization_id, reviewer),
        prices=await recent_matters(db, organization_id, now),
        since=since,
    )


async def _to_review(db: AsyncSession, organization_id: UUID, reviewer: str | None) -> int:
    return 0 if reviewer is None else await count_to_review(db, organization_id, actor=reviewer)


async def count_attention(
    db: AsyncSession, organization_id: UUID, *, now: datetime, reviewer: str | None = None
) -> int:
    """How many things wait for a person: what the Attention page lists for this reader."""
    counts = [
        await _count(
            db,
            Session,
            organization_id,
            Session.attention.is_not(None),
            Session.closed_at.is_(None),
        ),
        await _count(db, Payment, organization_id, Payment.attention.is_not(None)),
        await _count(db, ReviewTask, organization_id, ReviewTask.resolved_at.is_(None)),
        await _count(db, LateFact, organization_id, LateFact.state == "open"),
        await _count(db, Quarantined, organization_id, Quarantined.state == "open"),
        await _count(
            db,
            OutboxRow,
            organization_id,
            OutboxRow.parked_at.is_not(None),
            OutboxRow.sent_at.is_(None),
        ),
        await _count(db, Publication, organization_id, Publication.attention.is_not(None)),
        await _to_review(db, organization_id, reviewer),
        (await recent_matters(db, organization_id, now)).count,
    ]
    return sum(counts)


async def _count(
    db: AsyncSession, table: type[Row], organization_id: UUID, *conditions: ColumnElement[Any]
) -> int:
    found = await db.scalar(
        select(func.count()).select_from(table).where(belongs(table, organization_id), *conditions)
    )
    return int(found or 0)
