"""Market prices: each feed's curve, how far it goes, and what is wrong with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func
from starlette.responses import JSONResponse, Response

from holdfast.contracts.names import spot_feed_workflow_id
from holdfast.contracts.ports import SpotInterval
from holdfast.services.scope import owned
from holdfast.services.slices import SliceAsked
from holdfast.services.spot_prices import (
    FEEDS_MAX,
    FILE,
    NewFeed,
    create_feed,
    find_feed,
    list_feeds,
    read_prices,
    retire_feed,
)
from holdfast.store.tables import SpotFeed, SpotPriceRow
from web.dashboard.tariff_suggestions import time_zones
from web.dashboard.tariff_what_if import midnight
from web.live_page import bounded
from web.visit import Visit, back_to
from web.wording import Badge

DAY = timedelta(days=1)
DAYS = 3
READ_LATE = timedelta(hours=3)
GOOD = Badge("Prices are there", "good", "check")
OLD = Badge("No price now", "bad", "alert")
EMPTY = Badge("No prices yet", "wait", "clock")
PROBLEM = Badge("Problem", "bad", "alert")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLine:
    """A feed for people. `until_at`: where its prices end; `late`: it was not read for long."""

    feed: SpotFeed
    badge: Badge
    until_at: datetime | None
    late: bool
    workflow_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """A price of the table; `hole` where nothing is known before it."""

    interval: SpotInterval
    price: str
    hole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """The page: all feeds, and one of them in full."""

    lines: tuple[FeedLine, ...]
    chosen: FeedLine | None
    prices: tuple[PriceLine, ...]
    from_at: datetime
    until_at: datetime


async def show_market(visit: Visit) -> Response:
    """GET /tariffs/market; `?feed=` chooses which one is shown in full."""
    now, organization_id = visit.desk.pages.now(), visit.viewer.organization_id
    feeds = await list_feeds(visit.db, organization_id, SliceAsked(limit=FEEDS_MAX), retired=False)
    ends = await visit.db.execute(
        owned(SpotPriceRow, organization_id)
        .where(SpotPriceRow.feed_id.in_([feed.id for feed in feeds.items]))
        .with_only_columns(SpotPriceRow.feed_id, func.max(SpotPriceRow.ends_at))
        .group_by(SpotPriceRow.feed_id)
    )
    until: dict[UUID, datetime] = {feed_id: at for feed_id, at in ends}
    lines = tuple(_line(visit, feed, until.get(feed.id), now) for feed in feeds.items)
    asked = bounded(visit.request.query_params).get("feed")
    chosen = next((line for line in lines if line.feed.key == asked), lines[0] if lines else None)
    from_at, *_, until_at = midnights(now, "UTC" if chosen is None else chosen.feed.time_zone)
    found: list[SpotInterval] = []
    if chosen is not None:
        found = await read_prices(visit.db, organization_id, chosen.feed.key, from_at, until_at)
    view = MarketView(
        lines=lines,
        chosen=chosen,
        prices=tuple(
            PriceLine(
                interval=each,
                price=f"{each.price.normalize():f}",
                hole=number > 0 and found[number - 1].ends_at < each.starts_at,
            )
            for number, each in enumerate(found)
        ),
        from_at=from_at,
        until_at=until_at,
    )
    return visit.page("tariff_market.html", view=view, zones=time_zones())


async def show_prices(visit: Visit) -> Response:
    """GET /tariffs/market/{key}/prices: what the chart draws; a hole is a null.

    Prices become floats here, for a pixel; no price is read from them.
    """
    feed = await find_feed(visit.db, visit.viewer.organization_id, visit.request.path_params["key"])
    now = visit.desk.pages.now()
    from_at, *between, until_at = midnights(now, feed.time_zone)
    found = await read_prices(visit.db, feed.organization_id, feed.key, from_at, until_at)
    at: list[int] = []
    price: list[float | None] = []
    ends_at: datetime | None = None
    for each in found:
        if ends_at is not None and ends_at < each.starts_at:
            at.append(int(ends_at.timestamp()))
            price.append(None)
        at.append(int(each.starts_at.timestamp()))
        price.append(float(each.price))
        ends_at = each.ends_at
    if ends_at is not None:
        at.append(int(ends_at.timestamp()))
        price.append(price[-1])
    return JSONResponse(
        {
            "at": at,
            "price": price,
            "now": int(now.timestamp()),
            "from": int(from_at.timestamp()),
            "midnights": [int(each.timestamp()) for each in between],
            "until": int(until_at.timestamp()),
        }
    )


async def add_feed(visit: Visit) -> Response:
    """POST /tariffs/market"""
    form = visit.form
    feed = await create_feed(
        visit.db,
        visit.viewer.organization_id,
        NewFeed(
            key=form.get("key", "").strip(),
            name=form.get("name", "").strip()[:200] or form.get("key", "").strip(),
            currency=form.get("currency", "").strip().upper(),
            source=form.get("source", ""),
            time_zone=form.get("time_zone", "").strip(),
        ),
        actor=visit.viewer.actor,
    )
    return back_to(f"/tariffs/market?feed={feed.key}", f"The feed {feed.key} is there.")


async def retire(visit: Visit) -> Response:
    """POST /tariffs/market/{key}/retire"""
    feed = await retire_feed(
        visit.db,
        visit.viewer.organization_id,
        visit.request.path_params["key"],
        now=visit.desk.pages.now(),
        actor=visit.viewer.actor,
    )
    return back_to("/tariffs/market", f"The feed {feed.key} is retired; its prices are kept.")


def midnights(now: datetime, zone: str) -> tuple[datetime, ...]:
    """Where yesterday, today and tomorrow of a market begin, and where tomorrow ends."""
    first = now.astimezone(ZoneInfo(zone)).date() - DAY
    return tuple(midnight(first + number * DAY, zone) for number in range(DAYS + 1))


def _line(visit: Visit, feed: SpotFeed, until_at: datetime | None, now: datetime) -> FeedLine:
    badge = GOOD
    if until_at is None:
        badge = EMPTY
    elif until_at <= now:
        badge = OLD
    elif feed.problem is not None:
        badge = PROBLEM
    file = feed.source == FILE
    return FeedLine(
        feed=feed,
        badge=badge,
        until_at=until_at,
        late=file and (feed.read_at or feed.created_at) < now - READ_LATE,
        workflow_url=visit.desk.temporal_url(spot_feed_workflow_id(feed.id)) if file else None,
    )
