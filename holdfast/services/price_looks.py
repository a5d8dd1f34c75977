"""Whose prices are compared with what applies next: stations that changed since the last look.

A look leaves behind what the station was. One that is connected and is something else now (it
booted, said what it can show, was moved, has another EVSE), that was never looked at, or whose
words change with a market is due. Nobody has to tell of it, and a restart loses nothing.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.scope import belongs
from holdfast.services.station_abilities import says_what_it_shows
from holdfast.store.tables import Evse, Station, StationPriceLook, StationVariable

AGAIN_AFTER_FAILURE = timedelta(hours=1)
"""A price that cannot be read is a person's to mend."""

# What each station has is gathered once, not asked for station by station. The condition on the
# variables is that of their index, word by word.
_DUE = text(
    "WITH said AS (SELECT station_id, max(changed_at) AS changed_at FROM station_variables "
    "WHERE lower(component) IN ('tariffcostctrlr', 'displaymessagectrlr') "
    "OR lower(variable) = 'customdisplaycostandprice' GROUP BY station_id), "
    "counted AS (SELECT station_id, count(*) AS evses FROM evses GROUP BY station_id) "
    "SELECT s.id FROM stations s "
    "JOIN station_connections c ON c.station_id = s.id AND c.boot_id IS NOT NULL "
    "LEFT JOIN station_price_looks l ON l.station_id = s.id "
    "LEFT JOIN said ON said.station_id = s.id LEFT JOIN counted ON counted.station_id = s.id "
    "WHERE s.registration = 'accepted' AND s.retired_at IS NULL AND EXISTS ("
    "SELECT FROM tariff_publications p WHERE p.organization_id = s.organization_id "
    "AND p.state IN ('publishing', 'live')) AND (l.station_id IS NULL OR l.due_at <= :now "
    "OR s.booted_at IS DISTINCT FROM l.booted_at OR s.site_id IS DISTINCT FROM l.site_id "
    "OR l.evses <> coalesce(counted.evses, 0) "
    "OR said.changed_at > coalesce(l.variables_at, '-infinity')) "
    "ORDER BY l.looked_at NULLS FIRST, s.id LIMIT :most"
)


async def due_stations(db: AsyncSession, now: datetime, most: int) -> list[UUID]:
    """Stations of all organizations where something is live, those that waited longest first."""
    return list((await db.scalars(_DUE, {"now": now, "most": most})).all())


async def note_looks(
    db: AsyncSession, due_at: Mapping[Station, datetime | None], now: datetime
) -> None:
    """Write down what these stations (of one organization) were at this look, and when the next
    one of each is due at the latest."""
    if not due_at:
        return
    ids = [station.id for station in due_at]
    organization_id = next(iter(due_at)).organization_id
    said = await db.execute(
        select(StationVariable.station_id, func.max(StationVariable.changed_at))
        .where(
            belongs(StationVariable, organization_id),
            StationVariable.station_id.in_(ids),
            says_what_it_shows(),
        )
        .group_by(StationVariable.station_id)
    )
    counted = await db.execute(
        select(Evse.station_id, func.count())
        .where(belongs(Evse, organization_id), Evse.station_id.in_(ids))
        .group_by(Evse.station_id)
    )
    variables_at = {station_id: at for station_id, at in said}
    evses = {station_id: count for station_id, count in counted}
    looks = insert(StationPriceLook).values(
        [
            {
                "station_id": station.id,
                "organization_id": organization_id,
                "looked_at": now,
                "booted_at": station.booted_at,
                "variables_at": variables_at.get(station.id),
                "site_id": station.site_id,
                "evses": evses.get(station.id, 0),
                "due_at": due,
            }
            for station, due in due_at.items()
        ]
    )
    noted = ("looked_at", "booted_at", "variables_at", "site_id", "evses", "due_at")
    await db.execute(
        looks.on_conflict_do_update(
            index_elements=["station_id"], set_={name: looks.excluded[name] for name in noted}
        )
    )
