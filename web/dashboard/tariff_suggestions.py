"""What free-text fields of the tariff pages suggest. A suggestion binds nobody: any text may be
typed, and the service that reads it decides."""

from functools import lru_cache
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.services.holiday_calendars import calendars
from holdfast.services.scope import owned
from holdfast.store.tables import Site, Station

STATIONS_MAX = 500
COUNTRIES_MAX = 50


async def station_identities(db: AsyncSession, organization_id: UUID) -> tuple[str, ...]:
    """The first identities in alphabetical order."""
    rows = await db.scalars(
        owned(Station, organization_id)
        .with_only_columns(Station.identity)
        .order_by(Station.identity)
        .limit(STATIONS_MAX)
    )
    return tuple(rows)


async def holiday_calendars(db: AsyncSession, organization_id: UUID) -> tuple[str, ...]:
    """Of the countries where there are sites with all their parts, of others the whole country."""
    rows = await db.scalars(
        owned(Site, organization_id)
        .where(Site.country.is_not(None))
        .with_only_columns(Site.country)
        .distinct()
        .limit(COUNTRIES_MAX)
    )
    near = frozenset(rows)
    return tuple(one.key for one in calendars() if one.subdivision is None or one.country in near)


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Zones named by a place; not the old names of countries and offsets."""
    return tuple(
        sorted(
            name
            for name in available_timezones()
            if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))
        )
    )
