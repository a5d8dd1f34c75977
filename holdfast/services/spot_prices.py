"""Market prices: feeds, what each said, and the curves that pricing takes.

The first word counts. What a feed says otherwise later changes nothing: it is a problem of the
feed's, and a person is asked, since sessions may have been priced with the first.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import spot_feeds as contract
from holdfast.contracts.names import spot_feed_workflow_id
from holdfast.contracts.ports import SpotInterval
from holdfast.domain.currency import Currency, UnknownCurrency
from holdfast.domain.pricing.context import SpotCurve
from holdfast.domain.tariff.version import NAME
from holdfast.domain.time_zone import UnknownZone, time_zone
from holdfast.services import audit
from holdfast.services.outbox import notify, tell
from holdfast.services.refusal import Conflict, Invalid, NotFound, TooMany
from holdfast.services.review_tasks import ask_for_review
from holdfast.services.scope import belongs, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.store.tables import Organization, SpotFeed, SpotPriceRow

FEEDS_MAX = 100
INTERVALS_MAX = 50_000
CURVE_PRICES_MAX = 200_000
AROUND = timedelta(hours=1)  # the longest interval
CHUNK = 5_000
FILE, API = "file", "api"
REVIEW = "spot_prices_differ"
PROBLEM_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of intervals: written now, known already, refused as another word."""

    written: int
    known: int
    differing: tuple[SpotInterval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFeed:
    """A feed as somebody asks for it."""

    key: str
    name: str
    currency: str
    source: str
    time_zone: str


def start_message(
    feed: SpotFeed, organization: Organization, *, rebuilt: bool = False
) -> contract.StartSpotFeed:
    """What starts the workflow of a feed that is read from a file."""
    return contract.StartSpotFeed(
        feed_id=feed.id,
        organization=organization.slug,
        organization_id=organization.id,
        feed=feed.key,
        rebuilt=rebuilt,
    )


async def create_feed(
    db: AsyncSession, organization_id: UUID, new: NewFeed, *, actor: str
) -> SpotFeed:
    """A feed, or a retired one of this key again with its prices. Audited.

    Raises Invalid, Conflict (the key is in use, or had another currency), TooMany.
    """
    _check(new)
    await db.execute(  # one at a time, so that the number of feeds is what it was
        select(Organization.id).where(Organization.id == organization_id).with_for_update()
    )
    known = await db.scalar(owned(SpotFeed, organization_id).where(SpotFeed.key == new.key))
    again = known is not None
    if known is not None and known.retired_at is None:
        raise Conflict(f"there is a feed {new.key!r} already")
    if known is not None and known.currency != new.currency:
        raise Conflict(f"the retired feed {new.key!r} was in {known.currency}: use another key")
    if await _count(db, organization_id) >= FEEDS_MAX:
        raise TooMany(f"an organization has at most {FEEDS_MAX} feeds of market prices")
    feed = known or SpotFeed(organization_id=organization_id, key=new.key, currency=new.currency)
    feed.name, feed.source, feed.time_zone = new.name, new.source, new.time_zone
    feed.retired_at = feed.problem = None
    db.add(feed)
    await db.flush()
    await db.refresh(feed)
    if feed.source == FILE:
        organization = await db.get_one(Organization, organization_id)
        await tell(
            db,
            organization_id,
            spot_feed_workflow_id(feed.id),
            operation="start",
            name=contract.WORKFLOW,
            message=start_message(feed, organization, rebuilt=again),
        )
    details = {"key": feed.key, "currency": feed.currency, "source": feed.source}
    await _audit(db, feed, actor, "create", details)
    await notify(db, ["tariffs", "outbox"])
    return feed


async def retire_feed(
    db: AsyncSession, organization_id: UUID, key: str, *, now: datetime, actor: str
) -> SpotFeed:
    """Nothing more is read or written; its prices stay for sessions of their time. Audited.

    Raises NotFound.
    """
    feed = await find_feed(db, organization_id, key, lock=True)
    if feed.retired_at is None:
        feed.retired_at = now
        await db.flush()
        if feed.source == FILE:
            await look_now(db, feed, f"retired:{now.isoformat()}")
        await _audit(db, feed, actor, "retire", {"key": feed.key})
        await notify(db, ["tariffs", "outbox"])
    return feed


async def look_now(db: AsyncSession, feed: SpotFeed, event_id: str) -> None:
    """Tell the feed's workflow that something changed."""
    await tell(
        db,
        feed.organization_id,
        spot_feed_workflow_id(feed.id),
        operation="signal",
        name=contract.FEED_CHANGED,
        message=contract.EventSignal(event_id=event_id),
    )


async def find_feed(
    db: AsyncSession, organization_id: UUID, key: str, *, lock: bool = False
) -> SpotFeed:
    """By its key, retired ones too. Raises NotFound."""
    statement = owned(SpotFeed, organization_id).where(SpotFeed.key == key)
    feed = await db.scalar(statement.with_for_update() if lock else statement)
    if feed is None:
        raise NotFound("feed of market prices", key)
    return feed


async def known_feed(db: AsyncSession, feed_id: UUID, *, lock: bool = False) -> SpotFeed:
    """By its id, for who was told it by a row. Raises NotFound."""
    feed = await db.get(SpotFeed, feed_id, with_for_update=lock or None)
    if feed is None:
        raise NotFound("feed of market prices", feed_id)
    return feed


async def list_feeds(
    db: AsyncSession, organization_id: UUID, asked: SliceAsked, *, retired: bool = False
) -> Slice[SpotFeed]:
    """Oldest first."""
    statement = owned(SpotFeed, organization_id)
    if not retired:
        statement = statement.where(SpotFeed.retired_at.is_(None))
    return await take(db, statement, SpotFeed.id, asked)


async def put_prices(
    db: AsyncSession,
    organization_id: UUID,
    key: str,
    intervals: Sequence[SpotInterval],
    *,
    now: datetime,
    actor: str,
) -> Written:
    """Prices from a client of the API. Audited. Raises NotFound, Invalid, Conflict (retired, or
    its source is a file)."""
    feed = await find_feed(db, organization_id, key, lock=True)
    if feed.retired_at is not None:
        raise Conflict("the feed is retired")
    if feed.source != API:
        raise Conflict("the feed is read from a file: only a feed of source api takes prices")
    done = await write_prices(db, feed, intervals)
    await see_problem(db, feed, None, done.differing)
    feed.read_at = now
    details = {"written": done.written, "known": done.known, "differing": len(done.differing)}
    await _audit(db, feed, actor, "prices", {"key": key, **details})
    await notify(db, ["tariffs"])
    return done


async def write_prices(
    db: AsyncSession, feed: SpotFeed, intervals: Iterable[SpotInterval]
) -> Written:
    """Into a locked feed; the first word counts. Raises Invalid: too many, or one into another."""
    told = sorted(intervals, key=lambda each: each.starts_at)
    if len(told) > INTERVALS_MAX:
        raise Invalid("prices", f"{len(told)} prices", f"send at most {INTERVALS_MAX} at once")
    for before, after in pairwise(told):
        if after.starts_at < before.ends_at:
            raise Invalid("prices", after.starts_at.isoformat(), "two prices count at that time")
    if not told:
        return Written(written=0, known=0, differing=())
    stored = await _stored(db, feed, told[0].starts_at - AROUND, told[-1].ends_at)
    new: list[SpotInterval] = []
    differing: list[SpotInterval] = []
    starts = [each.starts_at for each in stored]
    for interval in told:
        # Stored ones do not overlap: only the last that starts before this one's end can.
        number = bisect_right(starts, interval.ends_at - timedelta(microseconds=1)) - 1
        other = stored[number] if number >= 0 else None
        if other is None or other.ends_at <= interval.starts_at:
            new.append(interval)
        elif other != interval:
            differing.append(interval)
    for first in range(0, len(new), CHUNK):
        await db.execute(
            insert(SpotPriceRow),
            [
                {
                    "feed_id": feed.id,
                    "organization_id": feed.organization_id,
                    "starts_at": each.starts_at,
                    "ends_at": each.ends_at,
                    "price": f"{each.price.normalize():f}",
                }
                for each in new[first : first + CHUNK]
            ],
        )
    known = len(told) - len(new) - len(differing)
    return Written(written=len(new), known=known, differing=tuple(differing))


async def see_problem(
    db: AsyncSession, feed: SpotFeed, problem: str | None, differing: Sequence[SpotInterval]
) -> None:
    """Write the feed's problem. Another word than the first is a task for a person too, once."""
    said = [] if problem is None else [problem]
    if differing:
        first = differing[0]
        said.insert(
            0,
            f"prices that are not what the feed said first: {len(differing)}, from "
            f"{first.starts_at:%Y-%m-%dT%H:%MZ} on; the first word stays",
        )
    text = "; ".join(said)[:PROBLEM_LENGTH_MAX] or None
    if differing and text != feed.problem:
        details = {"feed": feed.key, "prices": len(differing), "from": first.starts_at.isoformat()}
        await ask_for_review(
            db,
            feed.organization_id,
            kind=REVIEW,
            subject=f"spot_feed:{feed.id}",
            details=details,
        )
    feed.problem = text
    await db.flush()


async def read_prices(
    db: AsyncSession, organization_id: UUID, key: str, from_at: datetime, until_at: datetime
) -> list[SpotInterval]:
    """What a feed said of a span, oldest first; at most `INTERVALS_MAX`. Raises NotFound."""
    feed = await find_feed(db, organization_id, key)
    return await _stored(db, feed, from_at, until_at)


async def curves(
    db: AsyncSession,
    organization_id: UUID,
    feeds: Iterable[str],
    from_at: datetime,
    until_at: datetime,
    *,
    known_at: datetime | None = None,
) -> Mapping[str, SpotCurve]:
    """The curves of these feeds that touch the span, by key; a feed without prices there has none.
    `known_at`: of what was written by then alone.

    A hole stays a hole. At most `CURVE_PRICES_MAX` prices in all, about two years of three feeds.
    """
    wanted = sorted(set(feeds))
    if not wanted:
        return {}
    known = true() if known_at is None else SpotPriceRow.written_at <= known_at
    rows = await db.execute(
        select(SpotFeed.key, SpotPriceRow.starts_at, SpotPriceRow.ends_at, SpotPriceRow.price)
        .join(SpotFeed, SpotFeed.id == SpotPriceRow.feed_id)
        .where(
            belongs(SpotFeed, organization_id),
            SpotFeed.key.in_(wanted),
            SpotPriceRow.starts_at > from_at - AROUND,
            SpotPriceRow.starts_at < until_at,
            SpotPriceRow.ends_at > from_at,
            known,
        )
        .order_by(SpotFeed.key, SpotPriceRow.starts_at)
        .limit(CURVE_PRICES_MAX)
    )
    found: dict[str, list[tuple[datetime, datetime, Decimal]]] = {}
    for key, starts_at, ends_at, price in rows:
        found.setdefault(key, []).append((starts_at, ends_at, Decimal(price)))
    return {key: SpotCurve.of(intervals) for key, intervals in found.items()}


async def known_until(db: AsyncSession, feed: SpotFeed) -> datetime | None:
    """The end of the feed's last price."""
    return await db.scalar(
        select(func.max(SpotPriceRow.ends_at)).where(
            belongs(SpotPriceRow, feed.organization_id), SpotPriceRow.feed_id == feed.id
        )
    )


def zone_of(feed: SpotFeed) -> ZoneInfo:
    """The market's own zone; it was checked when the feed was made."""
    return time_zone(feed.time_zone)


async def _stored(
    db: AsyncSession, feed: SpotFeed, from_at: datetime, until_at: datetime
) -> list[SpotInterval]:
    rows = await db.execute(
        select(SpotPriceRow.starts_at, SpotPriceRow.ends_at, SpotPriceRow.price)
        .where(
            belongs(SpotPriceRow, feed.organization_id),
            SpotPriceRow.feed_id == feed.id,
            SpotPriceRow.starts_at > from_at - AROUND,
            SpotPriceRow.starts_at < until_at,
            SpotPriceRow.ends_at > from_at,
        )
        .order_by(SpotPriceRow.starts_at)
    )
    return [
        SpotInterval(starts_at=starts_at, ends_at=ends_at, price=Decimal(price))
        for starts_at, ends_at, price in rows
    ]


async def _count(db: AsyncSession, organization_id: UUID) -> int:
    statement = select(func.count()).select_from(SpotFeed)
    count = await db.scalar(
        statement.where(belongs(SpotFeed, organization_id), SpotFeed.retired_at.is_(None))
    )
    return count or 0


def _check(new: NewFeed) -> None:
    if not NAME.fullmatch(new.key):
        raise Invalid("key", new.key, "use letters, digits, '-', '_' and '.', as in DE-LU")
    if new.source not in (FILE, API):
        raise Invalid("source", new.source, "use file or api")
    try:
        Currency.of(new.currency)
    except UnknownCurrency:
        raise Invalid("currency", new.currency, "use an ISO 4217 code such as EUR") from None
    try:
        time_zone(new.time_zone)
    except UnknownZone:
        raise Invalid("time_zone", new.time_zone, "use a name such as Europe/Brussels") from None


async def _audit(
    db: AsyncSession, feed: SpotFeed, actor: str, verb: str, details: Mapping[str, object]
) -> None:
    await audit.record(
        db,
        feed.organization_id,
        actor=actor,
        action=f"spot_feed.{verb}",
        subject=f"spot_feed:{feed.id}",
        details=details,
    )
