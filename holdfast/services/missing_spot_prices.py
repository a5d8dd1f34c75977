"""Feeds that lack a day's prices, as the workflow of those judges it that are read from a file.

What clients write by the API has no workflow that could say so, and no decision to do without a
day: it is missing until somebody writes it, or retires the feed.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.market_day import market_day
from holdfast.services.scope import belongs, owned
from holdfast.services.spot_prices import API, FEEDS_MAX, zone_of
from holdfast.store.tables import AuditEntry, SpotFeed, SpotPriceRow

DO_WITHOUT = "spot_feed.do_without"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingPrices:
    """A feed, the market's local day that should have prices and has not, and what its file's
    last reading met. `by_api`: clients write it."""

    key: str
    by_api: bool
    day: date
    problem: str | None


async def read_missing(
    db: AsyncSession, organization_id: UUID, now: datetime
) -> tuple[MissingPrices, ...]:
    """By key. A day that a person does without, in the Temporal UI, is not missing."""
    last_end = (
        select(SpotPriceRow.ends_at)
        .where(belongs(SpotPriceRow, organization_id), SpotPriceRow.feed_id == SpotFeed.id)
        .order_by(SpotPriceRow.starts_at.desc())  # they do not overlap: the last ends last
        .limit(1)
        .correlate(SpotFeed)
        .scalar_subquery()
    )
    rows = await db.execute(
        owned(SpotFeed, organization_id)
        .where(SpotFeed.retired_at.is_(None))
        .add_columns(last_end)
        .order_by(SpotFeed.key)
        .limit(FEEDS_MAX)
    )
    found: list[tuple[SpotFeed, date]] = []
    for feed, until_at in rows:
        day = market_day(now, until_at, zone_of(feed)).missing
        if day is not None:
            found.append((feed, day))
    if not found:
        return ()
    accepted = await _accepted(db, organization_id, found)
    return tuple(
        MissingPrices(key=feed.key, by_api=feed.source == API, day=day, problem=feed.problem)
        for feed, day in found
        if (_subject(feed), day.isoformat()) not in accepted
    )


async def _accepted(
    db: AsyncSession, organization_id: UUID, found: list[tuple[SpotFeed, date]]
) -> set[tuple[str, str]]:
    day = AuditEntry.details["missing"].astext
    rows = await db.execute(
        select(AuditEntry.subject, day).where(
            belongs(AuditEntry, organization_id),
            AuditEntry.subject.in_([_subject(feed) for feed, _ in found]),
            AuditEntry.action == DO_WITHOUT,
            day.in_({each.isoformat() for _, each in found}),
        )
    )
    return {(subject, missing) for subject, missing in rows}


def _subject(feed: SpotFeed) -> str:
    return f"spot_feed:{feed.id}"
