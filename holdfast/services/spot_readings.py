"""One reading of a feed's file: what it said, what is missing, and when to look again."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.ports import SpotPriceSource, SpotPricesUnreadable, SpotReading
from holdfast.contracts.spot_feeds import FeedDecision, FeedSeen
from holdfast.domain.market_day import market_day
from holdfast.services import audit
from holdfast.services.outbox import notify
from holdfast.services.refusal import Invalid
from holdfast.services.spot_prices import (
    known_feed,
    known_until,
    see_problem,
    write_prices,
    zone_of,
)
from holdfast.store.tables import SpotFeed


async def read(source: SpotPriceSource, key: str) -> SpotReading | str:
    """What the source says; a sentence where it has nothing that can be read."""
    try:
        return await source.read(key)
    except SpotPricesUnreadable as error:
        return str(error)


async def take(
    db: AsyncSession, feed_id: UUID, found: SpotReading | str | None, now: datetime
) -> FeedSeen:
    """Write what is new of a reading. Raises NotFound."""
    feed = await known_feed(db, feed_id, lock=True)
    if feed.retired_at is not None or found is None:
        return FeedSeen(retired=feed.retired_at is not None, again_s=60)
    before = (feed.problem, await known_until(db, feed))
    await _write(db, feed, found)
    feed.read_at = now
    until_at = await known_until(db, feed)
    day = market_day(now, until_at, zone_of(feed))
    if (feed.problem, until_at) != before:
        await notify(db, ["tariffs"])
    return FeedSeen(
        missing=None if day.missing is None else day.missing.isoformat(),
        problem=feed.problem,
        again_s=max(1, round((day.read_at - now).total_seconds())),
        until_at=until_at,
    )


async def note(db: AsyncSession, order: FeedDecision) -> None:
    """A decision from the Temporal UI, audited once per event. Raises NotFound."""
    feed = await known_feed(db, order.feed_id, lock=True)
    subject = f"spot_feed:{feed.id}"
    if await audit.noted(db, feed.organization_id, subject, order.event_id) is None:
        await audit.record(
            db,
            feed.organization_id,
            actor=audit.TEMPORAL_UI,
            action=f"spot_feed.{order.action}",
            subject=subject,
            reason=order.reason,
            details={"event_id": order.event_id, "missing": order.missing},
        )


async def _write(db: AsyncSession, feed: SpotFeed, found: SpotReading | str) -> None:
    if isinstance(found, str):
        await see_problem(db, feed, found, ())
        return
    if found.currency is not None and found.currency != feed.currency:
        text = f"its prices are in {found.currency}, the feed is in {feed.currency}"
        await see_problem(db, feed, text, ())
        return
    problem = None
    if found.left_out:
        were = "price was" if found.left_out == 1 else "prices were"
        problem = f"{found.left_out} {were} left out: {'; '.join(found.problems)}"
    try:
        done = await write_prices(db, feed, found.intervals)
    except Invalid as error:
        await see_problem(db, feed, str(error), ())
        return
    await see_problem(db, feed, problem, done.differing)
