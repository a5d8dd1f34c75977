"""Whose prices are compared with what applies next: stations that changed since the last look.

A look leaves behind what the station was. One that is connected and is something else now (it
booted, said what it can show, was moved, has another EVSE), that was never looked at, or whose
words change with a market is due. Nobody has to tell of it, and a restart loses nothing.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domain.tariff.california import SUPPORTED_KEY
from holdfast.services.scope import belongs
from holdfast.services.station_abilities import (
    DISPLAY_CONTROLLER,
    TARIFF_CONTROLLER,
    says_what_it_shows,
)
from holdfast.store.tables import Evse, Station, StationPriceLook, StationVariable

AGAIN_AFTER_FAILURE = timedelta(hours=1)
"""A price that cannot be read is a person's to mend."""

_DUE = text(
    "SELECT s.id FROM stations s "
    "JOIN station_connections c ON c.station_id = s.id AND c.boot_id IS NOT NULL "
    "LEFT JOIN station_price_looks l ON l.station_id = s.id "
    "WHERE s.registration = 'accepted' AND s.retired_at IS NULL AND EXISTS ("
    "SELECT FROM tariff_publications p WHERE p.organization_id = s.organization_id "
    "AND p.state IN ('publishing', 'live')) AND (l.station_id IS NULL OR l.due_at <= :now "
    "OR s.booted_at IS DISTINCT FROM l.booted_at OR s.site_id IS DISTINCT FROM l.site_id "
    "OR l.evses <> (SELECT count(*) FROM evses e WHERE e.station_id = s.id) OR EXISTS ("
    "SELECT FROM station_variables v WHERE v.station_id = s.id "
    "AND v.changed_at > coalesce(l.variables_at, '-infinity') "
    "AND (lower(v.component) IN (:tariffs, :messages) OR lower(v.variable) = :california))) "
    "ORDER BY l.looked_at NULLS FIRST, s.id LIMIT :most"
)


async def due_stations(db: AsyncSession, now: datetime, most: int) -> list[UUID]:
    """Stations of all organizations where something is live, those that waited longest first."""
    values = {
        "now": now,
        "most": most,
        "tariffs": TARIFF_CONTROLLER.lower(),
        "messages": DISPLAY_CONTROLLER.lower(),
        "california": SUPPORTED_KEY.lower(),
    }
    return list((await db.scalars(_DUE, values)).all())


async def note_look(
    db: AsyncSession, station: Station, now: datetime, *, due_at: datetime | None
) -> None:
    """Write down what the station was at this look, and when the next one is due at the latest."""
    said = await db.scalar(
        select(func.max(StationVariable.changed_at)).where(
            belongs(StationVariable, station.organization_id),
            StationVariable.station_id == station.id,
            says_what_it_shows(),
        )
    )
    evses = await db.scalar(
        select(func.count())
        .select_from(Evse)
        .where(belongs(Evse, station.organization_id), Evse.station_id == station.id)
    )
    values = {
        "looked_at": now,
        "booted_at": station.booted_at,
        "variables_at": said,
        "site_id": station.site_id,
        "evses": evses or 0,
        "due_at": due_at,
    }
    await db.execute(
        insert(StationPriceLook)
        .values(station_id=station.id, organization_id=station.organization_id, **values)
        .on_conflict_do_update(index_elements=["station_id"], set_=values)
    )
