"""EVSEs where nothing, or the wrong thing, would be paid."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.routes.fields import Output
from holdfast.http.database import Db
from holdfast.http.idempotency import IdempotentRoute
from holdfast.http.pagination import Asked, Page, page
from holdfast.http.principal import Reader
from holdfast.services.price_gaps import Gap, GapKind, GapPlace, list_gaps, read_cover
from holdfast.services.tariff_choice import Audience

router = APIRouter(prefix="/price-gaps", tags=["tariffs"], route_class=IdempotentRoute)


class PriceGapShown(Output):
    """What is missing. `from_at`: when a version's end makes it so, within 7 days; null: now.

    `no_price`: nothing for whoever pays ad hoc, and so nothing for everybody: charging is free.
    `only_ad_hoc`: a driver whose account and group have no tariff charges for free.
    `other_currency`: `tariff`, in `currency`, applies to somebody of that `audience`.
    """

    kind: GapKind
    from_at: datetime | None
    tariff: UUID | None
    tariff_name: str | None
    currency: str | None
    audience: Audience | None


class PriceGapPlace(Output):
    """An EVSE, by its station's OCPP identity and its number, and what is missing there."""

    station: str
    evse: int
    site: UUID | None
    site_name: str | None
    site_currency: str | None
    gaps: list[PriceGapShown]


class GapCount(Output):
    """How many EVSEs have a gap of that kind now, and how many will within 7 days."""

    kind: GapKind
    now: int
    soon: int


class PriceGapPage(Page[PriceGapPlace]):
    """A page of the list, and figures of all of it.

    `assigned` false: no tariff is assigned anywhere, all charging is free, and nothing is listed.
    `evses`: in service (of accepted stations), `lacking` of which have a gap.
    """

    assigned: bool
    evses: int
    lacking: Annotated[int, Field(description="EVSEs with a gap of any kind, now or soon.")]
    counts: list[GapCount]


@router.get("")
async def list_price_gaps(
    db: Db,
    reader: Reader,
    asked: Asked,
    kind: Annotated[GapKind | None, Query(description="EVSEs with such a gap only.")] = None,
) -> PriceGapPage:
    """EVSEs without a price, for everybody or for ad hoc payment, now or when a version ends within
    the next 7 days, and those where a tariff in another currency than the site's applies.

    What applies is what `GET /quotes` would say there. Oldest EVSE first.
    """
    now = datetime.now(UTC)
    cover = await read_cover(db, reader.organization_id, now)
    rows = await list_gaps(db, reader.organization_id, asked, cover=cover, now=now, kind=kind)
    part = page(rows, _place)
    return PriceGapPage(
        items=part.items,
        next=part.next,
        assigned=cover.assigned,
        evses=cover.evses,
        lacking=cover.lacking,
        counts=[
            GapCount(kind=each, now=cover.now.get(each, 0), soon=cover.soon.get(each, 0))
            for each in GapKind
        ],
    )


def _place(row: GapPlace) -> PriceGapPlace:
    return PriceGapPlace(
        station=row.station,
        evse=row.evse,
        site=row.site_id,
        site_name=row.site,
        site_currency=row.site_currency,
        gaps=[_gap(gap) for gap in row.gaps],
    )


def _gap(gap: Gap) -> PriceGapShown:
    return PriceGapShown(
        kind=gap.kind,
        from_at=gap.from_at,
        tariff=None if gap.tariff is None else gap.tariff.id,
        tariff_name=None if gap.tariff is None else gap.tariff.name,
        currency=None if gap.tariff is None else gap.tariff.currency,
        audience=gap.audience,
    )
