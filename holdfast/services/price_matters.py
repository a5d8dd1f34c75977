"""What a person should know about prices: EVSEs without one, sessions that cost nothing for it,
and markets whose prices are missing.

Counted for the Attention page, and for figures that stand on every page: those may be a minute old.
An organization without a tariff charges nothing on purpose, and is told nothing of that.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.missing_spot_prices import MissingPrices, read_missing
from holdfast.services.price_gaps import read_cover
from holdfast.services.scope import belongs
from holdfast.services.sessions import free_without_tariff
from holdfast.store.tables import Session, Settlement, Tariff

LOOK_BACK = timedelta(days=7)
KEPT = timedelta(minutes=1)
KEPT_MAX = 256
UUID_TIME_SHIFT = 80
"""Below the 48 bits of a UUID version 7 that are its time in ms (RFC 9562, section 5.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMatters:
    """`evses` have a gap now or within a week; `sessions` of the days since `since` were settled
    at zero because no tariff was in force. `missing`: feeds of market prices that lack a day."""

    evses: int = 0
    sessions: int = 0
    missing: tuple[MissingPrices, ...] = ()
    since: datetime

    @property
    def count(self) -> int:
        """How many lines of the Attention page that makes."""
        return (self.evses > 0) + (self.sessions > 0) + self.feeds

    @property
    def feeds(self) -> int:
        """How many feeds lack a day."""
        return len(self.missing)


_kept: OrderedDict[UUID, tuple[datetime, PriceMatters]] = OrderedDict()


async def read_matters(db: AsyncSession, organization_id: UUID, now: datetime) -> PriceMatters:
    """As it is now."""
    since = datetime.combine((now - LOOK_BACK).astimezone(UTC).date(), time(), UTC)
    missing = await read_missing(db, organization_id, now)
    found = PriceMatters(since=since, missing=missing)
    priced = await db.scalar(
        select(Tariff.id)
        .where(belongs(Tariff, organization_id), Tariff.retired_at.is_(None))
        .limit(1)
    )
    if priced is not None:
        found = PriceMatters(
            evses=await _evses(db, organization_id, now),
            sessions=await _sessions(db, organization_id, since),
            missing=missing,
            since=since,
        )
    _kept.pop(organization_id, None)
    while len(_kept) >= KEPT_MAX:
        _kept.popitem(last=False)
    _kept[organization_id] = now, found
    return found


async def recent_matters(db: AsyncSession, organization_id: UUID, now: datetime) -> PriceMatters:
    """As it was at most a minute ago."""
    known = _kept.get(organization_id)
    if known is not None and abs(now - known[0]) < KEPT:
        return known[1]
    return await read_matters(db, organization_id, now)


async def _evses(db: AsyncSession, organization_id: UUID, now: datetime) -> int:
    """All of them, where tariffs were made and none is assigned."""
    cover = await read_cover(db, organization_id, now)
    return cover.lacking if cover.assigned else cover.evses


async def _sessions(db: AsyncSession, organization_id: UUID, since: datetime) -> int:
    """By id, which begins with the time at which the session became known and has an index."""
    first = UUID(int=int(since.timestamp() * 1_000) << UUID_TIME_SHIFT)
    found = await db.scalar(
        select(func.count())
        .select_from(Session)
        .join(Settlement, Settlement.session_id == Session.id)
        .where(
            belongs(Session, organization_id),
            Session.id >= first,
            Session.created_at >= since,
            Session.tariff_version_id.is_(None),
            free_without_tariff(),
        )
    )
    return int(found or 0)
