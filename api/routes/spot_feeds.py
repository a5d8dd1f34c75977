"""Market prices by the hour or quarter-hour: feeds, and what each said."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints, field_serializer

from api.routes.fields import NAME_SAID, Currency, Input, Line, Name, Output, PriceInstant
from holdfast.contracts.ports import SpotInterval
from holdfast.domain.tariff.version import NAME
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page, page_of
from holdfast.http.principal import Reader, TariffWriter
from holdfast.http.problems import invalid
from holdfast.http.wrong_values import Said
from holdfast.services import spot_prices

router = APIRouter(prefix="/spot-feeds", tags=["tariffs"], route_class=IdempotentRoute)

PRICES_MAX = 5_000
SPAN_MAX = timedelta(days=40)
LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (15, 30, 60))

Key = Annotated[
    str,
    StringConstraints(pattern=f"^{NAME.pattern}$"),
    Said(NAME_SAID),
    Field(description="What a tariff's `spot.feed` names, and a file: DE-LU, say."),
]


class FeedShown(Output):
    """A market's prices. `problem`: what is wrong with what it said last."""

    id: UUID
    key: str
    name: str
    currency: str
    time_zone: str
    source: Literal["file", "api"]
    read_at: datetime | None
    problem: str | None
    created_at: datetime
    retired_at: datetime | None


class NewFeed(Input):
    """`file`: the workers read `<key>.csv` or `<key>.json` of the installation's folder every hour.
    `api`: clients write its prices. `time_zone`: the market's own, for its days."""

    key: Key
    name: Name
    currency: Currency
    source: Literal["file", "api"]
    time_zone: Line = "Europe/Brussels"


class PriceForm(Input):
    """The market's price per kWh for an hour, a half or a quarter of one; below zero it pays."""

    starts_at: PriceInstant
    ends_at: PriceInstant
    price: Annotated[Decimal, Field(ge=-1_000, le=1_000, max_digits=16, decimal_places=12)]


class PricesForm(Input):
    """Prices to write, in any order, at most a few weeks at once."""

    prices: Annotated[list[PriceForm], Field(min_length=1, max_length=PRICES_MAX)]


class PricesWritten(Output):
    """`differing` counts prices that are not what the feed said first: the first word stays."""

    written: int
    known: int
    differing: int


class SpotPriceShown(Output):
    """Exact, in the feed's currency per kWh."""

    starts_at: datetime
    ends_at: datetime
    price: Decimal

    @field_serializer("price")
    def _plain(self, price: Decimal) -> str:
        return f"{price.normalize():f}"


@router.get("")
async def list_feeds(
    db: Db,
    reader: Reader,
    asked: Asked,
    retired: Annotated[bool, Query(description="Those that were retired, too.")] = False,
) -> Page[FeedShown]:
    """Oldest first."""
    rows = await spot_prices.list_feeds(db, reader.organization_id, asked, retired=retired)
    return page(rows, FeedShown.model_validate)


@router.post("", status_code=201)
async def make_feed(new: NewFeed, db: Db, writer: TariffWriter) -> FeedShown:
    """A feed; a retired one of this key comes back with its prices."""
    row = await spot_prices.create_feed(
        db,
        writer.organization_id,
        spot_prices.NewFeed(**new.model_dump()),
        actor=writer.actor,
    )
    return FeedShown.model_validate(row)


@router.get("/{key}")
async def read_feed(key: Key, db: Db, reader: Reader) -> FeedShown:
    """One feed, a retired one too."""
    row = await spot_prices.find_feed(db, reader.organization_id, key)
    return FeedShown.model_validate(row)


@router.post("/{key}/retire")
async def retire_feed(key: Key, db: Db, writer: TariffWriter) -> FeedShown:
    """Nothing more is read or written; sessions of its time keep its prices."""
    row = await spot_prices.retire_feed(
        db, writer.organization_id, key, now=datetime.now(UTC), actor=writer.actor
    )
    return FeedShown.model_validate(row)


@router.put("/{key}/prices")
async def put_prices(key: Key, form: PricesForm, db: Db, writer: TariffWriter) -> PricesWritten:
    """Of a feed whose source is `api`. The first word counts; another one changes nothing, is the
    feed's `problem`, and asks a person."""
    intervals = [
        SpotInterval(starts_at=each.starts_at, ends_at=each.ends_at, price=each.price)
        for each in form.prices
    ]
    for number, each in enumerate(intervals):
        if each.ends_at - each.starts_at not in LENGTHS or not _on_a_quarter(each.starts_at):
            raise invalid(
                f"prices[{number}].ends_at",
                each.ends_at.isoformat(),
                "a price is of an hour, a half or a quarter of one, and begins on a quarter",
            )
    done = await spot_prices.put_prices(
        db,
        writer.organization_id,
        key,
        intervals,
        now=datetime.now(UTC),
        actor=writer.actor,
    )
    return PricesWritten(written=done.written, known=done.known, differing=len(done.differing))


@router.get("/{key}/prices")
async def list_prices(
    *,
    key: Key,
    db: Db,
    reader: Reader,
    asked: Asked,
    from_at: Annotated[
        PriceInstant | None, Query(alias="from", description="Now by default.")
    ] = None,
    until_at: Annotated[
        PriceInstant | None, Query(alias="to", description="Two days after `from` by default.")
    ] = None,
) -> Page[SpotPriceShown]:
    """What the feed said of a span of at most 40 days, oldest first. A hole has no price."""
    from_at = from_at or datetime.now(UTC)
    if until_at is None:
        until_at = from_at + timedelta(days=2)
    if not timedelta(0) < until_at - from_at <= SPAN_MAX:
        raise invalid(
            "query.to",
            until_at.isoformat(),
            f"use a time after `from`, at most {SPAN_MAX.days} days later",
        )
    found = await spot_prices.read_prices(db, reader.organization_id, key, from_at, until_at)
    return page_of(
        found,
        asked,
        lambda each: UUID(int=int(each.starts_at.timestamp())),
        SpotPriceShown.model_validate,
    )


def _on_a_quarter(at: datetime) -> bool:
    return not (at.minute % 15 or at.second or at.microsecond)
