"""Where nothing, or the wrong thing, would be paid: EVSEs without a price now or within a week.

Asked of distinct places, not of EVSEs: all EVSEs of a site share one answer, unless their station
or they themselves have an assignment. Which assignments hold and which of them wins is said by
`tariff_choice` (`holds`, `rank`), what is in force by `domain.tariff.life`; a test compares the
answer with `choose` at every EVSE.

Counted are EVSEs of stations that are accepted and not retired. A station that has not told of its
EVSEs yet has none.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, case, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.assigned_prices import Assigned, AssignedPrices, read_assigned
from holdfast.services.scope import belongs, owned
from holdfast.services.slices import Slice, SliceAsked, take_rows
from holdfast.services.tariff_choice import Audience, holds
from holdfast.store.tables import Evse, Site, Station, Tariff, TariffAssignment


class GapKind(StrEnum):
    """What is missing at an EVSE."""

    NO_PRICE = "no_price"
    """Nothing for whoever pays ad hoc, and so nothing for everybody: charging is free. The
    alternative fuels regulation (EU) 2023/1804, article 5, wants an ad hoc price."""

    ONLY_AD_HOC = "only_ad_hoc"
    """Who pays ad hoc has a price; a driver whose account and group have none charges for free."""

    OTHER_CURRENCY = "other_currency"
    """A tariff in another currency than the site's applies to somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """`from_at` None: now. `tariff` and `audience`: whose currency is another than the site's.
    `idle`: a tariff that is assigned there, but prices nothing at that time."""

    kind: GapKind
    from_at: datetime | None = None
    tariff: Tariff | None = None
    idle: Tariff | None = None
    audience: Audience | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapPlace:
    """An EVSE and what is missing there."""

    station: str
    evse: int
    site_id: UUID | None
    site: str | None
    site_currency: str | None
    time_zone: str | None
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """How far an organization's prices reach. `assigned`: some tariff applies somewhere.

    `gaps` is by place: the EVSE, else the station, else the site, whichever is the closest with
    assignments of its own; None is every station without a site. `now` and `soon` count EVSEs by
    kind of gap, `lacking` those with any.
    """

    assigned: bool
    evses: int = 0
    lacking: int = 0
    now: Mapping[GapKind, int] = field(default_factory=dict)
    soon: Mapping[GapKind, int] = field(default_factory=dict)
    gaps: Mapping[UUID | None, tuple[Gap, ...]] = field(default_factory=dict)


async def read_cover(db: AsyncSession, organization_id: UUID, now: datetime) -> Cover:
    """A fixed number of queries; the work grows with the assignments and the sites."""
    prices = await read_assigned(db, organization_id, now)
    own = _OwnPlaces(organization_id, now)
    if not prices.tariffs:
        return Cover(assigned=False, evses=await db.scalar(own.select(func.count())) or 0)
    columns = own.place, Station.site_id, own.station, own.evse, Site.currency
    rows = await db.execute(own.select(*columns, func.count()).group_by(*columns))
    evses = lacking = 0
    gaps: dict[UUID | None, tuple[Gap, ...]] = {}
    at_once: Counter[GapKind] = Counter()
    later: Counter[GapKind] = Counter()
    for place_id, site_id, station_id, evse, currency, count in rows:
        evses += count
        found = _gaps(prices, prices.at(site_id, station_id, evse), currency)
        if not found:
            continue
        gaps[place_id] = found
        lacking += count
        for gap in found:
            (at_once if gap.from_at is None else later)[gap.kind] += count
    return Cover(assigned=True, evses=evses, lacking=lacking, now=at_once, soon=later, gaps=gaps)


async def list_gaps(
    db: AsyncSession,
    organization_id: UUID,
    asked: SliceAsked,
    *,
    cover: Cover,
    now: datetime,
    kind: GapKind | None = None,
) -> Slice[GapPlace]:
    """EVSEs with a gap (of a kind), in the order in which they became known. `cover`: as it was
    read at `now`."""
    wanted = {
        place_id: gaps
        for place_id, gaps in cover.gaps.items()
        if kind is None or any(gap.kind is kind for gap in gaps)
    }
    if not wanted:
        return Slice(items=[], next=None)
    own = _OwnPlaces(organization_id, now)
    ids = [place_id for place_id in wanted if place_id is not None]
    here = own.place == any_(cast(ids, ARRAY(Uuid())))
    statement = own.select(
        own.place,
        Station.identity,
        Evse.number,
        Station.site_id,
        Site.name,
        Site.currency,
        Site.time_zone,
    ).where(or_(here, own.place.is_(None)) if None in wanted else here)
    rows = await take_rows(db, statement, Evse.id, asked)
    return Slice(
        items=[
            GapPlace(
                station=row[1],
                evse=row[2],
                site_id=row[3],
                site=row[4],
                site_currency=row[5],
                time_zone=row[6],
                gaps=wanted[row[0]],
            )
            for row in rows.items
        ],
        next=rows.next,
    )


class _OwnPlaces:
    """EVSEs in service, each with the closest thing of it that has assignments of its own."""

    def __init__(self, organization_id: UUID, at: datetime) -> None:
        held = select(TariffAssignment).where(belongs(TariffAssignment, organization_id), holds(at))
        stations = (
            held.with_only_columns(TariffAssignment.station_id)
            .where(TariffAssignment.station_id.is_not(None))
            .distinct()
            .subquery("own_stations")
        )
        evses = (
            held.with_only_columns(TariffAssignment.station_id, TariffAssignment.evse)
            .where(TariffAssignment.evse.is_not(None))
            .distinct()
            .subquery("own_evses")
        )
        self.station, self.evse = stations.c.station_id, evses.c.evse
        own_evse_id = case((evses.c.evse.is_not(None), Evse.id))
        self.place = func.coalesce(own_evse_id, self.station, Station.site_id)
        self._evses = (
            owned(Evse, organization_id)
            .join(Station, Station.id == Evse.station_id)
            .outerjoin(Site, Site.id == Station.site_id)
            .outerjoin(stations, stations.c.station_id == Station.id)
            .outerjoin(evses, (evses.c.station_id == Station.id) & (evses.c.evse == Evse.number))
            .where(Station.retired_at.is_(None), Station.registration == "accepted")
        )

    def select(self, *columns: Any) -> "Select[*tuple[Any, ...]]":
        """These columns of them."""
        return self._evses.with_only_columns(*columns, maintain_column_froms=True)


def _gaps(
    prices: AssignedPrices, here: Sequence[Assigned], currency: str | None
) -> tuple[Gap, ...]:
    """What is missing at a place: `here` are its assignments, in the order of precedence."""
    foreign = None if currency is None else _foreign(prices, here, currency)
    lacks = tuple(_lacks(prices, here))
    return lacks if foreign is None else (*lacks, foreign)


def _lacks(prices: AssignedPrices, here: Sequence[Assigned]) -> Iterator[Gap]:
    """From when on there is no price, and before that, from when on there is only an ad hoc one."""
    for_all = [row.tariff_id for row in here if row.audience is Audience.EVERYBODY]
    ad_hoc = [row.tariff_id for row in here if row.audience is Audience.AD_HOC]
    only_ad_hoc = False
    for number, (at, priced) in enumerate(prices.priced):
        if any(tariff_id in priced for tariff_id in for_all):
            continue
        from_at = None if number == 0 else at
        if not any(tariff_id in priced for tariff_id in ad_hoc):
            idle = next((prices.tariffs[each] for each in (*for_all, *ad_hoc)), None)
            yield Gap(kind=GapKind.NO_PRICE, from_at=from_at, idle=idle)
            return
        if not only_ad_hoc:
            idle = next((prices.tariffs[each] for each in for_all), None)
            yield Gap(kind=GapKind.ONLY_AD_HOC, from_at=from_at, idle=idle)
            only_ad_hoc = True


def _foreign(prices: AssignedPrices, here: Sequence[Assigned], currency: str) -> Gap | None:
    """One of the tariffs that win there now for somebody in another currency.

    The first in force of an audience wins for it. What everybody pays applies to other audiences
    too, and is looked at of itself.
    """
    _, priced = prices.priced[0]
    decided: set[tuple[Audience, UUID | None]] = set()
    for row in here:
        whom = row.audience, row.whom
        if whom in decided or row.tariff_id not in priced:
            continue
        decided.add(whom)
        if prices.tariffs[row.tariff_id].currency != currency:
            return _abroad(prices, row)
    for of_tariff, contracts in prices.contracts.items():
        if of_tariff != currency:
            for row in contracts:
                if (row.audience, row.whom) not in decided:
                    return _abroad(prices, row)
    return None


def _abroad(prices: AssignedPrices, row: Assigned) -> Gap:
    tariff = prices.tariffs[row.tariff_id]
    return Gap(kind=GapKind.OTHER_CURRENCY, tariff=tariff, audience=row.audience)
