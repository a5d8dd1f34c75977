"""Local lists as people see them."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.list_contents import rule_of
from holdfast.services.scope import belongs, owned
from holdfast.services.slices import Slice, SliceAsked, take
from holdfast.services.stations import find_station
from holdfast.store.tables import LocalList, LocalListEntry, LocalListRule, Station

RULES_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenList:
    """A station's list; `row` None: it never had one."""

    station: str
    rule: str
    row: LocalList | None
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRule:
    """A rule and where it counts."""

    site_id: UUID | None
    station: str | None
    rule: str


async def see_list(db: AsyncSession, organization_id: UUID, identity: str) -> SeenList:
    """Raises NotFound."""
    station = await find_station(db, organization_id, identity)
    row = await db.scalar(
        owned(LocalList, organization_id)
        .where(LocalList.id == station.id)
        .execution_options(populate_existing=True)
    )
    return await _seen(db, station, row)


async def list_lists(db: AsyncSession, organization_id: UUID, asked: SliceAsked) -> Slice[SeenList]:
    """In the order of the stations' making."""
    rows = await take(db, owned(LocalList, organization_id), LocalList.id, asked)
    seen = [await _seen(db, await db.get_one(Station, row.id), row) for row in rows.items]
    return Slice(items=seen, next=rows.next)


async def list_rules(db: AsyncSession, organization_id: UUID) -> list[SeenRule]:
    """The widest first."""
    rows = await db.execute(
        select(LocalListRule.site_id, Station.identity, LocalListRule.rule)
        .outerjoin(Station, Station.id == LocalListRule.station_id)
        .where(belongs(LocalListRule, organization_id))
        .order_by(
            LocalListRule.station_id.is_not(None), LocalListRule.site_id.is_not(None), Station.id
        )
        .limit(RULES_MAX)
    )
    return [SeenRule(site_id=site, station=station, rule=rule) for site, station, rule in rows]


async def _seen(db: AsyncSession, station: Station, row: LocalList | None) -> SeenList:
    count = await db.scalar(
        select(func.count()).select_from(LocalListEntry).where(LocalListEntry.list_id == station.id)
    )
    rule = await rule_of(db, station)
    return SeenList(station=station.identity, rule=rule, row=row, entries=count or 0)
